"""The client of a node's agent: HTTP over its unix socket, as the agent's package describes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Self

from aiohttp import ClientResponse, ClientSession, ClientTimeout, UnixConnector

from .errors import Refusal
from .objects import Object, uid_of

_QUICK = ClientTimeout(total=20)
_ENDLESS = ClientTimeout(total=None, sock_connect=5)
_LINE = 1 << 20


class NodeAgent:
    """Use as an async context manager. ClientError and OSError mean that the agent can't be reached.

    address: where a kubelet would listen, for errors that name it.
    """

    def __init__(self, socket: Path, address: str) -> None:
        self.socket, self.address = socket, address
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = ClientSession("http://node", connector=UnixConnector(str(self.socket), limit=0))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    @property
    def _http(self) -> ClientSession:
        assert self._session is not None, "entered"
        return self._session

    async def put_pod(self, pod: Object) -> int:
        return await self._send("PUT", f"/pods/{uid_of(pod)}", pod)

    async def delete_pod(self, uid: str, grace: int) -> int:
        return await self._send("DELETE", f"/pods/{uid}?grace={grace}")

    async def put_services(self, services: Object) -> int:
        return await self._send("PUT", "/services", services)

    async def put_fault(self, uid: str, fault: Object) -> None:
        """Raises Refusal with the agent's words when it won't."""
        async with self._http.put(f"/pods/{uid}/fault", json=fault, timeout=_QUICK) as response:
            if response.status >= 400:
                raise Refusal(response.status, await response.text())

    async def evict(self, uid: str, reason: Object) -> int:
        return await self._send("POST", f"/pods/{uid}/eviction", reason)

    async def set_clock(self, clock: Object) -> None:
        """Raises Refusal with the agent's words when it can't."""
        async with self._http.put("/clock", json=clock, timeout=_QUICK) as response:
            if response.status >= 400:
                raise Refusal(response.status, await response.text())

    async def stop(self) -> int:
        """The agent ends (its init starts another, unless it is held)."""
        return await self._send("POST", "/stop")

    async def _send(self, method: str, path: str, body: Object | None = None) -> int:
        async with self._http.request(method, path, json=body, timeout=_QUICK) as response:
            return response.status

    async def events(self) -> AsyncIterator[Object]:
        """Pod states: one for each known pod, then each change, until the agent goes away.

        The first item is empty: the agent answers.
        """
        async with self._http.get("/events", timeout=_ENDLESS, read_bufsize=_LINE) as response:
            response.raise_for_status()
            yield {}
            async for line in response.content:
                if line.strip():
                    event: Object = json.loads(line)
                    yield event

    def logs(self, uid: str, container: str, words: Mapping[str, str]) -> AbstractAsyncContextManager[ClientResponse]:
        return self._http.get(f"/logs/{uid}/{container}", params=words, timeout=_ENDLESS)
