"""The console as people meet it: its page in headless Chromium, on the whole product. Screenshots in screenshots/."""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, ViewportSize, async_playwright, expect

from deploy.playground.scene_panel import ScenePanel
from deploy.playground.stack import Stack
from deploy.playground.up import PlaygroundSettings
from tests.support.captures import all_written
from tests.support.playground import SharedPlayground, Stage
from tests.support.stack import remote_processes, until
from workers.capture.spool import RecordWalk
from workers.contract import codec
from workers.contract.job import Job, JobState
from workers.contract.report import Report
from workers.state import RedisJobStore

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SHOTS = Path(__file__).resolve().parents[2] / "screenshots"
PHONE = ViewportSize(width=390, height=844)
STARTED = 30_000
"""Milliseconds until a capture's card may be expected, on a busy machine."""
ENDED = 60_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bare_stack(playground: SharedPlayground) -> AsyncIterator[Stack]:
    """Redis and Slack with the console's scene panel."""
    settings = PlaygroundSettings(id=f"test-{secrets.token_hex(4)}")
    panel = ScenePanel(playground.admin_kubeconfig, settings.rundir)
    async with Stack(settings, progress=lambda line: None, cluster=playground, panels=[panel]) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="module")
async def page(stack: Stack) -> AsyncIterator[Page]:
    """The workspace as alice sees it, at the size of a desktop."""
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        opened = await browser.new_page(viewport={"width": 1360, "height": 900})
        opened.set_default_timeout(20_000)
        await opened.goto(f"{stack.slack.base_url}/#user=alice")
        await opened.get_by_test_id("composer").wait_for()
        yield opened
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def store(stack: Stack) -> AsyncIterator[RedisJobStore]:
    """The product's own job store, to compare the page with."""
    opened = RedisJobStore(stack.redis_url)
    yield opened
    opened.close()


async def test_slash_command_card_moves_and_pcap_is_proved(
    stack: Stack, store: RedisJobStore, page: Page, playground: SharedPlayground
) -> None:
    composer = page.get_by_test_id("composer")
    await composer.press_sequentially("/ca")
    await composer.press("Tab")
    await composer.press_sequentially("deploy/checkout -n shop port 8080 for 20s")
    await composer.press("Enter")
    card = await _card(page)
    job_id = await card.locator("code").last.inner_text()
    await expect(page.get_by_text("Understood:")).to_be_visible()
    assert len(await _texts_while_capturing(page, card)) >= 3, "the card did not move twice"
    await expect(card).to_contain_text("Done", timeout=ENDED)
    await card.locator("button.replies").click()
    pane = page.get_by_test_id("thread-pane")
    link = pane.locator("[data-testid^=file-]")
    await link.wait_for(timeout=ENDED)
    await _prove(stack, store, page, link, job_id)
    await expect(pane.get_by_text("byte-equal to what tcpdump wrote")).to_be_visible()
    await _all_pictures_drawn(pane, 2)
    # what the bot writes is drawn, not shown as source
    for source in ("*Critical", "`", ":large_", "<@U", "&amp;", "&gt;"):
        await expect(pane.get_by_text(source, exact=False)).to_have_count(0)
    await _shoot(page, "thread-desktop")
    await _at_phone_width(page, "thread-phone")
    assert remote_processes(playground.admin_kubeconfig, store.get(job_id)) == []


async def test_stop_and_keep_in_a_thread(stack: Stack, store: RedisJobStore, page: Page) -> None:
    alarm = stack.slack.people.say("alice", "incidents", "Orders fail since a minute.")
    await page.get_by_test_id(f"message-{alarm.ts}").hover()
    await page.get_by_test_id(f"thread-open-{alarm.ts}").click()
    pane = page.get_by_test_id("thread-pane")
    words = page.get_by_test_id("thread-composer")
    await words.fill("@threadcap capture deploy/checkout -n shop port 8080 for 2m")
    await words.press("Enter")
    await expect(pane.get_by_text("packets ·").first).to_be_visible(timeout=STARTED)
    await _shoot(page, "card-desktop")
    pressed = time.monotonic()
    await pane.get_by_test_id("button-stop").click()
    link = pane.locator("[data-testid^=file-]")
    await link.wait_for(timeout=ENDED)
    assert time.monotonic() - pressed < 45, "it ran on to its own end"
    await expect(pane.get_by_text("Stopped by").first).to_contain_text("alice")
    job = await until(lambda: _newest(store, alarm.ts), 10, "the thread's job")
    assert job.state is JobState.DONE
    assert job.stop_by is not None
    await _prove(stack, store, page, link, job.id)


