"""One browser for a whole run; a fresh emulator and fresh pages, in the browser's event loop, for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from deploy.playground.slack import SlackEmulator

from ..bolt import Seen, make_app, socket_app
from ..browser import chromium
from ..forms import CONFIG, answer_forms


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser(running: Browser) -> AsyncIterator[Browser]:
    """The browser; what a test opened in it is closed."""
    yield running
    for context in running.contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def slack() -> AsyncIterator[SlackEmulator]:
    """A workspace whose app has shortcuts and a Home tab."""
    async with SlackEmulator(config=CONFIG, attach_delay=0.01) as emulator:
        yield emulator


@pytest_asyncio.fixture(loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as one:
        yield one


@pytest.fixture
def web(slack: SlackEmulator, session: aiohttp.ClientSession) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)


@pytest.fixture
def seen() -> Seen:
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def app(slack: SlackEmulator, seen: Seen) -> AsyncIterator[AsyncApp]:
    """A Bolt app that answers for everything in forms.py and records it in `seen`."""
    app = make_app(slack, seen)
    answer_forms(app, seen)
    async with socket_app(slack, app):
        yield app
