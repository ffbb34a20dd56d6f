"""HTTP transactions put together by server, protocol, method, host and path: HTTP/1 and HTTP/2 meet here.

Told are method, path without query, host, status, latency, and for gRPC its status; never a body or another header.
"""

from workers.analysis.flows import Half, endpoints
from workers.analysis.http_groups import Group, Key, Pools, Request, Tries
from workers.analysis.http_message import Head
from workers.analysis.samples import Durations, Frames, count
from workers.analysis.timeline import TimelineStage
from workers.contract.facts import HttpFacts
from workers.contract.facts_http import HIDDEN, Http2Facts
from workers.packets.packet import Packet

MAX_GROUPS = 2048
TOLD_GROUPS = 500
JUDGED_AFTER = 1_000_000_000
"""A request in the capture's last second is not called unanswered while its connection is open."""
MAX_CODES = 24
"""Different statuses, gRPC statuses or error codes counted in one group."""


class HttpStage:
    """start a parser for each direction, update from its messages, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self._timeline = timeline
        self._groups: dict[Key, Group] = {}
        self._tries, self._pools = Tries(), Pools()
        self._requests = 0
        self._responses = 0
        self._statuses: dict[str, int] = {}
        self._latency = Durations(1024)
        self.beyond = 0
        """Requests of groups that were not kept."""
        self.unjudged = 0
        self.not_captured = 0
        """Requests whose response fell into a gap of the capture."""

    def request(self, head: Head, half: Half, packet: Packet, protocol: str = "http/1") -> Request:
        """A request's head is complete."""
        self._requests += 1
        _, _, server, port = endpoints(half.key)
        key = (server, port, head.host, head.method, head.path, protocol)
        group = self._groups.get(key)
        if group is None and len(self._groups) < MAX_GROUPS:
            group = self._groups[key] = Group()
        if group is None:
            self.beyond += 1
        else:
            group.requests.add(packet.number)
        request = Request(head.method, group, half, packet)
        if head.identity and self._tries.again(head.identity, request) and group is not None:
            group.repeated(packet.number)
        return request

    def response(
        self, status: int, request: Request | None, first_byte: int, packet: Packet, *, first: bool | None = None
    ) -> None:
        """A response's head is complete; its first byte came at `first_byte`. Status 0: not visible.

        `first` of its connection, where a connection carries one request at a time (HTTP/1).
        """
        self._responses += 1
        name = str(status) if status else HIDDEN
        count(self._statuses, name, 64)
        if request is None or (0 < status < 200 and status != 101):
            return
        took = max(0, first_byte - request.end)
        request.status = status
        if first is not None:
            self._pools.answered(request, first_byte, first=first)
        self._latency.add(took)
        self._timeline.latency(first_byte, took, "http")
        group = request.group
        if group is None:
            return
        count(group.statuses, name, 64)
        group.latency.add(took)
        if first is not None:
            group.answered(request)
        if status >= 500:
            group.errors.add(packet.number)
        if took > group.slowest:
            group.slowest, group.slowest_frame = took, packet.number

    def silence(self, request: Request, now: int, *, over: bool, whole: bool = True) -> None:
        """Nothing answered until `now`, when the capture or (`over`) the conversation ended; a request that is not
        `whole` need not have been answered."""
        if not whole or (not over and now - request.end < JUDGED_AFTER):
            self.unjudged += 1
        elif request.group is not None:
            request.group.unanswered.add(request.frame)

    def grpc(self, status: str, request: Request, packet: Packet) -> None:
        """A gRPC status came, by name."""
        group = request.group
        if group is not None:
            count(group.grpc, status, MAX_CODES)
            if status not in ("OK", HIDDEN):
                group.grpc_errors = group.grpc_errors or Frames()
                group.grpc_errors = group.grpc_errors or Frames()
                group.grpc_errors.add(packet.number)

    def reset(self, error: str, request: Request, packet: Packet) -> None:
        """The request's stream was ended by an error code."""
        group = request.group
        if group is not None:
            known = error if error in group.resets or len(group.resets) < MAX_CODES else "other"
            group.resets.setdefault(known, Frames()).add(packet.number)

    def finish(self, h2: Http2Facts) -> HttpFacts:
        """The busiest groups, those with errors or silence first."""
        ranked = sorted(self._groups.items(), key=lambda item: (-item[1].trouble, -item[1].requests.count))
        return HttpFacts(
            requests=self._requests,
            responses=self._responses,
            statuses=dict(sorted(self._statuses.items())),
            latency=self._latency.spread(),
            groups=tuple(group.told(key) for key, group in ranked[:TOLD_GROUPS]),
            more_groups=max(0, len(ranked) - TOLD_GROUPS),
            pools=self._pools.told(),
            h2=h2,
        )


def answer_not_captured(asker: Half) -> bool:
    """Whether the asker acknowledged more of the other side's data than the capture shows (FIN takes one number)."""
    acked, other = asker.tcp.last_ack, asker.peer
    if acked < 0:
        return False
    if other.packets == 0:
        return True
    begin = other.stream.next if other.stream is not None else (other.tcp.initial + 1) & 0xFFFFFFFF
    known = begin >= 0 and (other.stream is not None or other.tcp.initial >= 0)
    return known and 1 < (acked - begin) & 0xFFFFFFFF < 0x80000000