async def test_mistake_is_shown_to_its_author_alone(page: Page) -> None:
    composer = page.get_by_test_id("composer")
    await composer.fill("/capture deploy/checkout -n shop fro 20s")
    await composer.press("Enter")
    note = page.locator("article", has=page.get_by_test_id("ephemeral")).last
    await expect(note).to_contain_text("fro is neither an option nor a word of a filter")
    marked = await note.locator("code.slack_code").inner_text()
    line, carets = [each for each in marked.splitlines() if each.strip()]
    assert carets.index("^") == line.index("fro")
    await expect(note).to_contain_text("/capture deploy/checkout -n shop for 20s")
    await _shoot(page, "mistake-desktop")
    await _at_phone_width(page, "mistake-phone")
    await page.get_by_test_id("me").select_option("bob")
    await expect(page.get_by_test_id("composer")).to_be_visible()
    await expect(page.get_by_text("fro is neither")).to_have_count(0)


async def test_scene_panel_shows_pods_breaks_one_and_reads_the_worker(
    page: Page, playground: SharedPlayground, stage: Stage
) -> None:
    namespace = await stage("payments")
    names = playground.kubectl("get", "pods", "-n", namespace, "-o", "name").stdout.split()
    name = names[0].removeprefix("pod/")
    await page.get_by_test_id("scene-open").click()
    row = page.get_by_test_id(f"pod-{name}")
    await expect(row).to_contain_text("Running")
    await page.get_by_test_id(f"fault-{name}").click()
    await page.get_by_test_id("fault-dialog").get_by_label("refuse").check()
    await page.get_by_test_id("fault-inject").click()
    await expect(row).to_contain_text("refuse, port 8080")
    await expect(page.get_by_test_id("log")).to_contain_text("Worker ready.")
    await _shoot(page, "scene-desktop")
    await page.get_by_test_id(f"fault-{name}").click()
    await expect(page.get_by_test_id("scene-said")).to_have_text(f"{name} is healed.")
    playground.kubectl("delete", "pod", name, "-n", namespace, "--wait=false")
    await expect(row).to_have_count(0, timeout=STARTED)
    await page.get_by_test_id("log-of").select_option("bot-1")
    await expect(page.get_by_test_id("log")).to_contain_text("Bot ready (mode socket).")
    await page.set_viewport_size(PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await _shoot(page, "scene-phone")


async def _card(page: Page) -> Locator:
    """The card of the capture that runs, by its own place: its button goes when it ends."""
    button = page.get_by_test_id("button-stop")
    await button.wait_for(timeout=STARTED)
    card = page.locator("article", has=button).last
    name = await card.get_attribute("data-testid")
    assert name is not None
    return page.get_by_test_id(name)


async def _texts_while_capturing(page: Page, card: Locator) -> list[str]:
    """What the card said, one after the other, until its capture ended."""
    texts: list[str] = []
    deadline = time.monotonic() + ENDED / 1000
    while "Capturing" in (text := await card.inner_text()):
        assert time.monotonic() < deadline, f"the card stayed: {texts}"
        if text not in texts:
            texts.append(text)
            await _shoot(page, f"card-moving-{len(texts)}")
        await asyncio.sleep(0.1)
    return texts


async def _prove(stack: Stack, store: RedisJobStore, page: Page, link: Locator, job_id: str) -> None:
    """Download by the page; the file is what tcpdump wrote in the pod, packet for packet."""
    async with page.expect_download() as waiting:
        await link.click()
    download = await waiting.value
    data = await asyncio.to_thread(Path(await download.path()).read_bytes)
    job = store.get(job_id)
    assert job.report is not None
    path = stack.rundir / "artifacts" / job.report.key
    report = codec.decode(Report, json.loads(await asyncio.to_thread(path.read_text)))
    (target,) = report.targets
    assert target.pcap is not None
    assert download.suggested_filename == target.pcap.name
    assert hashlib.sha256(data).hexdigest() == target.outcome.pod_sha256
    walk = RecordWalk()
    walk.feed(data)
    assert 0 < walk.records == target.outcome.packets
    assert all_written(target.outcome)


async def _all_pictures_drawn(pane: Locator, number: int) -> None:
    pictures = pane.locator(".blocks img")
    await expect(pictures).to_have_count(number)
    for picture in await pictures.all():
        assert await picture.get_attribute("alt")
        await picture.evaluate("e => e.decode()")
        assert await picture.evaluate("e => e.naturalWidth") > 400


async def _at_phone_width(page: Page, name: str) -> None:
    """Nothing may stick out at the width of a phone."""
    desktop = page.viewport_size
    assert desktop is not None
    await page.set_viewport_size(PHONE)
    await expect(page.locator("textarea:visible")).to_have_count(1)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wide = "[...document.querySelectorAll('.blocks > *')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert await page.evaluate(wide) == 0
    await _shoot(page, name)
    await page.set_viewport_size(desktop)


async def _shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SHOTS / f"{name}.png")


def _newest(store: RedisJobStore, thread_ts: str) -> Job | None:
    jobs = (job for job in store.recent(20) if job.origin.thread_ts == thread_ts)
    return next((job for job in jobs if job.final), None)
