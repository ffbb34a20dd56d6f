"""Bytes of files: streamed to disk when they come in, streamed back to whoever may read them.

An upload URL serves once. A download needs the app's token or the page's session cookie.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from aiohttp import web

from .state import File

if TYPE_CHECKING:
    from .context import Context

MAX_FILE = 1 << 30
CHUNK = 1 << 18
_PREVIEWED = ("image/png", "image/jpeg", "image/gif", "image/webp")


def safe_name(name: str) -> str:
    """`name` as one harmless path component; the name people see is kept apart."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[:120] or "file"


class Uploads:
    """POST /upload/v1/<team>-<token> and GET /files-pri/…"""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tokens: dict[str, File] = {}

    def url_for(self, file: File) -> str:
        token = secrets.token_urlsafe(24)
        self._tokens[token] = file
        return f"{self._context.base_url}/upload/v1/{self._context.workspace.team.id}-{token}"

    async def receive(self, request: web.Request) -> web.Response:
        """Take a raw body or the first part of a multipart form; the size must be the one announced."""
        file = self._tokens.pop(request.match_info["token"], None)
        if file is None:
            raise web.HTTPNotFound(text="no such upload")
        reader = await _body(request)
        file.path.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with file.path.open("wb") as spool:
            while (chunk := await _read(reader)) and size <= file.length:
                size += len(chunk)
                spool.write(chunk)
        self._context.journal.add("upload", file.name, bytes=size, announced=file.length)
        if size != file.length:
            file.path.unlink()
            raise web.HTTPBadRequest(text="the size is not the announced one")
        file.size, file.state = size, "uploaded"
        return web.Response(text=f"OK - {size}")

    async def send(self, request: web.Request) -> web.StreamResponse:
        """GET /files-pri/<team>-<file>/[download/]<name>."""
        if not self._may_read(request):
            raise web.HTTPForbidden(text="sign in to see this file")
        file = self._context.workspace.files.get(request.match_info["file"])
        if file is None or file.state != "complete":
            raise web.HTTPNotFound(text="file not found")
        self._context.journal.add("download", file.name, file=file.id)
        preview = "download" not in request.match_info and file.mimetype in _PREVIEWED
        return web.FileResponse(
            file.path,
            headers={
                "Content-Type": file.mimetype if preview else "application/octet-stream",
                "Content-Disposition": _disposition(file.name, inline=preview),
                "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
            },
        )  # fmt: skip

    def _may_read(self, request: web.Request) -> bool:
        tokens = self._context.tokens
        may = "files:read" in self._context.config.scopes and not tokens.refused
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        cookie = request.cookies.get(self._context.cookie, "")
        return (may and secrets.compare_digest(bearer, tokens.bot)) or secrets.compare_digest(cookie, tokens.page)


def _disposition(name: str, *, inline: bool) -> str:
    quoted = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f'{"inline" if inline else "attachment"}; filename="{quoted}"'


async def _body(request: web.Request) -> object:
    if not request.content_type.startswith("multipart/"):
        return request.content
    part = await (await request.multipart()).next()
    if part is None:
        raise web.HTTPBadRequest(text="no data")
    return part


async def _read(reader: object) -> bytes:
    """The next chunk of a stream or of a multipart part, empty at the end."""
    if hasattr(reader, "read_chunk"):
        return bytes(await reader.read_chunk(CHUNK))
    assert hasattr(reader, "read")
    return bytes(await reader.read(CHUNK))
