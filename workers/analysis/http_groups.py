# cython: annotation_typing=False
"""What is remembered of HTTP transactions: by server, method and path (`Group`), of HTTP/1 by both ends (`Pools`).

`Tries` tells a request that a client sends once more from a new one, by the id that clients and proxies give all tries
of one request (X-Request-ID; Idempotency-Key of draft-ietf-httpapi-idempotency-key-header). Everything is bounded.
"""

from workers.analysis.addresses import address, endpoints
from workers.analysis.http_message import MAX_HOST, MAX_PATH, Head, printable
from workers.analysis.samples import NANO, Durations, Frames, durations, frames, spread, tally
from workers.contract.facts import HttpGroup, HttpPool
from workers.contract.facts_http import HIDDEN
from workers.packets import words
from workers.packets.scan import digest, same

MAX_GROUPS = 2048
_METHOD, _HOST, _PATH = 32, MAX_HOST, MAX_PATH
MAX_STATUSES, _STATUSES = 64, 24
"""Different ones counted by themselves, in all and of a group; all further ones are "other"."""
MAX_TRIES = 2048
PATIENCE = 100_000_000
"""Nanoseconds without an answer before the same request means that the client gave up on the first."""
MAX_POOLS = 1024
_LAST_POOL = 4095
TOLD_POOLS = 100
PROTOCOLS = ("http/1", "h2", "grpc")
_OTHER_STATUS = 1000
UNKNOWN = 1
_NAMES = (HIDDEN, *(str(status) for status in range(1, _OTHER_STATUS)), "other")
_LAST, _TAG, _PLACE, _ONE = 8191, 0x7FFFF000, 0xFFF, 1
"""The last place that a group may stand at; what one holds: a part of the group's hash, and its number from one on."""


class _Status:
    __slots__ = ("count", "next", "status")

    status: int
    count: int
    next: "_Status | None"


