# cython: annotation_typing=False
"""What is remembered of HTTP transactions: by server, method and path (`Group`), of HTTP/1 by both ends (`Pools`).

`Tries` tells a request that a client sends once more from a new one, by the id that clients and proxies give all tries
of one request (X-Request-ID; Idempotency-Key of draft-ietf-httpapi-idempotency-key-header). Everything is bounded.
"""

from workers.analysis.addresses import endpoints
from workers.analysis.samples import NANO, Durations, Frames, tally
from workers.contract.facts import HttpGroup, HttpPool
from workers.packets.packet import Packet

MAX_TRIES = 2048
PATIENCE = 100_000_000
"""Nanoseconds without an answer before the same request means that the client gave up on the first."""
MAX_POOLS = 1024
TOLD_POOLS = 100

Key = tuple[str, int, str, str, str, str]
"""Server, port, host, method, path, protocol."""


class Group:
    """Transactions of one server, protocol, method, host and path."""

    __slots__ = (
        "download", "errors", "grpc", "grpc_errors", "latency", "method", "repeats", "requests", "resets", "slowest",
        "slowest_frame", "statuses", "unanswered", "upload",
    )  # fmt: skip

    def __init__(self, method: str) -> None:
        self.method = method
        self.requests = Frames()
        self.statuses: dict[str, int] = {}
        self.errors = Frames()
        self.unanswered = Frames()
        self.repeats: Frames | None = None
        self.resets: dict[str, Frames] = {}
        self.grpc: dict[str, int] = {}
        self.grpc_errors: Frames | None = None
        self.latency = Durations(128)
        self.upload: Durations | None = None
        self.download: Durations | None = None
        self.slowest = -1
        self.slowest_frame = 0

    def repeated(self, frame: int) -> None:
        """A request was sent before, and had failed or waits still."""
        self.repeats = self.repeats or Frames()
        self.repeats.add(frame)

    def answered(self, request: "Request") -> None:
        """Note how long it took to send."""
        if self.upload is None:
            self.upload = Durations(64)
        self.upload.add(request.end - request.begun)

    def received(self, nanoseconds: int) -> None:
        """Note how long a response took from its first byte to its last."""
        if self.download is None:
            self.download = Durations(64)
        self.download.add(nanoseconds)

    @property
    def trouble(self) -> int:
        """Errors and silence."""
        return self.errors.count + self.unanswered.count + tally(self.grpc_errors).count

    def told(self, key: Key) -> HttpGroup:
        """As a fact."""
        server, port, host, method, path, protocol = key
        spreads = {name: kept.spread() for name in ("upload", "download") if (kept := getattr(self, name)) is not None}
        return HttpGroup(
            server=server,
            server_port=port,
            host=host,
            method=method,
            path=path,
            requests=self.requests.tally(),
            statuses=dict(sorted(self.statuses.items())),
            errors=self.errors.tally(),
            unanswered=tally(self.unanswered),
            latency=self.latency.spread(),
            slowest_frame=self.slowest_frame,
            repeats=tally(self.repeats),
            protocol=protocol,
            grpc_statuses=dict(sorted(self.grpc.items())),
            grpc_errors=tally(self.grpc_errors),
            resets={error: frames.tally() for error, frames in sorted(self.resets.items())},
            **spreads,
        )


class Request:
    """One request that waits for its response."""

    __slots__ = ("begun", "end", "frame", "group", "method", "pair", "status")

    method: str
    group: Group | None
    pair: bytes
    """As by `pair`: not the direction itself, which a remembered try would keep alive."""
    frame: int
    begun: int
    end: int
    status: int
    """Of its final response; 0 while there is none."""


def requested(method: str, group: Group | None, both: bytes, packet: Packet) -> Request:
    """A new request; not by a constructor, whose call costs more."""
    request = Request.__new__(Request)
    request.method, request.group, request.pair = method, group, both
    request.frame, request.status = packet.number, 0
    request.begun = request.end = packet.time
    return request


def pair(key: bytes) -> bytes:
    """Client, server and the server's port as on the wire, of a key from client to server."""
    ports = len(key) - 4
    return key[:ports] + key[ports + 2 :]


class Tries:
    """The latest try of each request that carries an id."""

    def __init__(self) -> None:
        self._latest: dict[bytes, Request] = {}

    def again(self, identity: bytes, request: Request) -> bool:
        """Remember this try; whether the same client tried before in vain."""
        key = request.pair[: (len(request.pair) - 2) // 2] + identity
        before = self._latest.pop(key, None)
        self._latest[key] = request
        if len(self._latest) > MAX_TRIES:
            del self._latest[next(iter(self._latest))]
        if before is None or 0 < before.status < 500:
            return False
        return before.status >= 500 or request.begun - before.end >= PATIENCE


class _Pool:
    __slots__ = ("busy", "connections", "first", "last", "requests")

    def __init__(self, first: int) -> None:
        self.connections = self.requests = self.busy = 0
        self.first = self.last = first


class Pools:
    """Connections by client and server: how many, and how long each had a request under way."""

    def __init__(self) -> None:
        self._pools: dict[bytes, _Pool] = {}

    def answered(self, request: Request, first_byte: int, *, first: bool) -> None:
        """One final response; `first` on its connection."""
        pair = request.pair
        pool = self._pools.get(pair)
        if pool is None:
            if len(self._pools) >= MAX_POOLS:
                return
            pool = self._pools[pair] = _Pool(request.end)
        pool.connections += first
        pool.requests += 1
        pool.busy += max(0, first_byte - request.end)
        pool.first = min(pool.first, request.end)
        pool.last = max(pool.last, first_byte)

    def told(self) -> tuple[HttpPool, ...]:
        """As facts, those with most requests first."""
        ranked = sorted(self._pools.items(), key=lambda item: -item[1].requests)[:TOLD_POOLS]
        return tuple(_told(pair, pool) for pair, pool in ranked)


def _told(pair: bytes, pool: _Pool) -> HttpPool:
    client, _, server, port = endpoints(pair[:-2] + b"\0\0" + pair[-2:])
    return HttpPool(
        client=client,
        server=server,
        server_port=port,
        connections=pool.connections,
        requests=pool.requests,
        busy=pool.busy * NANO,
        first_at=pool.first * NANO,
        last_at=pool.last * NANO,
    )
