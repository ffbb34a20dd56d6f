# cython: annotation_typing=False
"""Requests and responses of databases, caches and brokers, whatever the protocol: pairing, latency, errors, silence.

An `Exchange` belongs to one conversation and is shared by the parsers of its two directions. Latency counts from the
end of a request to the first byte of its response. A request counts once it was answered or its conversation is over,
so that a conversation that turns out to speak something else counts nothing. Where the capture has a gap in the
responses, older requests count as "response not captured", not as unanswered.
"""

from typing import TYPE_CHECKING, ClassVar

from workers.analysis.flows import Half
from workers.analysis.http_stage import JUDGED_AFTER, answer_not_captured
from workers.analysis.service_facts import told
from workers.analysis.service_groups import Group, Groups, Request, request
from workers.analysis.service_pools import ServicePools
from workers.analysis.timeline import TimelineStage
from workers.contract.facts_services import ServiceFacts
from workers.contract.tallies import MAX_FRAMES
from workers.packets.packet import Packet
from workers.packets.room import Room

if TYPE_CHECKING:
    from workers.analysis.framing import ServiceParser

TOLD_GROUPS = 300
MAX_WAITING = 1024
"""Requests remembered a conversation."""
MAX_OPEN = 32_768
"""Requests remembered over all conversations."""
_FEW = 16
"""Places of requests that are never too many; beyond, four for each that waits, those that are over included."""
_PIECE = 64
"""What the beginning of a message costs beside its bytes."""
_FRAMES = MAX_FRAMES
UNKNOWN = ""
"""The operation of responses whose request is not in the capture, and of errors nobody asked for."""
_UNNUMBERED: dict[int, Request] = {}
"""Stands for the requests with a number where none has one."""
_NONE = Group("none", waits=False)
"""Before any was needed."""