class Statuses:
    """How often each status came; 0 stands for one that is not visible."""

    __slots__ = ("_different", "_first", "_latest", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._first: _Status | None = None
        self._latest: _Status | None = None
        self._different = 0

    def add(self, status: int) -> None:
        """One more."""
        if self._latest is not None and self._latest.status == status:
            self._latest.count += 1
        else:
            self._other(status)

    def _other(self, status: int) -> None:
        """Another one than the latest."""
        one = self._find(status)
        if one is None and self._different >= self._limit:
            status = _OTHER_STATUS
            one = self._find(status)
        if one is None:
            one = _Status.__new__(_Status)
            one.status, one.count, one.next = status, 0, self._first
            self._first = one
            self._different += 1
        one.count += 1
        self._latest = one

    def _find(self, status: int) -> _Status | None:
        one = self._first
        while one is not None and one.status != status:
            one = one.next
        return one

    def told(self) -> dict[str, int]:
        """By name."""
        found, one = {}, self._first
        while one is not None:
            found[_NAMES[one.status]] = one.count
            one = one.next
        return dict(sorted(found.items()))


class Group:
    """Transactions of one server, protocol, method, host and path."""

    __slots__ = (
        "_host", "_method", "_path", "_protocol", "_server", "download", "errors", "grpc", "grpc_errors", "latency",
        "repeats", "requests", "resets", "slowest", "slowest_frame", "statuses", "unanswered", "upload",
    )  # fmt: skip

    def __init__(self, server: bytes, method: bytes, host: bytes, path: bytes, protocol: int) -> None:
        self._server, self._method, self._host, self._path = server, method, host, path
        """Address and port as on the wire; the others as they are told."""
        self._protocol = protocol
        self.requests = frames()
        self.statuses = Statuses(_STATUSES)
        self.errors: Frames | None = None
        self.unanswered: Frames | None = None
        self.repeats: Frames | None = None
        self.resets: dict[str, Frames] = {}
        self.grpc: dict[str, int] = {}
        self.grpc_errors: Frames | None = None
        self.latency = durations(128)
        self.upload: Durations | None = None
        self.download: Durations | None = None
        self.slowest = -1
        self.slowest_frame = 0

    def repeated(self, frame: int) -> None:
        """A request was sent before, and had failed or waits still."""
        self.repeats = self.repeats or Frames()
        self.repeats.add(frame)

    def responded(self, status: int, took: int, frame: int) -> None:
        """A request had its final response, after so many nanoseconds."""
        self.statuses.add(status)
        self.latency.add(took)
        if status >= 500:
            self._failed(frame)
        if took > self.slowest:
            self.slowest, self.slowest_frame = took, frame

    def _failed(self, frame: int) -> None:
        self.errors = self.errors or Frames()
        self.errors.add(frame)

    def silent(self, frame: int) -> None:
        """A request had no response."""
        self.unanswered = self.unanswered or Frames()
        self.unanswered.add(frame)

    def answered(self, request: "Request") -> None:
        """Note how long it took to send."""
        if self.upload is None:
            self.upload = durations(64)
        self.upload.add(request.end - request.begun)

    def received(self, nanoseconds: int) -> None:
        """Note how long a response took from its first byte to its last."""
        if self.download is None:
            self.download = durations(64)
        self.download.add(nanoseconds)

    @property
    def trouble(self) -> int:
        """Errors and silence."""
        return sum(seen.count for seen in (self.errors, self.unanswered, self.grpc_errors) if seen is not None)

    def told(self) -> HttpGroup:
        """As a fact."""
        server = self._server
        return HttpGroup(
            server=address(server[:-2]),
            server_port=server[-2] << 8 | server[-1],
            host=self._host.decode("ascii"),
            method=self._method.decode("ascii"),
            path=self._path.decode("ascii"),
            requests=self.requests.tally(),
            statuses=self.statuses.told(),
            errors=tally(self.errors),
            unanswered=tally(self.unanswered),
            latency=self.latency.spread(),
            slowest_frame=self.slowest_frame,
            repeats=tally(self.repeats),
            protocol=PROTOCOLS[self._protocol],
            grpc_statuses=dict(sorted(self.grpc.items())),
            grpc_errors=tally(self.grpc_errors),
            resets={error: seen.tally() for error, seen in sorted(self.resets.items())},
            upload=spread(self.upload),
            download=spread(self.download),
        )


class Groups:
    """The groups, found by the bytes of the wire; at most MAX_GROUPS."""

    def __init__(self) -> None:
        self.all: list[Group] = []
        self._slots = [0] * 8192
        """What is not kept is known from here: most of it from one of these."""
        self._paths = [0] * 2048
        """A bit for each kept server, method and path, by their hash."""

    def find(self, head: Head, data: bytes, key: bytes, protocol: int, hashed: int) -> Group | None:
        """The group of a request whose head stands in `data`, on such a conversation; None when it isn't kept.

        `key` is from client to server, `hashed` of the last two: by `served`.
        """
        if head.path != head.method_end + 1:  # method and path are hashed, and looked at, as one
            return self._plainly(head, data, key, protocol)
        full = len(self.all) >= MAX_GROUPS
        hashed = digest(data, head.method, head.path_end, hashed)
        place, bit = hashed >> 5 & 2047, _ONE << (hashed & 31)
        slot = 0
        if not full or self._paths[place] & bit:
            hashed = digest(data, head.host, head.host_end, hashed)
            slot = hashed & _LAST
            found = self._slots[slot]
            while found:
                if found & _TAG == hashed & _TAG:
                    group = self.all[(found & _PLACE) - 1]
                    if _asked(group, head, data, key, protocol):
                        return group
                slot = slot + 1 & _LAST
                found = self._slots[slot]
        if not (
            head.method_end - head.method <= _METHOD
            and head.path_end - head.path <= _PATH
            and head.host_end - head.host <= _HOST
            and words.printable(data, head.method, head.path_end)
            and words.printable(data, head.host, head.host_end)
        ):
            return self._plainly(head, data, key, protocol)
        if full:
            return None
        group = self._new(head, data, key, protocol)
        self._slots[slot] = hashed & _TAG | len(self.all)
        self._paths[place] |= bit
        return group

    def _new(self, head: Head, data: bytes, key: bytes, protocol: int) -> Group:
        size, method, path = (len(key) - 4) >> 1, data[head.method : head.method_end], data[head.path : head.path_end]
        server = key[size : 2 * size] + key[2 * size + 2 :]
        group = Group(server, method, data[head.host : head.host_end], path, protocol)
        self.all.append(group)
        return group

    def named(self, key: bytes, method: bytes, host: bytes, path: bytes, protocol: int) -> Group | None:
        """The group of what is told so, printable and not too long."""
        head = Head()
        head.method_end, head.path = len(method), len(method) + 1
        head.path_end = head.host = head.path + len(path)
        head.host_end = head.host + len(host)
        return self.find(head, b"%b %b%b" % (method, path, host), key, protocol, served(key, protocol))

    def _plainly(self, head: Head, data: bytes, key: bytes, protocol: int) -> Group | None:
        """The group of a request that is not told as it stands in `data`."""
        return self.named(
            key,
            printable(data[head.method : head.method_end], _METHOD),
            printable(head.host_as_told(data), _HOST),
            printable(data[head.path : head.path_end], _PATH),
            protocol,
        )


def _asked(group: Group, head: Head, data: bytes, key: bytes, protocol: int) -> bool:
    """Whether the request whose head stands in `data` is one of this group's."""
    size, method_size = (len(key) - 4) >> 1, head.method_end - head.method
    host_size, path_size = head.host_end - head.host, head.path_end - head.path
    return (
        len(group._path) == path_size
        and len(group._host) == host_size
        and len(group._method) == method_size
        and words.equal(data, head.path, group._path, 0, path_size)
        and words.equal(data, head.host, group._host, 0, host_size)
        and words.equal(data, head.method, group._method, 0, method_size)
        and group._protocol == protocol
        and len(group._server) == size + 2
        and words.equal(key, size, group._server, 0, size)
        and words.equal(key, len(key) - 2, group._server, size, 2)
    )


def served(key: bytes, protocol: int) -> int:
    """The hash that a group's begins with: of the server's address and port."""
    size = len(key)
    return digest(key, size - 2, size, digest(key, (size - 4) >> 1, size - 4, protocol))


class Request:
    """One request that waits for its response."""

    __slots__ = ("begun", "end", "frame", "group", "is_connect", "is_head", "kept", "next", "status")

    is_head: bool
    is_connect: bool
    """Its method, where the response is framed in a way of its own (RFC 9112 section 6.3)."""
    group: Group | None
    kept: bool
    """Remembered as a try."""
    next: "Request | None"
    """Sent later on the same connection, and waiting, too (HTTP/1)."""
    frame: int
    begun: int
    end: int
    status: int
    """Of its final response; 0 while there is none, UNKNOWN when nobody waits for it."""


class Tries:
    """The latest try of each request that carries an id."""

    def __init__(self) -> None:
        self._latest: dict[bytes, Request] = {}

    def again(self, key: bytes, identity: bytes, request: Request) -> bool:
        """Remember this try, on a conversation of this key; whether the same client tried before in vain."""
        identity = key[: (len(key) - 4) // 2] + identity
        before = self._latest.pop(identity, None)
        request.kept = True
        self._latest[identity] = request
        if len(self._latest) > MAX_TRIES:
            del self._latest[next(iter(self._latest))]
        if before is None or 0 < before.status < 500:
            return False
        return before.status >= 500 or request.begun - before.end >= PATIENCE


class Pool:
    """Connections from one client to one server's port."""

    __slots__ = ("_key", "busy", "connections", "first", "last", "requests")

    def __init__(self, key: bytes, first: int) -> None:
        self._key = key
        """Of the first of them, from client to server."""
        self.connections = self.requests = self.busy = 0
        self.first = self.last = first

    def answered(self, request: Request, first_byte: int, *, first: bool) -> None:
        """One final response; `first` on its connection."""
        took = first_byte - request.end
        self.connections += first
        self.requests += 1
        if took > 0:
            self.busy += took
        if request.end < self.first:
            self.first = request.end
        if first_byte > self.last:
            self.last = first_byte

    def told(self) -> HttpPool:
        """As a fact."""
        client, _, server, port = endpoints(self._key)
        return HttpPool(
            client=client,
            server=server,
            server_port=port,
            connections=self.connections,
            requests=self.requests,
            busy=self.busy * NANO,
            first_at=self.first * NANO,
            last_at=self.last * NANO,
        )


class Pools:
    """Connections by client and server: how many, and how long each had a request under way."""

    def __init__(self) -> None:
        self._all: list[Pool] = []
        self._slots = [0] * 4096
        """The number of a pool from one on, at a place by its hash."""

    def find(self, key: bytes, request: Request) -> Pool | None:
        """The pool of a conversation, by its key from client to server, whose first answer is to this request; None
        when it isn't kept.
        """
        size = len(key)
        slot = digest(key, size - 2, size, digest(key, 0, size - 4, 0)) & _LAST_POOL
        while self._slots[slot]:
            pool = self._all[self._slots[slot] - 1]
            if (
                len(pool._key) == size
                and same(key, 0, pool._key, 0, size - 4)
                and same(key, size - 2, pool._key, size - 2, 2)
            ):
                return pool
            slot = slot + 1 & _LAST_POOL
        if len(self._all) >= MAX_POOLS:
            return None
        pool = Pool(key, request.end)
        self._all.append(pool)
        self._slots[slot] = len(self._all)
        return pool

    def told(self) -> tuple[HttpPool, ...]:
        """As facts, those with most requests first."""
        return tuple(pool.told() for pool in sorted(self._all, key=lambda pool: -pool.requests)[:TOLD_POOLS])
