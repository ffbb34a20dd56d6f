"""The process itself: lost sockets, health, draining at SIGTERM, settings that do not fit."""

import asyncio
import os
import sys
import time
from pathlib import Path

import aiohttp

from bot.settings import Mode
from tests.integration.bot.conftest import Scene, until
from tests.integration.bot.test_killed_bot_is_replaced import process


async def test_dropped_and_refreshed_sockets_come_back(scene: Scene) -> None:
    async with scene.bot():
        await scene.slack.sockets.refresh("refresh_requested")
        await scene.slack.people.command("alice", "incidents", "/capture deploy/checkout -n shop")
        await scene.job(1)
        old = set(scene.slack.sockets._sockets)
        await scene.slack.sockets.drop()
        await until(lambda: scene.slack.sockets.connected and not old & set(scene.slack.sockets._sockets))
        await scene.slack.people.command("alice", "incidents", "/capture deploy/payments -n shop")
        await scene.job(2)


async def test_sigterm_drains_within_ten_seconds(scene: Scene) -> None:
    async with process(scene) as bot:
        await until(lambda: scene.slack.sockets.connected == 1)
        for name in ("checkout", "payments", "cart"):
            await scene.slack.people.command("alice", "incidents", f"/capture deploy/{name} -n shop")
        started = time.monotonic()
        bot.terminate()
        assert await asyncio.wait_for(bot.wait(), 15) == 0
        assert time.monotonic() - started < 10
    assert len(scene.store.recent()) == 3, "acknowledged and then forgotten"


async def test_health_in_http_mode(http_scene: tuple[Scene, int]) -> None:
    scene, port = http_scene
    async with scene.bot(mode=Mode.HTTP, host="127.0.0.1", port=port), aiohttp.ClientSession() as session:
        base = f"http://127.0.0.1:{port}"
        async with session.get(f"{base}/healthz") as answer:
            assert answer.status == 200
        async with session.post(f"{base}/slack/events", data=b"payload={}") as answer:
            assert answer.status == 401, "unsigned requests are refused"


async def test_sign_of_life(scene: Scene, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    async with scene.bot(ready_file=str(alive)):
        await until(alive.exists)


async def test_missing_settings_are_named() -> None:
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", env={"PATH": os.environ["PATH"]},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, told = await bot.communicate()
    assert bot.returncode == 2
    assert b"THREADCAP_SLACK_BOT_TOKEN" in told
    assert b"Traceback" not in told
