"""Composition: one aiohttp application on loopback that is a Slack workspace."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from .clock import Clock
from .context import AppConfig, Context
from .control import Control
from .http_delivery import HttpDelivery
from .installed import Installation, Installed
from .page_api import PageApi
from .panels import Panel
from .socket_mode import SocketMode
from .state import Json, Message, Seed, Workspace
from .webapi import WebApi

DIST = Path(__file__).parent / "web" / "dist"
BODY_LIMIT = 8 << 20
_NOT_BUILT = (
    "<!doctype html><title>Playground</title><p>The page is not built: npm ci &amp;&amp; npm run build in web/."
)
_CSP = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SlackEmulator:
    """A running workspace: `async with SlackEmulator() as slack: …`.

    `port` 0 takes a free one. `rundir` holds uploaded files (a temporary folder by default, removed at the
    end). `events_url` switches from Socket Mode to signed HTTP, delivered there. `attach_delay` is how
    long an upload takes to show up, in seconds. `others` are more workspaces that the app is installed in
    (`PARTNER`): `slack.at(PARTNER)` has their people and token; the page and this object's own show the first.
    `panels` are what the page shows beside the workspace.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        rundir: Path | None = None,
        config: AppConfig | None = None,
        clock: Clock | None = None,
        events_url: str | None = None,
        attach_delay: float = 0.3,
        others: tuple[Seed, ...] = (),
        panels: Sequence[Panel] = (),
    ) -> None:
        self._port = port
        self._panels = tuple(panels)
        self._own_rundir = rundir is None
        folder = rundir or Path(tempfile.mkdtemp(prefix="threadcap-slack-"))
        self.context = Context(folder, config or AppConfig(), clock or Clock(), attach_delay)
        self.sockets = SocketMode(self.context)
        self.http = HttpDelivery(self.context, events_url) if events_url else None
        self.installed = Installed(self.context, others, self.http or self.sockets)
        self.people = self.installed.home.people
        self.control = Control(self.installed, None if self.http else self.sockets)
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def base_url(self) -> str:
        return self.context.base_url

    @property
    def api_url(self) -> str:
        """What slack_sdk calls base_url."""
        return self.context.base_url + "/api/"

    @property
    def bot_token(self) -> str:
        return self.context.tokens.bot

    @property
    def app_token(self) -> str:
        return self.context.tokens.app

    @property
    def signing_secret(self) -> str:
        return self.context.tokens.signing_secret

    @property
    def workspace(self) -> Workspace:
        return self.context.workspace

    def at(self, seed: Seed) -> Installation:
        """The app's installation in one of its workspaces."""
        return self.installed.all[seed.team.id]

    def environment(self) -> dict[str, str]:
        """What an app needs to talk to this workspace."""
        return {
            "SLACK_BOT_TOKEN": self.bot_token, "SLACK_APP_TOKEN": self.app_token,
            "SLACK_SIGNING_SECRET": self.signing_secret, "SLACK_API_URL": self.api_url,
        }  # fmt: skip

    async def start(self) -> None:
        """Listen on loopback. Raises OSError when the port is taken."""
        self.context.rundir.mkdir(parents=True, exist_ok=True)
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await self._site.start()
        self._port = self._runner.addresses[0][1]
        for one in self.installed.all.values():
            one.context.base_url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Close everything; nothing of ours runs or lies about afterwards."""
        if self._site is not None:  # first of all: whoever connects while we end would be nobody's to close
            await self._site.stop()
        await self.context.cancel_tasks()
        await self.sockets.close()
        if self.http is not None:
            await self.http.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._own_rundir:
            await asyncio.to_thread(shutil.rmtree, self.context.rundir, ignore_errors=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def wait_for(self, wanted: Callable[[], Message | Json | bool | None], seconds: float = 10.0) -> None:
        """Return when `wanted()` is true, asked again after each change. Raises TimeoutError."""
        changed = asyncio.Event()
        end = self.workspace.listen(lambda _change: changed.set())
        try:
            async with asyncio.timeout(seconds):
                while not wanted():
                    changed.clear()
                    await changed.wait()
        finally:
            end()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=BODY_LIMIT)
        api = WebApi(self.installed, None if self.http else self.sockets)
        page = PageApi(self.context, self.people, [panel.name for panel in self._panels])
        app.add_routes(
            [
                web.route("*", "/api/{method}", api.handle),
                web.post("/upload/v1/{team:[A-Z0-9]+}-{token}", self._upload),
                web.get("/files-pri/{team:[A-Z0-9]+}-{file:[A-Z0-9]+}/{download:download}/{name}", self._download),
                web.get("/files-pri/{team:[A-Z0-9]+}-{file:[A-Z0-9]+}/{name}", self._download),
                web.get("/link/", self.sockets.handle),
                web.post("/response/{team:[A-Z0-9]+}/{token}", self._response),
                *page.routes(),
                *self.control.routes(),
                *(route for panel in self._panels for route in panel.routes()),
                web.get("/assets/{name:[A-Za-z0-9._-]+}", _asset),
            ]
        )

        async def index(request: web.Request) -> web.Response:
            path = DIST / "index.html"
            html = path.read_text() if path.exists() else _NOT_BUILT
            answer = web.Response(text=html, content_type="text/html")
            answer.headers["Content-Security-Policy"] = _CSP
            page.sign_in(answer)
            return answer

        app.router.add_get("/", index)
        return app

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return await self.installed.addressed(request).context.uploads.send(request)

    async def _upload(self, request: web.Request) -> web.Response:
        return await self.installed.addressed(request).context.uploads.receive(request)

    async def _response(self, request: web.Request) -> web.Response:
        return await self.installed.addressed(request).people.responses.handle(request)

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Only this host name, only the page's own origin: no DNS rebinding, no foreign page."""
        names = {f"127.0.0.1:{self._port}", f"localhost:{self._port}"}
        if request.host not in names:
            raise web.HTTPMisdirectedRequest(text="unknown host")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in {f"http://{name}" for name in names}:
            raise web.HTTPForbidden(text="foreign origin")
        foreign = request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
        opened = request.path == "/" and request.headers.get("Sec-Fetch-Dest") == "document"
        if foreign and not opened:  # a link elsewhere may open the page, as a document and not in a frame
            raise web.HTTPForbidden(text="foreign site")
        return await handler(request)


async def _asset(request: web.Request) -> web.StreamResponse:
    path = DIST / request.match_info["name"]
    if not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers={"Cache-Control": "no-cache"})
