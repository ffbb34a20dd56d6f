"""The bot's composition root: settings -> store, queue, chat -> Bolt app and thread keeper, until SIGTERM.

Socket Mode by default, signed HTTP by a setting. At the end nothing new is taken, what runs is waited for, and
what is left undone stays dirty in the store for the next bot.
"""

import asyncio
import contextlib
import itertools
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from bot.chat import CALL_TIMEOUT, SlackChat, web_client
from bot.commands import Commands
from bot.ledger import aside
from bot.listeners import AsyncApp, AsyncSlackAppServer, AsyncSocketModeHandler, Listeners, Tasks, bolt_app
from bot.settings import BadSettings, Mode, Settings, load
from bot.thread import Tempo, ThreadKeeper
from workers.artifacts import open_artifacts
from workers.contract.errors import StoreUnavailable, ThreadcapError
from workers.contract.ports import ArtifactStore, JobQueue, JobStore
from workers.log import set_up
from workers.queue import CeleryQueue
from workers.state import RedisJobStore

log = structlog.get_logger()

STORE_THREADS = 48
"""Store calls and file reads at the same time; each blocks a thread."""
EVENTS_PATH = "/slack/events"
SIGN_OF_LIFE = 5.0
PING = 2.0
"""Seconds between looks at the socket; a lost one is opened again within two of them."""


class Bot:
    """One bot process. Everything it needs is handed in, so that tests can hand in twins."""

    def __init__(self, settings: Settings, store: JobStore, queue: JobQueue, artifacts: ArtifactStore) -> None:
        self._settings = settings
        self._store = store
        self._queue = queue
        self._artifacts = artifacts
        self._stopping = asyncio.Event()
        self.ready = asyncio.Event()
        self._connected: Callable[[], Awaitable[bool]] = _always
        self.port = 0
        """The port listened on in mode http."""

    def stop(self) -> None:
        """Ask `run` to end; it drains first."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`, then drain within `drain_seconds`."""
        settings = self._settings
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT)) as session:
            client = web_client(settings.slack_bot_token.get_secret_value(), settings.slack_base_url, session)
            chat, tasks = SlackChat(client, session), Tasks()
            commands = Commands(self._store, self._queue, settings.rules, time.time)
            app = bolt_app(client, settings.slack_signing_secret.get_secret_value())
            limits, command = settings.limits, settings.slack_command
            Listeners(commands, self._store, chat, limits, tasks, command=command).register(app)
            keeper = ThreadKeeper(self._store, chat, self._artifacts, tempo=Tempo(claim=settings.claim_seconds))
            keeping = asyncio.create_task(keeper.run())
            try:
                async with contextlib.AsyncExitStack() as stack:
                    entry = self._socket(app) if settings.mode is Mode.SOCKET else self._http(app)
                    await stack.enter_async_context(entry)
                    await self._until_stopped(keeping)
                grace = settings.drain_seconds
                await asyncio.gather(tasks.drain(grace), keeper.stop(grace))
            finally:
                keeping.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await keeping

    async def _until_stopped(self, keeping: "asyncio.Task[None]") -> None:
        """Wait for `stop`, giving signs of life. Raises what ended the keeper, should it end."""
        self.ready.set()
        log.info("bot_ready", mode=str(self._settings.mode))
        stopped = asyncio.create_task(self._stopping.wait())
        while not stopped.done():
            await self._live_sign()
            await asyncio.wait({stopped, keeping}, timeout=SIGN_OF_LIFE, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done() and not stopped.done():
                stopped.cancel()
                keeping.result()
                return
        log.info("bot_draining")

    async def _live_sign(self) -> None:
        if self._settings.ready_file:
            with contextlib.suppress(StoreUnavailable, OSError):
                await aside(self._store.ping)
                if not await self._connected():
                    return
                await aside(Path(self._settings.ready_file).touch)

    @contextlib.asynccontextmanager
    async def _socket(self, app: AsyncApp) -> AsyncIterator[None]:
        # a client of its own: the app-level token, and the base URL that the default one would not know
        token = self._settings.slack_app_token.get_secret_value()
        client = web_client(token, self._settings.slack_base_url)
        handler = AsyncSocketModeHandler(app, token, web_client=client, ping_interval=PING)
        try:
            await self._connect(handler)
            self._connected = handler.client.is_connected
            yield
        finally:
            await handler.close_async()
            await handler.client.aiohttp_client_session.close()

    async def _connect(self, handler: AsyncSocketModeHandler) -> None:
        """Open the socket; while Slack is away, try again."""
        for attempt in itertools.count():
            try:
                await handler.client.connect_to_new_endpoint(force=True)
                return
            except Exception as error:  # the library raises anything here; nothing works without the socket
                log.warning("socket_not_open", kind=type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), min(30.0, 1.0 * 2.0 ** min(attempt, 5)))
                if self._stopping.is_set():
                    return

    @contextlib.asynccontextmanager
    async def _http(self, app: AsyncApp) -> AsyncIterator[None]:
        server = AsyncSlackAppServer(self._settings.port, EVENTS_PATH, app)
        server.web_app.router.add_get("/healthz", self._health)
        runner = web.AppRunner(server.web_app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        site = web.TCPSite(runner, self._settings.host or None, self._settings.port)
        try:
            await site.start()
            self.port = runner.addresses[0][1]
            log.info("bot_listening", port=self.port)
            yield
        finally:
            await runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        try:
            await aside(self._store.ping)
        except StoreUnavailable:
            return web.Response(status=503, text="the job store does not answer\n")
        return web.Response(text="ok\n")


async def _always() -> bool:
    return True


async def serve(settings: Settings) -> None:
    """Run a bot on the real store, queue and artifact store until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(STORE_THREADS, "store"))
    store = RedisJobStore(settings.redis_url)
    bot = Bot(settings, store, CeleryQueue(settings.redis_url), open_artifacts(settings.artifacts_url))
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, bot.stop)
    try:
        await bot.run()
    finally:
        store.close()


def main() -> int:
    """Run the bot; returns the process's exit code."""
    try:
        settings = load()
    except BadSettings as error:
        print(error.user_message, file=sys.stderr)
        return error.exit_code
    set_up(settings.log_level, name="bot")
    try:
        asyncio.run(serve(settings))
    except ThreadcapError as error:
        log.exception("bot_ended", code=error.code)
        print(error.user_message, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