class ServiceStage:
    """update from exchanges, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self.room = Room()
        """For beginnings of messages."""
        self.answers = timeline.answers()
        self.pools = ServicePools()
        self.groups = Groups()
        self.most_waiting, self.most_open = MAX_WAITING, MAX_OPEN
        self.open = 0
        """Requests that wait now."""
        self.forgotten = 0
        """Requests no longer waited for because too many were open."""
        self.not_captured = 0
        """Requests whose response fell into a gap of the capture."""
        self.unjudged = 0

    @property
    def beyond(self) -> int:
        """Requests of groups that were not kept."""
        return sum(group.requests.count for group in self.groups.others.values())

    def finish(self) -> ServiceFacts:
        """What was counted, as facts."""
        return told(self.groups, self.pools, TOLD_GROUPS)


class Exchange:
    """What one conversation asked and was answered; `asker` asks. Protocols that keep more of it derive from this."""

    __slots__ = (
        "_beyond", "_gap", "_group", "_group_before", "_head", "_queue", "_spare", "_stage", "answers",
        "asker", "began", "busy", "ended", "first", "free_at", "lost", "numbered", "paired", "server",
        "stopped", "strays", "waited", "waiting",
    )  # fmt: skip
    protocol: ClassVar[str] = ""
    IN_ORDER: ClassVar[bool] = True
    """Responses come in the order of the requests; else they name them by number."""

    def __init__(self, stage: ServiceStage, asker: Half) -> None:
        self._stage = stage
        self.asker = asker
        self.server = self._stage.groups.server(self.protocol, asker.key)
        self._group = self._group_before = _NONE
        """The one of its server that was needed last, and that before it."""
        self.waiting = 0
        """Requests from `first` on, in the order they were asked."""
        self.first: Request | None = None
        self._queue: list[Request | None] = []
        """All of them by their `place`, None for those that are over; empty until one waits behind another. A list, as
        one that leads to the next is copied by recursion."""
        self._head = 0
        """Where `first` is in it."""
        self._spare: Request | None = None
        """One that may be another one, if it says so."""
        self.numbered: dict[int, Request] = _UNNUMBERED if self.IN_ORDER else {}
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

    def ask(self, operation: str, packet: Packet) -> Request:
        """A request began to be known with this packet; its `end` may be moved on later."""
        asked = self._spare
        if asked is None or not asked.spare:
            asked = request()
        asked.operation = operation
        asked.end, asked.frame = packet.time, packet.number
        asked.took, asked.number, asked.due, asked.spare = -1, -1, True, False
        if self._beyond or self.waiting >= self._stage.most_waiting or self._stage.open >= self._stage.most_open:
            self._beyond += 1
            self._stage.forgotten += 1
            _count(self, asked)
            return asked
        asked.waits = True
        if self.first is None:
            self.first = asked
        else:
            self._behind(asked)
        self.waiting += 1
        self._stage.open += 1
        return asked

    def _behind(self, asked: Request) -> None:
        """One that waits behind others."""
        if not self._queue:
            assert self.first is not None
            self.first.place = 0
            self._queue.append(self.first)
        asked.place = len(self._queue)
        self._queue.append(asked)

    def ask_numbered(self, operation: str, packet: Packet, number: int) -> Request:
        """The same, with a number that its response names."""
        known = self.numbered.get(number)
        if known is not None:
            _drop(self, known)  # the same number again: the older request can't be told from this one
            self._stage.forgotten += 1
        asked = self.ask(operation, packet)
        if asked.waits:
            asked.number = number
            self.numbered[number] = asked
        return asked

    def tell(self, operation: str, packet: Packet) -> None:
        """A request that the server does not answer."""
        told = request()
        told.operation, told.frame = operation, packet.number
        _count(self, told)

    def oldest(self, frame: int) -> Request | None:
        """The request that a response in this frame answers, where responses come in order."""
        if self.lost:
            self._resume()
        oldest = self.first
        # a response that waited behind a hole may be handed on after later requests
        return oldest if oldest is not None and oldest.frame <= frame else None

    def _resume(self) -> None:
        """Responses were lost, and of what was asked only the last can still be told apart."""
        while self.waiting > 1 and (asked := self.first) is not None:
            _drop(self, asked)
            self._stage.not_captured += 1
        self.lost = False

    def begin(self, asked: Request, time: int, frame: int) -> None:
        """The first byte of its response came."""
        _begin(asked, time, frame)

    def reply(self, packet: Packet) -> None:
        """A response without an error came with this packet as a whole, and its request is no longer thought of.

        Not for the first one behind a gap, which `oldest` has to be asked about.
        """
        asked = self.first
        if asked is None or asked.frame > packet.number:
            self.stray(packet.number, "")
        else:
            _begin(asked, packet.time, packet.number)
            _end(self, asked)

    def complete(self, asked: Request) -> None:
        """The response to one that waits is whole, or tells enough."""
        self.paired = True
        _take(self, asked)
        _answered(self, asked)

    def end(self, asked: Request) -> None:
        """The same, and nobody thinks of this request any more, but for who moves its `end`."""
        _end(self, asked)

    def stray(self, frame: int, error: str) -> None:
        """A response whose request is not known."""
        if self._beyond:
            self._beyond -= 1
            return
        group = self._stage.groups.find(self.server, UNKNOWN)
        group.strays += 1
        if error:
            group.erred(error, frame)

    def gap(self, frame: int, *, replies: bool) -> None:
        """Bytes of requests or responses are not in the capture, as this frame shows."""
        if replies:
            self.lost, self._beyond, self._gap = True, 0, max(self._gap, frame)
        elif self.IN_ORDER:  # how many requests are missing between these and the next nobody knows
            while (asked := self.first) is not None:
                self._stage.not_captured += asked.took < 0
                _drop(self, asked)

    def hold(self, before: int, now: int) -> bool:
        """So many bytes of a message begun are held instead of so many before; False: no room, and none are."""
        return self._stage.room.hold(before + _PIECE if before else 0, now + _PIECE if now else 0)

    def parser(self, half: Half) -> "ServiceParser":
        """The parser of one direction."""
        raise NotImplementedError

    def abandon(self) -> None:
        """The conversation does not speak this protocol (any more): what waits says nothing."""
        while (asked := self.first) is not None:
            _take(self, asked)
        self.ended = True

    def close(self, now: int) -> None:
        """The conversation is over at `now`: what still waits was not answered, unless it is too young to be judged."""
        if self.ended:
            return
        state = self.asker.flow.state
        over = state is not None and bool(state.fins or state.resets)
        self._finish(now, over=over, not_captured=self.first is not None and answer_not_captured(self.asker))

    def make_way(self, now: int) -> None:
        """Another protocol follows."""
        if not self.ended:
            self._finish(now, over=False, not_captured=False)

    def _finish(self, now: int, *, over: bool, not_captured: bool) -> None:
        self.ended = True
        if self.first is not None:
            self._judge(now, over=over, not_captured=not_captured)
        if self.answers and not self.waited:
            self._stage.pools.over(
                self.server.protocol, self.asker.key, self.answers, self.busy, self.began, self.free_at
            )

    def _judge(self, now: int, *, over: bool, not_captured: bool) -> None:
        """What waits when the conversation is over, or none of this protocol any more."""
        while (asked := self.first) is not None:
            _take(self, asked)
            if asked.took >= 0:
                _answered(self, asked)
                continue
            _count(self, asked)
            if not asked.due:
                continue
            if not_captured or asked.frame <= self._gap:
                self._stage.not_captured += 1
            elif not over and now - asked.end < JUDGED_AFTER:
                self._stage.unjudged += 1
            else:
                self._group.unanswered.add(asked.frame)


def _begin(asked: Request, time: int, frame: int) -> None:
    if asked.took < 0:
        asked.took, asked.reply_frame = time - asked.end if time > asked.end else 0, frame


def _count(exchange: Exchange, asked: Request) -> None:
    """Count a request whose fate is known; its group is the exchange's then."""
    if exchange._group.operation is not asked.operation:
        _change_group(exchange, asked.operation)
    if exchange._group.requests.count < _FRAMES:
        exchange._group.requests.add(asked.frame)
    else:
        exchange._group.requests.count += 1


