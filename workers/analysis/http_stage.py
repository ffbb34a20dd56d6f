# cython: annotation_typing=False
"""HTTP transactions put together by server, protocol, method, host and path: HTTP/1 and HTTP/2 meet here.

Told are method, path without query, host, status, latency, and for gRPC its status; never a body or another header.
"""

from workers.analysis.addresses import endpoints
from workers.analysis.flows import Half
from workers.analysis.http_groups import Group, Key, Pools, Request, Tries, requested
from workers.analysis.http_message import MAX_HOST, MAX_PATH, Head, text
from workers.analysis.samples import Durations, Frames, count
from workers.analysis.timeline import TimelineStage
from workers.contract.facts import HttpFacts
from workers.contract.facts_http import HIDDEN, Http2Facts
from workers.packets.packet import Packet

MAX_GROUPS = 2048
TOLD_GROUPS = 500
JUDGED_AFTER = 1_000_000_000
"""A request in the capture's last second is not called unanswered while its connection is open."""
MAX_METHOD = 32
MAX_WIRE = 512
"""Longer heads are found by their group's key alone."""
STATUSES = (HIDDEN, *(str(status) for status in range(1, 1000)))
MAX_CODES = 24
"""Different statuses, gRPC statuses or error codes counted in one group."""


class HttpStage:
    """start a parser for each direction, update from its messages, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self._timeline = timeline
        self._groups: dict[Key, Group] = {}
        self._by_wire: dict[bytes, Group] = {}
        """The same ones, as heads of HTTP/1 name them: what most requests are found by."""
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

    def request(self, head: Head, server: bytes, half: Half, both: bytes, packet: Packet) -> Request:
        """A request's head of HTTP/1 is complete; `server` is the server's address and port, `both` as by `pair`."""
        wire = b"\n".join((server, head.method, head.host, head.path))
        group = self._by_wire.get(wire)
        if group is None:
            method, path = text(head.method, MAX_METHOD), text(head.path, MAX_PATH)
            group = self.group(half, text(head.host, MAX_HOST), method, path, "http/1")
            if group is None:
                return self.asked(None, method, both, packet, head.identity)
            if len(self._by_wire) >= 2 * MAX_GROUPS:
                self._by_wire.clear()
            if len(wire) <= MAX_WIRE:
                self._by_wire[wire] = group
        return self.asked(group, group.method, both, packet, head.identity)

    def group(self, half: Half, host: str, method: str, path: str, protocol: str) -> Group | None:
        """The group of such requests to whom this direction leads; None when it isn't kept."""
        _, _, server, port = endpoints(half.key)
        key = (server, port, host, method, path, protocol)
        group = self._groups.get(key)
        if group is None and len(self._groups) < MAX_GROUPS:
            group = self._groups[key] = Group(method)
        return group

    def asked(self, group: Group | None, method: str, both: bytes, packet: Packet, identity: bytes) -> Request:
        """A request's head is complete."""
        self._requests += 1
        if group is None:
            self.beyond += 1
        else:
            group.requests.add(packet.number)
        request = requested(method, group, both, packet)
        if identity and self._tries.again(identity, request) and group is not None:
            group.repeated(packet.number)
        return request

    def response(
        self, status: int, request: Request | None, first_byte: int, packet: Packet, first: bool | None = None
    ) -> None:
        """A response's head is complete; its first byte came at `first_byte`. Status 0: not visible.

        `first` of its connection, where a connection carries one request at a time (HTTP/1).
        """
        self._responses += 1
        name = STATUSES[status]
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
