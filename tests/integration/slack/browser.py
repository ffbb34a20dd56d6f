"""Headless Chromium on the emulator's page, and axe-core over what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from deploy.playground.slack import SlackEmulator

_ROOT = Path(__file__).parents[3]
AXE = _ROOT / "deploy/playground/slack/web/node_modules/axe-core/axe.min.js"
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        yield running
        await running.close()


async def open_page(browser: Browser, slack: SlackEmulator, place: str = "", **options: Any) -> Page:
    page = await browser.new_page(**options)
    page.set_default_timeout(15_000)
    await page.goto(f"{slack.base_url}/#{place}")
    await page.get_by_test_id("me").wait_for()
    return page


async def serious_faults(page: Page) -> list[str]:
    """axe's serious and critical violations as readable lines; files shown in frames are not the page's own."""
    await page.evaluate(await asyncio.to_thread(AXE.read_text))
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations'], iframes: false, preload: false})")
    return [
        f"{fault['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


async def screenshot(page: Page, name: str) -> None:
    """Into the ignored folder, to be looked at."""
    await page.screenshot(path=_ROOT / "screenshots" / f"slack-{name}.png")