def _change_group(exchange: Exchange, operation: str) -> None:
    """The next request is not of the same operation as that before it."""
    group, exchange._group_before = exchange._group_before, exchange._group
    if group.operation is not operation:
        group = exchange._stage.groups.find(exchange.server, operation)
    exchange._group = group


def _answered(exchange: Exchange, asked: Request) -> None:
    """Count a request and its response."""
    _count(exchange, asked)
    took, end, replied = asked.took, asked.end, asked.end + asked.took
    if exchange._group.waits:
        exchange.waited = True
    else:
        if not exchange.answers:
            exchange.began = end
        exchange.answers += 1
        if replied > exchange.free_at:  # of pipelined ones each moment counts once
            exchange.busy += replied - max(exchange.free_at, end)
            exchange.free_at = replied
        if exchange._stage.answers.count < exchange._stage.answers.due:
            exchange._stage.answers.count += 1  # nothing is kept of most
        else:
            exchange._stage.answers.add(replied, took, exchange.server.protocol)
    latency = exchange._group.latency
    if latency.count < latency.due and latency.least <= took <= latency.most:
        latency.count += 1
    else:
        latency.add(took)
        if took > exchange._group.slowest:
            exchange._group.slowest, exchange._group.slowest_frame = took, asked.reply_frame
    if asked.error:
        exchange._group.erred(asked.error, asked.reply_frame)


def _end(exchange: Exchange, asked: Request) -> None:
    if asked.waits:
        exchange.paired = True
        _take(exchange, asked)
        _answered(exchange, asked)
    if asked.error:
        asked.error = ""
    asked.spare = True
    if exchange._spare is not asked:
        exchange._spare = asked


def _take(exchange: Exchange, asked: Request) -> None:
    """One that waits."""
    asked.waits = False
    exchange.waiting -= 1
    exchange._stage.open -= 1
    if exchange.waiting == 0:
        exchange.first = None
        if exchange._head or exchange._queue:
            exchange._queue.clear()
            exchange._head = 0
        if asked.number >= 0:
            exchange.numbered.clear()  # which otherwise stays as large as it ever was
    else:
        if asked.number >= 0:
            del exchange.numbered[asked.number]
        _step_out(exchange, asked)


def _step_out(exchange: Exchange, asked: Request) -> None:
    """One that waits beside others."""
    queue = exchange._queue
    queue[asked.place] = None
    if asked.place == exchange._head:
        while queue[exchange._head] is None:
            exchange._head += 1
        exchange.first = queue[exchange._head]
    if _FEW < len(queue) > 4 * exchange.waiting:
        _close_up(exchange)


def _close_up(exchange: Exchange) -> None:
    """Those that wait take the places of those that are over."""
    exchange._queue = [asked for asked in exchange._queue if asked is not None]
    exchange._head = 0
    numbered = exchange.numbered
    if numbered:
        exchange.numbered = {}
    for place in range(len(exchange._queue)):
        waiting = exchange._queue[place]
        assert waiting is not None
        waiting.place = place
        if numbered:
            exchange.numbered[waiting.number] = waiting


def _drop(exchange: Exchange, asked: Request) -> None:
    """Its response is not in the capture, or only its beginning."""
    _take(exchange, asked)
    if asked.took >= 0:
        _answered(exchange, asked)
    else:
        _count(exchange, asked)
