"""The scene panel in headless Chromium, on a panel that stands for the console's; and that its routes are guarded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, expect

from deploy.playground.slack import SlackEmulator

from ..browser import open_page, screenshot

pytestmark = pytest.mark.asyncio(loop_scope="session")

Json = dict[str, Any]


class Stage:
    """Answers as deploy/playground/scene_panel.py does, and keeps what it was asked."""

    name = "scene"

    def __init__(self) -> None:
        self.asked: list[Json] = []
        self.problem: str | None = None
        self.pods = [
            pod("checkout-1"),
            pod("payments-1", status="CrashLoopBackOff", ready="0/1", restarts="3 (2s ago)"),
        ]
        self.nodes = [{"name": name, "status": "Ready", "fault": None} for name in ("node-1", "node-2")]
        self.lines = [{"at": "2026-01-02T03:04:05Z", "level": "info", "text": "Worker ready."}]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_panel/scene", self.look),
            web.get("/_panel/scene/log", self.log),
            web.post("/_panel/scene/fault", self.fault),
        ]

    async def look(self, request: web.Request) -> web.Response:
        if self.problem:
            return web.json_response({"ok": False, "error": self.problem}, status=503)
        kinds = [
            {"name": "drop", "words": "Packets vanish.", "numbers": ["port"]},
            {"name": "loss", "words": "", "numbers": ["port", "loss_percent"]},
        ]
        lost = [{"name": "node-lost", "words": "Away.", "numbers": []}]
        rest = {"numbers": {"port": 8080, "loss_percent": 20}, "logs": ["bot-1", "worker-1"], "node_kinds": lost}
        return web.json_response({"pods": self.pods, "nodes": self.nodes, "kinds": kinds, **rest})

    async def log(self, request: web.Request) -> web.Response:
        more = [{"at": "", "level": "error", "text": f"The {request.query['name']} says so."}]
        return web.json_response({"lines": [*self.lines, *more]})

    async def fault(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        if body.get("port") == 1:
            return web.json_response({"ok": False, "error": "400: not that port"}, status=400)
        fault = None if body["kind"] == "none" else body["kind"]
        if "node" in body:
            self.nodes[1] = {"name": body["node"], "status": "NotReady" if fault else "Ready", "fault": fault}
        else:
            self.pods[0] = pod(body["pod"], fault=fault)
        return web.json_response({"ok": True})


def pod(name: str, **more: Any) -> Json:
    shown = {"namespace": "shop", "ready": "1/1", "status": "Running", "restarts": "0", "node": "node-1", "fault": None}
    return {"name": name, **shown, **more}


@pytest.fixture
def scene() -> Stage:
    return Stage()


@pytest_asyncio.fixture(loop_scope="session")
async def slack(scene: Stage) -> AsyncIterator[SlackEmulator]:
    async with SlackEmulator(panels=[scene]) as emulator:
        yield emulator


async def test_pods_are_shown_live_and_suffer_what_is_chosen(
    slack: SlackEmulator, scene: Stage, browser: Browser
) -> None:
    page = await open_page(browser, slack)
    await page.get_by_test_id("scene-open").press("Enter")
    await expect(page.get_by_test_id("scene-close")).to_be_focused()
    row = page.get_by_test_id("pod-payments-1")
    assert (await row.inner_text()).split() == "payments-1 shop, node-1 0/1 CrashLoopBackOff 3 (2s ago) Inject…".split()
    scene.pods[1] = pod("payments-1")
    await expect(row).to_contain_text("Running")
    button = page.get_by_test_id("fault-checkout-1")
    await button.press("Enter")
    dialog = page.get_by_test_id("fault-dialog")
    await expect(dialog.get_by_role("radio", name="drop Packets vanish.")).to_be_focused()
    await expect(dialog.get_by_label("Loss percent")).to_have_count(0)
    await page.keyboard.press("ArrowDown")
    await dialog.get_by_label("Loss percent").fill("35")
    await dialog.get_by_label("Port").fill("1")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_have_text("400: not that port")
    await dialog.get_by_label("Port").fill("5432")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("scene-said")).to_have_text("checkout-1 now suffers: loss.")
    assert scene.asked[-1] == {
        "namespace": "shop", "pod": "checkout-1", "kind": "loss", "port": 5432, "loss_percent": 35
    }  # fmt: skip
    await expect(button).to_have_accessible_name("Heal checkout-1")
    await expect(button).to_be_focused()
    await screenshot(page, "scene-faulty")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("scene-said")).to_have_text("checkout-1 is healed.")
    assert scene.asked[-1] == {"namespace": "shop", "pod": "checkout-1", "kind": "none"}
    await expect(button).to_have_accessible_name("Inject a fault in checkout-1")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("scene")).to_have_count(0)
    await expect(page.get_by_test_id("scene-open")).to_be_focused()


async def test_node_is_lost_and_healed(slack: SlackEmulator, scene: Stage, browser: Browser) -> None:
    page = await open_page(browser, slack, "panel=scene")
    node, button = page.get_by_test_id("node-node-2"), page.get_by_test_id("fault-node-2")
    await button.press("Enter")
    await expect(page.get_by_test_id("fault-dialog").get_by_role("radio", name="node-lost Away.")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(node).to_contain_text("NotReady")
    assert scene.asked == [{"node": "node-2", "kind": "node-lost"}]
    await expect(button).to_have_accessible_name("Heal node-2")
    await screenshot(page, "scene-node")
    await button.press("Enter")
    await expect(node).not_to_contain_text("NotReady")
    assert scene.asked[-1] == {"node": "node-2", "kind": "none"}


async def test_logs_are_read_live_and_newest_last(slack: SlackEmulator, scene: Stage, browser: Browser) -> None:
    page = await open_page(browser, slack, "panel=scene", viewport={"width": 390, "height": 844})
    log = page.get_by_test_id("log")
    await expect(log).to_contain_text("The worker-1 says so.")
    scene.lines += [{"at": "", "level": "info", "text": f"Job {number} left."} for number in range(60)]
    await expect(log).to_contain_text("Job 59 left.")
    await expect(log.locator("li").last).to_be_in_viewport()
    await page.get_by_test_id("log-of").select_option("bot-1")
    await expect(log.locator("li").last).to_have_text("error The bot-1 says so.")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await screenshot(page, "scene-390")
    await page.get_by_test_id("channel-general").click()
    await expect(page.get_by_test_id("composer")).to_be_visible()


async def test_silent_cluster_is_said_and_recovered_from(slack: SlackEmulator, scene: Stage, browser: Browser) -> None:
    scene.problem = "The cluster does not answer."
    page = await open_page(browser, slack, "panel=scene")
    await expect(page.get_by_test_id("scene").get_by_role("alert")).to_have_text("The cluster does not answer.")
    scene.problem = None
    await expect(page.get_by_test_id("pod-checkout-1")).to_be_visible()
    await expect(page.get_by_test_id("scene").get_by_role("alert")).to_have_count(0)


async def test_emulator_alone_has_no_panel(browser: Browser) -> None:
    async with SlackEmulator() as alone:
        page = await open_page(browser, alone, "panel=scene")
        await expect(page.get_by_test_id("composer")).to_be_visible()
        await expect(page.get_by_test_id("scene-open")).to_have_count(0)
        await expect(page.get_by_test_id("scene")).to_have_count(0)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_panels_are_guarded_as_everything_else(
    slack: SlackEmulator, scene: Stage, session: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    body = {"namespace": "shop", "pod": "checkout-1", "kind": "drop"}
    async with session.post(f"{slack.base_url}/_panel/scene/fault", json=body, headers=headers) as answer:
        assert answer.status == status
    async with session.get(f"{slack.base_url}/_panel/scene", headers=headers) as answer:
        assert answer.status == status
    assert scene.asked == []
