# cython: annotation_typing=False
"""Requests of services, and what is counted of them by protocol, server and operation."""

from workers.analysis.addresses import endpoints
from workers.analysis.samples import Durations, Frames, count
from workers.analysis.service_pools import waits

MAX_GROUPS = 1024
MAX_SERVERS = 4096
MAX_ERRORS = 64
_OTHERS = "others"
"""Not told as an operation."""


class Request:
    """One request that waits for its response, or whose response is under way."""

    __slots__ = (
        "detail", "due", "end", "error", "frame", "number", "operation", "place", "reply_frame", "spare", "took",
        "waits",
    )  # fmt: skip

    operation: str
    number: int
    """The protocol's own, -1 where responses come in order."""
    frame: int
    end: int
    took: int
    """Nanoseconds to the first byte of the response, -1 before it."""
    reply_frame: int
    error: str
    due: bool
    """Whether the server has to answer what came so far."""
    detail: int
    """What the protocol needs to read the response."""
    waits: bool
    """Whether it is one of its exchange's."""
    place: int
    """Where among them, if there are others."""
    spare: bool
    """Whether it is over and nobody knows it any more, so that it may be another one."""


def request() -> Request:
    """A new one, to be begun; not by a constructor, which costs more than all else about a request."""
    made = Request.__new__(Request)
    made.error, made.detail, made.waits, made.place = "", 0, False, 0
    return made


class Group:
    """Requests of one protocol, server and operation."""

    __slots__ = (
        "errors", "failed", "latency", "operation", "requests", "slowest", "slowest_frame", "strays", "unanswered",
        "waits",
    )  # fmt: skip

    def __init__(self, operation: str, *, waits: bool) -> None:
        self.operation = operation
        self.waits = waits
        """Such requests take long by their nature."""
        self.requests = Frames()
        self.strays = 0
        """Responses without their requests."""
        self.errors: dict[str, int] = {}
        self.failed = Frames()
        self.unanswered = Frames()
        self.latency = Durations(128)
        """One for each response with its request."""
        self.slowest = -1
        self.slowest_frame = 0

    def erred(self, error: str, frame: int) -> None:
        """A response said so."""
        count(self.errors, error, MAX_ERRORS)
        self.failed.add(frame)


class Server:
    """One server of a protocol, and what it was asked."""

    __slots__ = ("groups", "name", "port", "protocol")

    def __init__(self, protocol: str, name: str, port: int) -> None:
        self.protocol = protocol
        self.name = name
        self.port = port
        self.groups: dict[str, Group] = {}
        """By operation."""


class Groups:
    """Of all servers, bounded."""

    def __init__(self) -> None:
        self._servers: dict[bytes, Server] = {}
        self.all: dict[tuple[str, str, int, str], Group] = {}
        """By protocol, server, port and operation."""
        self.others: dict[tuple[str, bool], Group] = {}
        """What is counted of operations that are too many, by protocol and whether they take long by their nature."""

    def server(self, protocol: str, key: bytes) -> Server:
        """The one that a conversation with this key from its client asks."""
        ports = len(key) - 4
        wire = protocol.encode() + key[ports // 2 : ports] + key[ports + 2 :]
        server = self._servers.get(wire)
        if server is None:
            server = Server(protocol, *endpoints(key)[2:])
            if len(self._servers) < MAX_SERVERS:
                self._servers[wire] = server
        return server

    def find(self, server: Server, operation: str) -> Group:
        """The group of this operation, made when it is new."""
        group = server.groups.get(operation)
        if group is not None:
            return group
        key = (server.protocol, server.name, server.port, operation)
        group = self.all.get(key)
        if group is None:
            long = waits(server.protocol, operation)
            if len(self.all) >= MAX_GROUPS:
                return self._other(server.protocol, long)
            group = self.all[key] = Group(operation, waits=long)
        server.groups[operation] = group
        return group

    def _other(self, protocol: str, waits: bool) -> Group:
        group = self.others.get((protocol, waits))
        if group is None:
            group = self.others[protocol, waits] = Group(_OTHERS, waits=waits)
        return group
