# cython: annotation_typing=False
"""HTTP transactions put together by server, protocol, method, host and path: HTTP/1 and HTTP/2 meet here.

Told are method, path without query, host, status, latency, and for gRPC its status; never a body or another header.
"""

from collections.abc import Collection

from workers.analysis.flows import Half
from workers.analysis.http_groups import (
    MAX_STATUSES,
    PROTOCOLS,
    Group,
    Groups,
    Pool,
    Pools,
    Request,
    Statuses,
    Tries,
)
from workers.analysis.http_message import Head
from workers.analysis.samples import Durations, Frames
from workers.analysis.timeline import TimelineStage
from workers.contract.facts import HttpFacts
from workers.contract.facts_http import HIDDEN, Http2Facts
from workers.packets import words
from workers.packets.packet import Packet
from workers.packets.room import Room

TOLD_GROUPS = 500
_SPARE = 64
JUDGED_AFTER = 1_000_000_000
"""A request in the capture's last second is not called unanswered while its connection is open."""
MAX_CODES, MAX_ALL_CODES = 24, 4096
"""Different gRPC statuses or error codes counted in one group, and of all groups together."""


class HttpStage:
    """start a parser for each direction, update from its messages, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self._groups = Groups()
        self._tries, self._pools = Tries(), Pools()
        self.head = Head()
        """Of the message at hand, of HTTP/1."""
        self.room = Room()
        """For beginnings of heads."""
        self._requests = 0
        self._responses = 0
        self._statuses = Statuses(MAX_STATUSES)
        self._latency = Durations(1024)
        self._answers = timeline.answers()
        self._spare: Request | None = None
        """Requests that are over and that nobody knows any more, a few, one behind the other."""
        self._spares = 0
        self._codes = 0
        self.beyond = 0
        """Requests of groups that were not kept."""
        self.unjudged = 0
        self.pipelined = 0
        """Requests that wait behind another one of the same connection."""
        self.unkept = 0
        """Requests that are not waited for because too many were open."""
        self.not_captured = 0
        """Requests whose response fell into a gap of the capture."""

    def request(self, data: bytes, key: bytes, served: int, packet: Packet) -> Request:
        """A request's head of HTTP/1 is complete, and read from `data`; `key` is from client to server, `served` the
        server's hash."""
        head = self.head
        request = self._asked(self._groups.find(head, data, key, 0, served), packet)
        size = head.method_end - head.method
        if size == 4:
            request.is_head = words.equal(data, head.method, b"HEAD", 0, 4)
        elif size == 7:
            request.is_connect = words.equal(data, head.method, b"CONNECT", 0, 7)
        if head.known_as < head.known_as_end and self._tries.again(key, head.identity(data), request):
            group = request.group
            if group is not None:
                group.repeated(packet.number)
        return request

    def group(self, key: bytes, host: str, method: str, path: str, protocol: str) -> Group | None:
        """The group of such requests on a conversation of this key; None when it isn't kept."""
        place = PROTOCOLS.index(protocol)
        return self._groups.named(key, method.encode("ascii"), host.encode("ascii"), path.encode("ascii"), place)

    def asked(self, group: Group | None, packet: Packet) -> Request:
        """A request's head is complete."""
        return self._asked(group, packet)

    def _asked(self, group: Group | None, packet: Packet) -> Request:
        self._requests += 1
        if group is None:
            self.beyond += 1
        else:
            group.requests.add(packet.number)
        request = self._spare
        if request is None:
            request = _fresh()
        else:
            self._spare, request.next = request.next, None
            self._spares -= 1
        request.group = group
        request.is_head = request.is_connect = request.kept = False
        request.frame, request.status = packet.number, 0
        request.begun = request.end = packet.time
        return request

    def release(self, request: Request) -> None:
        """Nobody knows this request any more but those that remember tries."""
        if not request.kept and self._spares < _SPARE:
            request.next, self._spare = self._spare, request
            self._spares += 1

    def response(self, status: int, request: Request | None, first_byte: int, packet: Packet) -> None:
        """A response's head is complete; its first byte came at `first_byte`. Status 0: not visible."""
        self._responses += 1
        self._statuses.add(status)
        if request is not None and (status == 0 or status >= 200 or status == 101):
            self._answered(request, status, first_byte, packet)

    def _answered(self, request: Request, status: int, first_byte: int, packet: Packet) -> None:
        """The final response to a request."""
        took = first_byte - request.end
        if took < 0:
            took = 0
        request.status = status
        self._latency.add(took)
        if self._answers.count < self._answers.due:
            self._answers.count += 1  # nothing is kept of most
        else:
            self._answers.add(first_byte, took, "http")
        if request.group is not None:
            request.group.responded(status, took, packet.number)

    def pool(self, key: bytes, request: Request) -> Pool | None:
        """The pool of a connection, for good, from client to server; its first answer is to this request."""
        return self._pools.find(key, request)

    def silence(self, request: Request, now: int, *, over: bool, whole: bool = True) -> None:
        """Nothing answered until `now`, when the capture or (`over`) the conversation ended; a request that is not
        `whole` need not have been answered."""
        if not whole or (not over and now - request.end < JUDGED_AFTER):
            self.unjudged += 1
        elif request.group is not None:
            request.group.silent(request.frame)

    def grpc(self, status: str, request: Request, packet: Packet) -> None:
        """A gRPC status came, by name."""
        group = request.group
        if group is not None:
            known = self._known(group.grpc, status)
            group.grpc[known] = group.grpc.get(known, 0) + 1
            if status not in ("OK", HIDDEN):
                group.grpc_errors = group.grpc_errors or Frames()
                group.grpc_errors.add(packet.number)

    def reset(self, error: str, request: Request, packet: Packet) -> None:
        """The request's stream was ended by an error code."""
        group = request.group
        if group is not None:
            known = self._known(group.resets, error)
            group.resets.setdefault(known, Frames()).add(packet.number)

    def _known(self, codes: Collection[str], code: str) -> str:
        """As what a status or an error code is counted, among those of its group."""
        if code in codes:
            return code
        if len(codes) >= MAX_CODES or self._codes >= MAX_ALL_CODES:
            return "other"
        self._codes += 1
        return code

    def finish(self, h2: Http2Facts) -> HttpFacts:
        """The busiest groups, those with errors or silence first."""
        ranked = sorted(self._groups.all, key=lambda group: (-group.trouble, -group.requests.count))
        return HttpFacts(
            requests=self._requests,
            responses=self._responses,
            statuses=self._statuses.told(),
            latency=self._latency.spread(),
            groups=tuple(group.told() for group in ranked[:TOLD_GROUPS]),
            more_groups=max(0, len(ranked) - TOLD_GROUPS),
            pools=self._pools.told(),
            h2=h2,
        )


def _fresh() -> Request:
    request = Request.__new__(Request)  # its constructor costs more
    request.next = None
    return request


def answer_not_captured(asker: Half) -> bool:
    """Whether the asker acknowledged more of the other side's data than the capture shows (FIN takes one number)."""
    acked, other = asker.tcp.last_ack, asker.peer
    if acked < 0:
        return False
    if other.packets == 0:
        return True
    begin = other.awaited()
    return begin >= 0 and 1 < (acked - begin) & 0xFFFFFFFF < 0x80000000
