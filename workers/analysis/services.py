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
from workers.analysis.samples import Thinned
from workers.analysis.service_facts import told
from workers.analysis.service_groups import Group, Groups, Request, request
from workers.analysis.service_pools import ServicePools
from workers.analysis.timeline import TimelineStage
from workers.contract.facts_services import ServiceFacts
from workers.contract.tallies import MAX_FRAMES
from workers.packets.packet import Packet

if TYPE_CHECKING:
    from workers.analysis.framing import ServiceParser

TOLD_GROUPS = 300
MAX_WAITING = 1024
"""Requests remembered a conversation."""
MAX_OPEN = 32_768
"""Requests remembered over all conversations."""
_FRAMES = MAX_FRAMES
UNKNOWN = ""
"""The operation of responses whose request is not in the capture, and of errors nobody asked for."""


class ServiceStage:
    """update from exchanges, finish into facts."""

    def __init__(self, timeline: TimelineStage) -> None:
        self.timeline = timeline
        self.answers: Thinned = timeline.answers
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
        "_beyond", "_gap", "_group", "_group_before", "_last", "_spare", "_stage", "answers", "asker", "began", "busy",
        "ended", "first", "free_at", "lost", "numbered", "paired", "server", "stopped", "strays", "waited", "waiting",
    )  # fmt: skip
    protocol: ClassVar[str] = ""
    IN_ORDER: ClassVar[bool] = True
    """Responses come in the order of the requests; else they name them by number."""

    def __init__(self, stage: ServiceStage, asker: Half) -> None:
        self._stage = stage
        self.asker = asker
        self.server = self._stage.groups.server(self.protocol, asker.key)
        self._group: Group | None = None
        """The one of its server that was needed last, and that before it."""
        self._group_before: Group | None = None
        self.waiting = 0
        """Requests from `first` to `_last`, in the order they were asked."""
        self.first: Request | None = None
        self._last: Request | None = None
        """None when there is but one."""
        self._spare: Request | None = None
        """One that may be another one, if it says so."""
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

    def ask(self, operation: str, packet: Packet) -> Request:
        """A request began to be known with this packet; its `end` may be moved on later."""
        stage, asked = self._stage, self._made(operation, packet)
        if self._beyond or self.waiting >= stage.most_waiting or stage.open >= stage.most_open:
            self._beyond += 1
            stage.forgotten += 1
            self._count(asked)
            return asked
        asked.waits = True
        if self.first is None:
            self.first = asked
        else:
            last = self.first if self._last is None else self._last
            asked.before = last
            last.behind = self._last = asked
        self.waiting += 1
        stage.open += 1
        return asked

    def ask_numbered(self, operation: str, packet: Packet, number: int) -> Request:
        """The same, with a number that its response names."""
        known = self.numbered.get(number)
        if known is not None:
            self._drop(known)  # the same number again: the older request can't be told from this one
            self._stage.forgotten += 1
        asked = self.ask(operation, packet)
        if asked.waits:
            asked.number = number
            self.numbered[number] = asked
        return asked

    def _made(self, operation: str, packet: Packet) -> Request:
        """A request that does not wait yet."""
        made = self._spare
        if made is None or not made.spare:
            made = request()
        made.operation = operation
        made.end, made.frame = packet.time, packet.number
        made.took, made.number, made.due, made.spare = -1, -1, True, False
        return made

    def tell(self, operation: str, packet: Packet) -> None:
        """A request that the server does not answer."""
        self._count(self._made(operation, packet))

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
            self._drop(asked)
            self._stage.not_captured += 1
        self.lost = False

    def begin(self, asked: Request, time: int, frame: int) -> None:
        """The first byte of its response came."""
        if asked.took < 0:
            asked.took, asked.reply_frame = max(0, time - asked.end), frame

    def reply(self, packet: Packet) -> None:
        """A response without an error came with this packet as a whole, and its request is no longer thought of."""
        asked = self.oldest(packet.number)
        if asked is None:
            self.stray(packet.number, "")
        else:
            self.begin(asked, packet.time, packet.number)
            self.complete(asked)
            self.release(asked)

    def complete(self, asked: Request) -> None:
        """Its response is whole, or tells enough."""
        if asked.waits:
            self.paired = True
            self._take(asked)
            self._answered(asked)

    def release(self, asked: Request) -> None:
        """A request is over, and nobody knows it any more, but for who moves its `end`."""
        if asked.error:
            asked.error = ""
        asked.spare = True
        if self._spare is not asked:
            self._spare = asked

    def stray(self, frame: int, error: str) -> None:
        """A response whose request is not known."""
        if self._beyond:
            self._beyond -= 1
            return
        group = self._stage.groups.find(self.server, UNKNOWN)
        group.strays += 1
        if error:
            group.erred(error, frame)

    def _answered(self, asked: Request) -> None:
        """Count a request and its response."""
        group, took, end = self._count(asked), asked.took, asked.end
        replied = end + took
        if group.waits:
            self.waited = True
        else:
            if not self.answers:
                self.began = end
            self.answers += 1
            if replied > self.free_at:  # of pipelined ones each moment counts once
                self.busy += replied - (end if end > self.free_at else self.free_at)
                self.free_at = replied
            answers = self._stage.answers
            if answers.count < answers.due:
                answers.count += 1  # nothing is kept of most
            else:
                self._stage.timeline.latency(replied, took, self.server.protocol)
        latency = group.latency
        if latency.count < latency.due and latency.least <= took <= latency.most:
            latency.count += 1
        else:
            latency.add(took)
            if took > group.slowest:
                group.slowest, group.slowest_frame = took, asked.reply_frame
        if asked.error:
            group.erred(asked.error, asked.reply_frame)

    def _count(self, asked: Request) -> Group:
        """Count a request whose fate is known."""
        group = self._group
        if group is None or group.operation is not asked.operation:
            group = self._other_group(asked.operation)
        requests = group.requests
        if requests.count < _FRAMES:
            requests.add(asked.frame)
        else:
            requests.count += 1
        return group

    def _other_group(self, operation: str) -> Group:
        """That of an operation that is not the same as before."""
        group, self._group_before = self._group_before, self._group
        if group is None or group.operation is not operation:
            group = self._stage.groups.find(self.server, operation)
        self._group = group
        return group

    def _take(self, asked: Request) -> None:
        """One that waits."""
        asked.waits = False
        self.waiting -= 1
        self._stage.open -= 1
        if self.waiting == 0:
            self.first = None
        else:
            self._unlink(asked)
        if asked.number >= 0:
            del self.numbered[asked.number]

    def _unlink(self, asked: Request) -> None:
        """One that waits beside others."""
        before, behind = asked.before, asked.behind
        asked.before = asked.behind = None
        if before is None:
            self.first = behind
        else:
            before.behind = behind
        if behind is None:
            self._last = before
        else:
            behind.before = before
        if self.waiting == 1:
            self._last = None

    def _drop(self, asked: Request) -> None:
        """Its response is not in the capture, or only its beginning."""
        self._take(asked)
        if asked.took >= 0:
            self._answered(asked)
        else:
            self._count(asked)

    def gap(self, frame: int, *, replies: bool) -> None:
        """Bytes of requests or responses are not in the capture, as this frame shows."""
        if replies:
            self.lost, self._beyond, self._gap = True, 0, max(self._gap, frame)
        elif self.IN_ORDER:  # how many requests are missing between these and the next nobody knows
            while (asked := self.first) is not None:
                self._stage.not_captured += asked.took < 0
                self._drop(asked)

    def parser(self, half: Half) -> "ServiceParser":
        """The parser of one direction."""
        raise NotImplementedError

    def abandon(self) -> None:
        """The conversation does not speak this protocol (any more): what waits says nothing."""
        while (asked := self.first) is not None:
            self._take(asked)
        self.ended = True

    def close(self, now: int) -> None:
        """The conversation is over at `now`: what still waits was not answered, unless it is too young to be judged."""
        if self.ended:
            return
        self.ended = True
        if self.first is not None:
            self._judge(now)
        if self.answers and not self.waited:
            self._stage.pools.over(
                self.server.protocol, self.asker.key, self.answers, self.busy, self.began, self.free_at
            )

    def _judge(self, now: int) -> None:
        """What waits when the conversation is over."""
        state = self.asker.flow.state
        over = state is not None and bool(state.fins or state.resets)
        not_captured = answer_not_captured(self.asker)
        while (asked := self.first) is not None:
            self._take(asked)
            if asked.took >= 0:
                self._answered(asked)
                continue
            group = self._count(asked)
            if not asked.due:
                continue
            if not_captured or asked.frame <= self._gap:
                self._stage.not_captured += 1
            elif not over and now - asked.end < JUDGED_AFTER:
                self._stage.unjudged += 1
            else:
                group.unanswered.add(asked.frame)
