"""kill -9 of a bot in the middle of a delivery: another one goes on; nothing is lost, nothing is said twice."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from tests.integration.bot.conftest import Scene, until


@contextlib.asynccontextmanager
async def process(scene: Scene) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m bot` as it ships."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    slack = scene.slack
    env = kept | {
        "THREADCAP_SLACK_BOT_TOKEN": slack.bot_token, "THREADCAP_SLACK_APP_TOKEN": slack.app_token,
        "THREADCAP_SLACK_BASE_URL": slack.api_url, "THREADCAP_REDIS_URL": scene.redis_url,
        "THREADCAP_ARTIFACTS_URL": scene.artifacts_url, "THREADCAP_CLAIM_SECONDS": "12",
    }  # fmt: skip
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", env=env, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


@pytest.mark.parametrize("moment", ["card", "verdict", "first file"])
async def test_kill_nine_while_delivering(scene: Scene, moment: str) -> None:
    async with process(scene) as first:
        await until(lambda: scene.slack.sockets.connected == 1)
        await scene.slack.people.command("alice", "incidents", "/capture deploy/checkout -n shop")
        job = await scene.job()
        if moment == "card":
            await until(lambda: scene.parts() == ["card"])
            first.kill()
            await first.wait()
        await scene.finish(job.id, pods=3)
        if moment == "verdict":
            await until(lambda: "verdict" in scene.parts())
        elif moment == "first file":
            await until(lambda: any(f.state != "pending" for f in scene.slack.workspace.files.values()))
        with contextlib.suppress(ProcessLookupError):
            first.send_signal(signal.SIGKILL)
        await first.wait()
        async with process(scene) as second:
            await scene.complete(job.id)
            second.terminate()
            assert await asyncio.wait_for(second.wait(), 10) == 0
    assert scene.parts() == ["card", "verdict"]
    assert sorted(scene.files()) == sorted(a.name for a in scene.store.get(job.id).artifacts if a.kind == "pcap")


@pytest.mark.parametrize("moment", ["verdict", "upload", "files"])
async def test_paused_bot_wakes_up_after_another_has_taken_over(scene: Scene, moment: str) -> None:
    def reached() -> bool:
        files = [f for f in scene.slack.workspace.files.values() if f.name.endswith(".pcap")]
        seen = {"verdict": "verdict" in scene.parts(), "upload": bool(files), "files": bool(scene.files())}
        return seen[moment]

    async with process(scene) as first:
        await until(lambda: scene.slack.sockets.connected == 1)
        await scene.slack.people.command("alice", "incidents", "/capture deploy/checkout -n shop")
        job = await scene.job()
        await scene.finish(job.id, pods=4)
        await until(reached)
        first.send_signal(signal.SIGSTOP)
        async with process(scene):
            await scene.complete(job.id)
            first.send_signal(signal.SIGCONT)
            again = await scene.job()
            scene.store.change(again.id, lambda old: old.evolve(message="one more word"))
            await until(lambda: not any(unsettled(scene, job.id)))
    assert scene.parts() == ["card", "verdict"]
    assert sorted(scene.files()) == sorted(a.name for a in scene.store.get(job.id).artifacts if a.kind == "pcap")


def unsettled(scene: Scene, job_id: str) -> list[str]:
    """Return what the card does not show yet."""
    card = next(m for m in scene.messages() if m.ts == scene.store.posted(job_id)["card"])
    return [] if "one more word" in str(card.blocks) else ["card"]


async def test_two_bots_share_the_work(scene: Scene) -> None:
    scene.slack.context.limits.enabled = False
    async with scene.bot(), scene.bot():
        lines = [f"/capture deploy/checkout{number} -n shop" for number in range(6)]
        await asyncio.gather(*(scene.slack.people.command("alice", "incidents", line) for line in lines))
        await scene.job(6)
        made = scene.store.recent()
        await asyncio.gather(*(scene.finish(job.id, pods=2) for job in made))
        await until(lambda: all(scene.store.posted(job.id).get("complete") for job in made))
        await until(lambda: len(scene.files()) == 12)
    assert sorted(scene.parts()) == ["card"] * 6 + ["verdict"] * 6


async def test_lost_answers_are_not_said_again(scene: Scene) -> None:
    """Slack did it and the answer got lost: the thread is searched before anything is said again."""
    lost = {"chat.postMessage": 2, "files.completeUploadExternal": 2, "chat.update": 1}
    scene.slack.context.faults.lose_answers |= lost
    async with scene.bot():
        await scene.slack.people.command("alice", "incidents", "/capture deploy/checkout -n shop")
        job = await scene.job()
        await scene.finish(job.id)
        await scene.complete(job.id)
    assert scene.parts() == ["card", "verdict"]
    assert sorted(scene.files()) == sorted(a.name for a in scene.store.get(job.id).artifacts if a.kind == "pcap")
