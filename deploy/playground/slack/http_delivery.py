"""Signed HTTP: the request URL way of delivery (docs.slack.dev/authentication/verifying-requests-from-slack).

Loopback targets only: this emulator must never become a way to send requests elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from urllib.parse import urlencode, urlsplit

import aiohttp

from .context import Context
from .delivery import Envelope, NotDelivered
from .state import Json

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """X-Slack-Signature, version 0: HMAC-SHA256 over `v0:timestamp:body`."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class HttpDelivery:
    """Posts each envelope to the app's request URL; a Transport. `skew` shifts the signed timestamp."""

    def __init__(self, context: Context, url: str) -> None:
        if urlsplit(url).hostname not in _LOOPBACK:
            raise ValueError(f"the playground delivers to loopback only, not to {url}")
        self._context = context
        self._url = url
        self._session: aiohttp.ClientSession | None = None
        self.skew = 0.0
        self.forge_signature = False

    async def verify(self) -> None:
        """The url_verification handshake. Raises NotDelivered when the challenge does not come back."""
        challenge = secrets.token_hex(16)
        payload = {"type": "url_verification", "token": "playground", "challenge": challenge}
        answer = await self.deliver(Envelope("events_api", payload))
        if answer.get("challenge", answer.get("text")) != challenge:
            raise NotDelivered("challenge_failed")

    async def deliver(self, envelope: Envelope) -> Json:
        body, content_type = _encode(envelope)
        timestamp = str(int(self._context.clock.now() + self.skew))
        signature = sign(self._context.tokens.signing_secret, timestamp, body)
        headers = {
            "Content-Type": content_type, "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": "v0=" + "0" * 64 if self.forge_signature else signature,
        }  # fmt: skip
        if envelope.retry_num:
            reason = {"timeout": "http_timeout"}.get(envelope.retry_reason, envelope.retry_reason)
            headers |= {"X-Slack-Retry-Num": str(envelope.retry_num), "X-Slack-Retry-Reason": reason}
        return await self._post(body, headers)

    async def _post(self, body: bytes, headers: dict[str, str]) -> Json:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                text = await answer.text()
                if answer.status != 200:
                    raise NotDelivered("http_error", final=answer.headers.get("X-Slack-No-Retry") == "1")
        except aiohttp.ClientError as failed:
            raise NotDelivered("connection_failed") from failed
        return _decode(text)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _encode(envelope: Envelope) -> tuple[bytes, str]:
    """Events are JSON, commands a form, interactions a form with one JSON field."""
    if envelope.kind == "events_api":
        return json.dumps(envelope.payload).encode(), "application/json"
    fields = envelope.payload
    if envelope.kind == "interactive":
        fields = {"payload": json.dumps(envelope.payload)}
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def _decode(text: str) -> Json:
    if not text.strip():
        return {}
    try:
        answer = json.loads(text)
    except ValueError:
        return {"text": text}
    return answer if isinstance(answer, dict) else {}
