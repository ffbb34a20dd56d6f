"""The only slack_sdk import: Slack behind `bot.ports.Chat`.

Errors are translated here and nowhere else, Slack's error string kept in `detail`, tokens and content never. Rate
limits (HTTP 429, Retry-After) close a gate for the method and channel: a call waits for it within its patience or
is told ChatLimited. Methods and errors: docs.slack.dev/reference/methods.
"""

import asyncio
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.messages import Message
from bot.ports import ChatLimited, ChatRefused, FileState, Key, Upload
from workers.contract.errors import ChatUnavailable, ThreadcapError

EVENT_TYPE = "threadcap"
"""metadata.event_type of every message that shows a part of a job."""
PAGES = 20
"""Pages of 200 messages looked through at most for a message of ours."""
CALL_TIMEOUT = 8
"""Seconds for one Web API call."""
MEMBER_FOR = 300.0
"""Seconds for which a channel once seen as ours is not asked about again."""

NAMES = 10_000
"""People's names remembered at most."""
ALT_TEXT = 1000
"""Characters of alt_txt that files.getUploadURLExternal takes."""

PASSING = frozenset({
    "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited",
    "invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive", "missing_scope",
    "org_login_required",
})  # fmt: skip
"""Errors that go away by waiting, or by an operator's hand, with the same call."""


WebClient = AsyncWebClient
"""The library's client, for who hands one on."""


def web_client(token: str, base_url: str, session: aiohttp.ClientSession | None = None) -> AsyncWebClient:
    """Return a Web API client; with `session` its connections are kept and shared."""
    return AsyncWebClient(token=token, base_url=base_url, timeout=CALL_TIMEOUT, session=session)


