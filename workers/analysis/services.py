# cython: annotation_typing=False
"""Requests and responses of databases, caches and brokers, whatever the protocol: pairing, latency, errors, silence.

An `Exchange` belongs to one conversation and is shared by the parsers of its two directions. Latency counts from the
end of a request to the first byte of its response. A request counts once it was answered or its conversation is over,
so that a conversation that turns out to speak something else counts nothing. Where the capture has a gap in the
responses, older requests count as "response not captured", not as unanswered.
"""

from typing import TYPE_CHECKING, ClassVar

from workers.analysis.addresses import endpoints
from workers.analysis.flows import Half
from workers.analysis.http_stage import JUDGED_AFTER, answer_not_captured
from workers.analysis.samples import Durations, Frames, count
from workers.analysis.service_facts import Key, told
from workers.analysis.service_pools import ServicePools, waits
from workers.analysis.timeline import TimelineStage
from workers.contract.facts_services import ServiceFacts
from workers.contract.tallies import MAX_FRAMES
from workers.packets.packet import Packet

if TYPE_CHECKING:
    from workers.analysis.framing import ServiceParser

MAX_GROUPS = 1024
TOLD_GROUPS = 300
MAX_WAITING = 1024
"""Requests remembered a conversation."""
MAX_OPEN = 32_768
"""Requests remembered over all conversations."""
MAX_ERRORS = 64
_FRAMES = MAX_FRAMES
UNKNOWN = ""
"""The operation of responses whose request is not in the capture, and of errors nobody asked for."""


class Request:
    """One request that waits for its response, or whose response is under way."""

    __slots__ = (
        "before", "behind", "detail", "due", "end", "error", "frame", "number", "operation", "reply_frame", "took",
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
    """Whether it is one of its exchange's, between those asked before and behind it."""
    before: "Request | None"
    behind: "Request | None"


def _request(spare: Request | None, operation: str, number: int, packet: Packet) -> Request:
    """A new one, or one that is over; not by a constructor, which costs more than all else about a request."""
    request = Request.__new__(Request) if spare is None else spare
    request.operation, request.number = operation, number
    request.frame, request.end = packet.number, packet.time
    request.took, request.reply_frame = -1, 0
    request.error, request.due, request.detail = "", True, 0
    request.waits, request.before, request.behind = False, None, None
    return request


class _Group:
    """Requests of one protocol, server and operation."""

    __slots__ = (
        "errors", "failed", "latency", "operation", "requests", "responses", "slowest", "slowest_frame", "unanswered",
        "waits",
    )  # fmt: skip

    def __init__(self, operation: str, *, waits: bool) -> None:
        self.operation = operation
        self.waits = waits
        """Such requests take long by their nature."""
        self.requests = Frames()
        self.responses = 0
        self.errors: dict[str, int] = {}
        self.failed = Frames()
        self.unanswered = Frames()
        self.latency = Durations(128)
        self.slowest = -1
        self.slowest_frame = 0

    def answered(self, request: Request) -> None:
        latency, took = self.latency, request.took
        if latency.count < latency.due and latency.least <= took <= latency.most:
            latency.count += 1  # nothing is kept of most
        else:
            latency.add(took)
        if took > self.slowest:
            self.slowest, self.slowest_frame = took, request.reply_frame
        self.responses += 1
        if request.error:
            self.erred(request.error, request.reply_frame)

    def erred(self, error: str, frame: int) -> None:
        count(self.errors, error, MAX_ERRORS)
        self.failed.add(frame)


class ServiceStage:
    """update from exchanges, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self._timeline = timeline
        self._answers = timeline.answers
        self._pools = ServicePools()
        self._groups: dict[Key, _Group] = {}
        self.spread: dict[tuple[str, str, int], dict[str, _Group]] = {}
        """The same ones, by protocol and server and then by operation."""
        self._responses = 0
        self.protocols: dict[str, Frames] = {}
        self.most_waiting, self.most_open = MAX_WAITING, MAX_OPEN
        self.open = 0
        """Requests that wait now."""
        self.beyond = 0
        """Requests of groups that were not kept."""
        self.forgotten = 0
        """Requests no longer waited for because too many were open."""
        self.not_captured = 0
        """Requests whose response fell into a gap of the capture."""
        self.unjudged = 0

    def asked(self, exchange: "Exchange", request: Request) -> _Group | None:
        """Count a request whose fate is known."""
        exchange.tallied.count += 1
        group = self._group(exchange, request.operation)
        if group is None:
            self.beyond += 1
        elif group.requests.count < _FRAMES:
            group.requests.add(request.frame)
        else:
            group.requests.count += 1
        return group

    def answered(self, exchange: "Exchange", request: Request) -> None:
        """Count a request and its response."""
        group, answers = self.asked(exchange, request), self._answers
        self._responses += 1
        if group.waits if group is not None else waits(exchange.spoken, request.operation):
            exchange.waited = True
        else:
            exchange.worked(request.end, request.end + request.took)
            if answers.count < answers.due:
                answers.count += 1  # nothing is kept of most
            else:
                self._timeline.latency(request.end + request.took, request.took, exchange.spoken)
        if group is not None:
            group.answered(request)

    def stray(self, exchange: "Exchange", error: str, frame: int) -> None:
        """Count a response without its request."""
        self._responses += 1
        group = self._group(exchange, UNKNOWN)
        if group is not None:
            group.responses += 1
            if error:
                group.erred(error, frame)

    def unanswered(self, exchange: "Exchange", request: Request) -> None:
        """Count a request that nobody answered."""
        group = self.asked(exchange, request)
        if group is not None:
            group.unanswered.add(request.frame)

    def over(self, exchange: "Exchange") -> None:
        """A connection is over."""
        if not exchange.answers or exchange.waited:
            return
        client = endpoints(exchange.asker.key)[0]
        key = (exchange.protocol, client, *exchange.server)
        self._pools.over(key, exchange.answers, exchange.busy, exchange.began, exchange.free_at)

    def _group(self, exchange: "Exchange", operation: str) -> _Group | None:
        group = exchange.group
        if group is not None and group.operation is operation:
            return group
        group, exchange.group_before = exchange.group_before, group
        if group is None or group.operation is not operation:
            group = exchange.operations.get(operation)
            if group is None and len(self._groups) < MAX_GROUPS:
                group = _Group(operation, waits=waits(exchange.spoken, operation))
                exchange.operations[operation] = self._groups[(exchange.protocol, *exchange.server, operation)] = group
        exchange.group = group
        return group

    def finish(self) -> ServiceFacts:
        """What was counted, as facts."""
        return told(self._groups, self.protocols, self._responses, self._pools, TOLD_GROUPS)


class Exchange:
    """What one conversation asked and was answered; `asker` asks. Protocols that keep more of it derive from this."""

    __slots__ = (
        "_beyond", "_gap", "_last", "_stage", "answers", "asker", "began", "busy", "ended", "first", "free_at",
        "group", "group_before", "lost", "numbered", "operations", "paired", "server", "spare", "spoken", "stopped",
        "strays", "tallied", "waited", "waiting",
    )  # fmt: skip
    protocol: ClassVar[str] = ""
    IN_ORDER: ClassVar[bool] = True
    """Responses come in the order of the requests; else they name them by number."""

    def __init__(self, stage: ServiceStage, asker: Half) -> None:
        self._stage = stage
        self.asker = asker
        self.server = endpoints(asker.key)[2:]
        self.spoken = self.protocol
        self.operations = stage.spread.setdefault((self.protocol, *self.server), {})
        self.group: _Group | None = None
        """The one of them that was needed last, and that before it."""
        self.group_before: _Group | None = None
        self.tallied = stage.protocols.setdefault(self.protocol, Frames())
        self.waiting = 0
        """Requests from `first` to `_last`, in the order they were asked."""
        self.first: Request | None = None
        self._last: Request | None = None
        self.spare: Request | None = None
        """One that is over and that nobody knows any more."""
        self.numbered: dict[int, Request] = {}
        """Those that have a number."""
        self._gap = 0
        """The last frame that showed a gap in the responses: what was asked before may have been answered there."""
        self._beyond = 0
        """Requests behind those that wait that were not remembered."""
        self.paired = False
        """A response was matched: this conversation does speak the protocol."""
        self.strays = 0
        """Responses that matched nothing before any did."""
        self.lost = False
        """A gap swallowed at least one response, maybe."""
        self.stopped = False
        """What follows can't be read, such as compressed or replicated data."""
        self.ended = False
        self.answers = self.busy = self.began = self.free_at = 0
        """To requests that don't wait by nature: how many, how long the first to the last of them took together."""
        self.waited = False

    def ask(self, operation: str, packet: Packet, number: int = -1) -> Request:
        """A request began to be known with this packet; its `end` may be moved on later."""
        stage, last = self._stage, self._last
        request = _request(self.spare, operation, number, packet)
        self.spare = None
        if number >= 0 and (known := self.numbered.get(number)) is not None:
            self._drop(known)  # the same number again: the older request can't be told from this one
            stage.forgotten += 1
            last = self._last
        if self._beyond or self.waiting >= stage.most_waiting or stage.open >= stage.most_open:
            self._beyond += 1
            stage.forgotten += 1
            stage.asked(self, request)
            return request
        if number >= 0:
            self.numbered[number] = request
        request.waits, request.before = True, last
        if last is None:
            self.first = request
        else:
            last.behind = request
        self._last = request
        self.waiting += 1
        stage.open += 1
        return request

    def tell(self, operation: str, packet: Packet) -> None:
        """A request that the server does not answer."""
        self._stage.asked(self, _request(None, operation, -1, packet))

    def oldest(self, frame: int) -> Request | None:
        """The request that a response in this frame answers, where responses come in order."""
        while self.lost and self.waiting > 1 and (request := self.first) is not None:
            self._drop(request)
            self._stage.not_captured += 1
        self.lost = False
        oldest = self.first
        # a response that waited behind a hole may be handed on after later requests
        return oldest if oldest is not None and oldest.frame <= frame else None

    def begin(self, request: Request, time: int, frame: int) -> None:
        """The first byte of its response came."""
        if request.took < 0:
            request.took, request.reply_frame = max(0, time - request.end), frame

    def reply(self, packet: Packet) -> None:
        """A response without an error came with this packet as a whole, and its request is no longer thought of."""
        # in order, by protocols that keep no request beyond the next `ask`: then this one may be that one
        request = self.oldest(packet.number)
        if request is None:
            self.stray(packet.number)
            return
        self.begin(request, packet.time, packet.number)
        self.complete(request)
        self.spare = request

    def worked(self, asked: int, replied: int) -> None:
        """A request took from here to there; of pipelined ones each moment counts once."""
        if not self.answers:
            self.began = asked
        self.answers += 1
        if replied > self.free_at:
            self.busy += replied - max(asked, self.free_at)
            self.free_at = replied

    def complete(self, request: Request) -> None:
        """Its response is whole, or tells enough."""
        if not request.waits:
            return
        self.paired = True
        self._take(request)
        self._stage.answered(self, request)

    def stray(self, frame: int, error: str = "") -> None:
        """A response whose request is not known."""
        if self._beyond:
            self._beyond -= 1
        else:
            self._stage.stray(self, error, frame)

    def _take(self, request: Request) -> None:
        """One that waits."""
        before, behind = request.before, request.behind
        request.waits, request.before, request.behind = False, None, None
        if before is None:
            self.first = behind
        else:
            before.behind = behind
        if behind is None:
            self._last = before
        else:
            behind.before = before
        self.waiting -= 1
        self._stage.open -= 1
        if request.number >= 0:
            del self.numbered[request.number]

    def _drop(self, request: Request) -> None:
        """Its response is not in the capture, or only its beginning."""
        self._take(request)
        if request.took >= 0:
            self._stage.answered(self, request)
        else:
            self._stage.asked(self, request)

    def gap(self, frame: int, *, replies: bool) -> None:
        """Bytes of requests or responses are not in the capture, as this frame shows."""
        if replies:
            self.lost, self._beyond, self._gap = True, 0, max(self._gap, frame)
        elif self.IN_ORDER:  # how many requests are missing between these and the next nobody knows
            while (request := self.first) is not None:
                self._stage.not_captured += request.took < 0
                self._drop(request)

    def parser(self, half: Half) -> "ServiceParser":
        """The parser of one direction."""
        raise NotImplementedError

    def abandon(self) -> None:
        """The conversation does not speak this protocol (any more): what waits says nothing."""
        while (request := self.first) is not None:
            self._take(request)
        self.ended = True

    def close(self, now: int) -> None:
        """The conversation is over at `now`: what still waits was not answered, unless it is too young to be judged."""
        if self.ended:
            return
        self.ended = True
        state = self.asker.flow.state
        over = state is not None and bool(state.fins or state.resets)
        not_captured = answer_not_captured(self.asker)
        while (request := self.first) is not None:
            self._take(request)
            if request.took >= 0:
                self._stage.answered(self, request)
            elif not request.due:
                self._stage.asked(self, request)
            elif not_captured or request.frame <= self._gap:
                self._stage.not_captured += 1
                self._stage.asked(self, request)
            elif not over and now - request.end < JUDGED_AFTER:
                self._stage.unjudged += 1
                self._stage.asked(self, request)
            else:
                self._stage.unanswered(self, request)
        self._stage.over(self)