class SlackChat:
    """Chat on Slack. `patience` is the longest wait, in seconds, for a rate limit in calls that may wait."""

    def __init__(self, client: AsyncWebClient, session: aiohttp.ClientSession, *, patience: float = 6.0) -> None:
        self._client = client
        self._session = session
        self._patience = patience
        self._gates: dict[tuple[str, str], float] = {}
        self._member_until: dict[str, float] = {}
        self._names: dict[str, str] = {}

    async def post(self, channel: str, thread_ts: str, message: Message, *, key: Key | None = None) -> str:
        """See Chat.post. A part of a job (with `key`) never waits: its keeper comes back for it."""
        args = _content(message) | {"channel": channel, "unfurl_links": False, "unfurl_media": False}
        if thread_ts:
            args["thread_ts"] = thread_ts
        if key is not None:
            args["metadata"] = {"event_type": EVENT_TYPE, "event_payload": {"job": key.job_id, "part": key.part}}
        patience = self._patience if key is None else 0.0
        return str((await self._call("chat.postMessage", args, patience))["ts"])

    async def update(self, channel: str, ts: str, message: Message) -> None:
        """See Chat.update."""
        await self._call("chat.update", _content(message) | {"channel": channel, "ts": ts}, 0.0)

    async def ephemeral(self, channel: str, user: str, thread_ts: str, message: Message) -> None:
        """See Chat.ephemeral."""
        args = _content(message) | {"channel": channel, "user": user}
        if thread_ts:
            args["thread_ts"] = thread_ts
        await self._call("chat.postEphemeral", args, self._patience)

    async def respond(self, response_url: str, message: Message) -> None:
        """See Chat.respond."""
        body = _content(message) | {"response_type": "ephemeral", "replace_original": False}
        try:
            timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT)
            async with self._session.post(response_url, json=body, timeout=timeout) as answer:
                text = (await answer.text())[:100]
                if answer.status >= 500 or answer.status == 429:
                    raise _unavailable("response_url", f"HTTP {answer.status}")
                if answer.status >= 400:
                    raise ChatRefused(text or str(answer.status), detail=f"response_url: HTTP {answer.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unavailable("response_url", type(error).__name__) from error

    async def find_post(self, channel: str, thread_ts: str, key: Key, since: float) -> str | None:
        """See Chat.find_post. Our messages carry their key as message metadata."""
        method = "conversations.replies" if thread_ts else "conversations.history"
        args: dict[str, Any] = {
            "channel": channel, "oldest": f"{max(0.0, since):.6f}", "limit": 200, "include_all_metadata": True,
        }  # fmt: skip
        if thread_ts:
            args["ts"] = thread_ts
        for _ in range(PAGES):
            answer = await self._call(method, args, self._patience)
            for found in answer["messages"]:
                if _key_of(found) == key:
                    return str(found["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            args["cursor"] = cursor
        return None

    async def upload(
        self, channel: str, thread_ts: str, upload: Upload, on_id: Callable[[str], Awaitable[None]]
    ) -> str:
        """See Chat.upload: files.getUploadURLExternal, the bytes streamed, files.completeUploadExternal."""
        args: dict[str, Any] = {"filename": upload.name, "length": upload.size}
        if upload.alt_text:
            args["alt_txt"] = textwrap.shorten(upload.alt_text, ALT_TEXT, placeholder=" ...")
        ticket = await self._call("files.getUploadURLExternal", args, self._patience)
        file_id = str(ticket["file_id"])
        await self._send_bytes(str(ticket["upload_url"]), upload)
        await on_id(file_id)
        done: dict[str, Any] = {"files": [{"id": file_id, "title": upload.title}]}
        if channel:
            done["channel_id"] = channel
        if channel and thread_ts:
            done["thread_ts"] = thread_ts
        await self._call("files.completeUploadExternal", done, self._patience)
        return file_id

    async def file_state(self, file_id: str, channel: str = "") -> FileState:
        """See Chat.file_state. A file has its mimetype once Slack has processed it."""
        try:
            file = (await self._call("files.info", {"file": file_id}, self._patience))["file"]
        except ChatRefused as refused:
            if refused.reason in ("file_not_found", "file_deleted"):
                return FileState()
            raise
        shares = file.get("shares") or {}
        places = {place for kind in shares.values() for place in kind}
        # `shares` may lag behind these, and a direct message may be in `ims` alone
        places.update(place for kind in ("channels", "groups", "ims") for place in file.get(kind) or ())
        return FileState(exists=True, ready=bool(file.get("mimetype")), shared=channel in places)

    async def is_member(self, channel: str) -> bool:
        """See Chat.is_member. Somebody else's direct message is channel_not_found, as a private channel is."""
        if self._member_until.get(channel, 0.0) > time.monotonic():
            return True
        try:
            info = (await self._call("conversations.info", {"channel": channel}, 1.0))["channel"]
        except ChatRefused:
            return False
        except ChatUnavailable:  # nobody can tell now: the card will
            return True
        member = bool(info.get("is_member") or info.get("is_im")) and not info.get("is_archived")
        if member:
            self._member_until[channel] = time.monotonic() + MEMBER_FOR
        return member

    async def name_of(self, user: str) -> str:
        """See Chat.name_of."""
        if user not in self._names:
            try:
                found = (await self._call("users.info", {"user": user}, 0.0))["user"]
            except ThreadcapError:
                return ""
            if len(self._names) >= NAMES:
                self._names.clear()
            self._names[user] = str((found.get("profile") or {}).get("display_name") or found.get("name") or "")
        return self._names[user]

    async def permalink(self, channel: str, ts: str) -> str:
        """See Chat.permalink."""
        args = {"channel": channel, "message_ts": ts}
        return str((await self._call("chat.getPermalink", args, self._patience))["permalink"])

    # -- inside ----------------------------------------------------------------------------------------------

    async def _call(self, method: str, args: Mapping[str, Any], patience: float) -> dict[str, Any]:
        """Make one call, waiting for its rate limit no longer than `patience` seconds in all."""
        gate = (method, str(args.get("channel", "")))
        until = time.monotonic() + patience
        while True:
            wait = self._gates.get(gate, 0.0) - time.monotonic()
            if wait > 0:
                if time.monotonic() + wait > until:
                    raise ChatLimited(wait, detail=f"{method}: waiting out Retry-After")
                await asyncio.sleep(wait)
            try:
                answer = await self._client.api_call(method, json=dict(args)) if method in _JSON else (
                    await self._client.api_call(method, data=_form(args))
                )  # fmt: skip
                return dict(answer.data) if isinstance(answer.data, dict) else {}
            except SlackApiError as error:
                self._gates[gate] = time.monotonic() + _retry_after(method, error)
            except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
                raise _unavailable(method, type(error).__name__) from error

    async def _send_bytes(self, url: str, upload: Upload) -> None:
        headers = {"Content-Length": str(upload.size), "Content-Type": "application/octet-stream"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=120)
        body = _Body(upload)
        try:
            async with self._session.post(url, data=body.chunks(), headers=headers, timeout=timeout) as answer:
                if answer.status != 200:
                    raise _unavailable("upload", f"HTTP {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if body.error is not None:  # aiohttp speaks of a lost connection when it was the reading that failed
                raise body.error from error
            raise _unavailable("upload", type(error).__name__) from error


_JSON = frozenset({"chat.postMessage", "chat.update", "chat.postEphemeral", "files.completeUploadExternal"})
"""Methods that take JSON bodies; the reading ones take forms only."""


def _retry_after(method: str, error: SlackApiError) -> float:
    """Return the seconds to wait for a 429; raise the translation of everything else."""
    response = error.response
    # a proxy's or an overloaded Slack's answer may be plain text
    body: Mapping[str, Any] = response.data if isinstance(response.data, dict) else {}
    reason = str(body.get("error") or f"http_{response.status_code}")
    if response.status_code == 429 or reason in ("ratelimited", "rate_limited"):
        return max(0.5, float(response.headers.get("Retry-After", 1)))
    if response.status_code >= 500 or reason in PASSING:
        raise _unavailable(method, reason) from error
    hints = (body.get("response_metadata") or {}).get("messages") or []
    raise ChatRefused(reason, detail=f"{method}: {reason} {'; '.join(map(str, hints))[:300]}") from error


def _unavailable(method: str, reason: str) -> ChatUnavailable:
    return ChatUnavailable(
        "Slack cannot be reached right now. The thread catches up later.", detail=f"{method}: {reason}"
    )


def _content(message: Message) -> dict[str, Any]:
    return {"text": message.text, "blocks": message.blocks}


def _form(args: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in args.items()}


def _key_of(message: Mapping[str, Any]) -> Key | None:
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return None
    return Key(str(payload.get("job")), str(payload.get("part")))


class _Body:
    """An upload's bytes on their way; `error` is what the reading of them failed with."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self.error: Exception | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes. Fails unless they are as many as announced: a shorter body would hang the server."""
        sent = 0
        try:
            async for chunk in self._upload.chunks():
                sent += len(chunk)
                if sent > self._upload.size:
                    break
                yield chunk
            if sent != self._upload.size:
                raise ChatRefused("nothing: the stored file has another size than recorded")
        except (KeyError, ThreadcapError) as error:
            self.error = error
            raise
