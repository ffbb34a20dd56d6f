# cython: annotation_typing=False
"""TLS handshakes in the clear, on any port (RFC 8446, RFC 5246): hellos, alerts, certificate chains.

Records are read over the reassembled stream; application data is skipped by length. After ChangeCipherSpec a direction
is encrypted: its handshake records are not read and its alerts have no description. The count `tls_alert` (frames) has
encrypted alert records too, as tshark's does; `TlsFacts.alerts` counts those in the clear. TLS 1.3 hides certificates
and most alerts.
"""

from workers.analysis import tls_names
from workers.analysis.certificates import Certificates
from workers.analysis.flows import Half
from workers.analysis.samples import NANO
from workers.analysis.tls_known import Chain, Count, Hellos, Said, counted, numbers
from workers.contract.facts import MAX_FRAMES, TlsAlert, TlsFacts, TlsHandshake
from workers.packets import marks
from workers.packets.packet import Packet
from workers.packets.room import Room
from workers.packets.scan import piece
from workers.packets.stream import OF_TLS, Parser

MAX_HANDSHAKES = 500
MAX_MESSAGE = 64 * 1024
_ALERT_SIZE = 128
"""What an alert behind the first one of a handshake takes up in the room."""
_FREE = 3
"""So few bytes of a message, which do not tell its length, may wait without room."""
_CCS, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = 1, 2, 11
_MAX_RECORD = 16_384 + 2_048
_CH, _SH, _CERT = marks.TLS_CH, marks.TLS_SH, marks.TLS_CERT


def looks_like_record(buffer: bytes, at: int, end: int) -> bool:
    """Whether these bytes begin a TLS record, as far as they are here (at least 6 bytes)."""
    if end - at < 6 or buffer[at + 1] != 3 or buffer[at + 2] > 4:
        return False
    kind, length = buffer[at], buffer[at + 3] << 8 | buffer[at + 4]
    if kind == _HANDSHAKE:
        return 4 <= length <= _MAX_RECORD
    if kind == _ALERT:
        return 2 <= length <= 64
    return (kind == _APPLICATION and 0 < length <= _MAX_RECORD) or (kind == _CCS and length == 1)


class _Handshake:
    """One handshake under way."""

    __slots__ = (
        "alerts", "answer", "answered", "asked", "chain", "conversation", "expired", "hello", "hello_frame",
        "hello_time", "latency", "match", "number", "reply_frame", "retried", "transport",
    )  # fmt: skip

    conversation: int
    number: int
    alerts: list[TlsAlert] | None
    asked: str
    transport: str
    match: str
    hello: Said | None
    answer: Said | None
    chain: Chain | None
    hello_frame: int
    hello_time: int
    reply_frame: int
    latency: int
    answered: bool
    retried: bool
    expired: bool

    def trouble(self) -> bool:
        """Whether it failed, was not answered, or shows a certificate out of its time."""
        return self.alerts is not None or self.answer is None or self.expired


def _begun(conversation: int, number: int) -> _Handshake:
    """One that begins."""
    handshake = _Handshake.__new__(_Handshake)
    handshake.conversation, handshake.number = conversation, number
    handshake.alerts = handshake.hello = handshake.answer = handshake.chain = None
    handshake.asked = handshake.match = ""
    handshake.transport = "tcp"
    handshake.hello_frame = handshake.reply_frame = 0
    handshake.hello_time = handshake.latency = -1
    handshake.answered = handshake.retried = handshake.expired = False
    return handshake


def _rank(handshake: _Handshake) -> tuple[bool, int]:
    """Those with trouble first, then as they began."""
    return not handshake.trouble(), handshake.number


def _number(handshake: _Handshake) -> int:
    return handshake.number


class TlsStage:
    """start a parser for each direction, update from its messages, finish into facts."""

    def __init__(self) -> None:
        self.room = Room()
        """For beginnings of handshake messages, and for alerts of handshakes under way."""
        self._done: list[_Handshake] = []
        self._live: dict[int, _Handshake] = {}
        self._client_hellos = self._server_hellos = self._alerts = self._begun = 0
        self._versions: dict[str, Count] = {}
        self._hellos = Hellos()
        self.certificates = Certificates()
        self._chains = self.certificates.chains

    def start(self, half: Half) -> "TlsParser":
        """A parser for one direction."""
        half.flow.application = "tls"
        parser = TlsParser.__new__(TlsParser)
        parser.begin(self, half)
        return parser

    def _current(self, flow: int) -> _Handshake:
        handshake = self._live.get(flow)
        if handshake is None:
            self._begun += 1
            handshake = self._live[flow] = _begun(flow, self._begun)
        return handshake

    def message(self, kind: int, body: bytes, half: Half, packet: Packet, transport: str = "tcp") -> None:
        """One handshake message in the clear."""
        self.part(kind, body, 0, len(body), half, half.flow.id, packet, transport)

    def part(
        self, kind: int, buffer: bytes, at: int, end: int, half: Half, flow: int, packet: Packet, transport: str
    ) -> None:
        """The same, whose body lies between two places of a buffer."""
        if kind == _CLIENT_HELLO:
            self._client_hello(buffer, at, end, flow, packet, transport)
        elif kind == _SERVER_HELLO:
            self._server_hello(buffer, at, end, flow, packet)
        elif kind == _CERTIFICATE:
            self._certificate(piece(buffer, at, end), half, flow, packet)

    def _client_hello(self, buffer: bytes, at: int, end: int, flow: int, packet: Packet, transport: str) -> None:
        packet.mask |= _CH
        self._client_hellos += 1
        known = self._live.get(flow)
        if known is not None and known.answered:
            self.end(flow)
        handshake = self._current(flow)
        handshake.hello = self._hellos.client(buffer, at, end, transport)
        name = self._hellos.asked
        if name.count is not None:
            name.count.number += 1
        handshake.asked, handshake.transport = name.text, transport
        handshake.hello_time, handshake.hello_frame = packet.time, packet.number

    def _server_hello(self, buffer: bytes, at: int, end: int, flow: int, packet: Packet) -> None:
        packet.mask |= _SH
        self._server_hellos += 1
        handshake, said = self._current(flow), self._hellos.server(buffer, at, end)
        handshake.answered = not said.retry
        handshake.retried = handshake.retried or said.retry
        handshake.answer, handshake.reply_frame = said, packet.number
        handshake.latency = -1 if handshake.hello_time < 0 else max(0, packet.time - handshake.hello_time)
        if not said.retry:
            if said.count is None:
                said.count = counted(self._versions, said.version, 16)
            said.count.number += 1

    def answered(self, half: Half) -> bool:
        """Whether the server's hello was seen, and no retry request after which more of them come."""
        handshake = self._live.get(half.flow.id)
        return handshake is not None and handshake.answered

    def retrying(self, half: Half, flow: int) -> bool:
        """Whether a HelloRetryRequest was sent and this side's hello that follows it was not yet."""
        handshake = self._live.get(flow)
        if handshake is None or not handshake.retried or handshake.answered:
            return False
        return half is not half.flow.client or handshake.hello_frame < handshake.reply_frame

    def _certificate(self, body: bytes, half: Half, flow: int, packet: Packet) -> None:
        handshake = self._current(flow)
        packet.mask |= _CERT
        if half is half.flow.client or (handshake.chain is not None and handshake.chain.number):
            return
        chain = self._chains.find(body)
        if chain is None:
            chain = self.certificates.chain(body)
        handshake.chain = chain
        if chain.readable:
            now = packet.time * NANO
            handshake.expired = not chain.not_before <= now <= chain.not_after
            match = chain.matches.get(handshake.asked)
            handshake.match = self.certificates.match(chain, handshake.asked) if match is None else match

    def alert(self, level: int, description: int, half: Half, packet: Packet) -> None:
        """An alert in the clear."""
        self._alerts += 1
        handshake = self._current(half.flow.id)
        if handshake.alerts is None:
            handshake.alerts = []
        elif len(handshake.alerts) >= MAX_FRAMES or not self.room.hold(0, _ALERT_SIZE):
            return
        by = "client" if half is half.flow.client else "server"
        handshake.alerts.append(TlsAlert(packet.number, by, tls_names.LEVELS[level], tls_names.alert(description)))

    def end(self, conversation: int) -> None:
        """The conversation, or its handshake, is over."""
        handshake = self._live.pop(conversation, None)
        if handshake is None:
            return
        if handshake.alerts is not None:
            self.room.hold(_ALERT_SIZE * (len(handshake.alerts) - 1), 0)
        self._done.append(handshake)
        if len(self._done) >= 2 * MAX_HANDSHAKES:
            self._shrink()

    def _shrink(self) -> None:
        self._done.sort(key=_rank)
        del self._done[MAX_HANDSHAKES:]

    def finish(self) -> TlsFacts:
        """Handshakes in the order they began, once all ended; of too many, those with trouble are kept first."""
        self._shrink()
        self._done.sort(key=_number)
        places: dict[int, int] = {-1: -1}
        """Of the certificates told, by the numbers `Certificates` gave them."""
        handshakes = tuple([self._facts(handshake, places) for handshake in self._done])
        return TlsFacts(
            handshakes=handshakes,
            certificates=tuple([self.certificates.told(number) for number in places if number >= 0]),
            more_handshakes=self._begun - len(handshakes),
            client_hellos=self._client_hellos,
            server_hellos=self._server_hellos,
            alerts=self._alerts,
            versions=numbers(self._versions),
            names=numbers(self._hellos.names),
        )

    def _facts(self, handshake: _Handshake, places: dict[int, int]) -> TlsHandshake:
        """As far as it is known; certificates by their places in the facts."""
        hello, answer, chain, leaf = handshake.hello, handshake.answer, handshake.chain, None
        if chain is not None and chain.readable:
            leaf = self.certificates.told(chain.numbers[0])
        return TlsHandshake(
            conversation=handshake.conversation,
            client_hello_frame=handshake.hello_frame,
            server_hello_frame=handshake.reply_frame,
            sni=handshake.asked,
            alpn=hello.alpn if hello is not None else (),
            offered=hello.version if hello is not None else "",
            version=answer.version if answer is not None else "",
            cipher=answer.suite if answer is not None else "",
            hello_latency=handshake.latency * NANO if handshake.latency >= 0 else None,
            alerts=tuple(handshake.alerts or ()),
            certificates=chain.number if chain is not None else 0,
            not_before=leaf.not_before if leaf is not None else None,
            not_after=leaf.not_after if leaf is not None else None,
            subject_names=(leaf.names or ((leaf.subject,) if leaf.subject else ())) if leaf is not None else (),
            expired=handshake.expired,
            chosen_alpn=answer.alpn[0] if answer is not None and answer.alpn else "",
            ja3=hello.ja3 if hello is not None else "",
            ja4=hello.ja4 if hello is not None else "",
            chain=tuple([_place(places, number) for number in chain.numbers]) if chain is not None else (),
            sni_match=handshake.match,
            self_signed=leaf.self_signed if leaf is not None else False,
            transport=handshake.transport,
        )


def _place(places: dict[int, int], number: int) -> int:
    """Where a certificate is told, which is behind those told so far when it is new."""
    return places.setdefault(number, len(places) - 1)


class TlsParser(Parser):
    """Reads the records of one direction."""

    __slots__ = ("_encrypted", "_flow", "_half", "_held", "_kind", "_left", "_lost", "_message", "_skip", "_stage")

    def begin(self, stage: TlsStage, half: Half) -> None:
        """Stands for a constructor, which takes longer to call."""
        self._stage = stage
        self._half = half
        self._flow = half.flow.id
        self._held = b""
        self._kind = 0
        self._left = 0
        self._message = b""
        self._skip = 0
        """Bytes of a handshake message too long to read."""
        self._encrypted = False
        self._lost = False

    def group(self) -> int:
        """Of which group it is."""
        return OF_TLS

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes. The rest of an encrypted record is not needed."""
        if self._lost:
            if not looks_like_record(buffer, at, end):
                return 0
            self._lost, self._encrypted = False, self._encrypted or buffer[at] == _APPLICATION
        while at < end and not self._lost:
            if self._left == 0:
                if not self._held and at >= 0 and end - at >= 5 and end <= len(buffer):
                    self._begin(buffer, at)
                    at += 5
                else:
                    at = self._header(buffer, at, end)
                continue
            taken = min(self._left, end - at)
            self._left -= taken
            if not self._encrypted and self._kind <= _HANDSHAKE:
                self._take(buffer, at, at + taken, packet)
            if self._left == 0 and self._kind <= _ALERT:
                self._complete(packet)
            at += taken
        if self._kind == _APPLICATION or (self._encrypted and self._kind == _HANDSHAKE):
            rest, self._left = self._left, 0
            return rest
        return 0

    def skipped(self, packet: Packet, whole: bool) -> None:
        """An encrypted record is over."""

    def close(self, now: int) -> None:
        """What was begun does not end any more."""
        self._keep(b"")

    def gap(self, size: int, packet: Packet) -> None:
        """Bytes that are not in the capture: go on at the next segment that begins with a record."""
        self._keep(b"")
        self._lost, self._left, self._skip, self._held = True, 0, 0, b""

    def _header(self, buffer: bytes, at: int, end: int) -> int:
        """Some of the 5 bytes before each record."""
        taken = min(5 - len(self._held), end - at)
        self._held += buffer[at : at + taken]
        if len(self._held) == 5:
            self._begin(self._held, 0)
            self._held = b""
        return at + taken

    def _begin(self, head: bytes, at: int) -> None:
        kind, length = head[at], head[at + 3] << 8 | head[at + 4]
        if not _CCS <= kind <= 24 or head[at + 1] != 3 or not 0 < length <= _MAX_RECORD:
            self._lost, length = True, 0
        self._kind, self._left = kind, length

    def _take(self, buffer: bytes, at: int, end: int, packet: Packet) -> None:
        """Bytes of a record in the clear."""
        if self._kind == _HANDSHAKE:
            skipped = min(self._skip, end - at)
            self._skip -= skipped
            at += skipped
            if self._message:
                held = self._message + buffer[at:end]
                self._messages(held, 0, len(held), packet)
            elif at < end:
                self._messages(buffer, at, end, packet)
        elif self._kind == _ALERT and len(self._message) <= 2:  # one byte more than an alert shows that it is none
            self._message += buffer[at : min(end, at + 3 - len(self._message))]

    def _messages(self, buffer: bytes, at: int, end: int, packet: Packet) -> None:
        """Every handshake message that is complete; the rest is kept, or passed over when there is no room for it."""
        after = end
        while end - at >= 4:
            after = at + 4 + (buffer[at + 1] << 16 | buffer[at + 2] << 8 | buffer[at + 3])
            if after - at > MAX_MESSAGE:
                self._skip = after - end
                at = end
                break
            if after > end:
                break
            self._stage.part(buffer[at], buffer, at + 4, after, self._half, self._flow, packet, "tcp")
            at = after
        if (at < end or self._message) and not self._keep(buffer[at:end]):
            self._skip = after - end

    def _keep(self, begun: bytes) -> bool:
        """Have the beginning of a message wait for its rest, instead of another one; False when there is no room."""
        before, now = max(0, len(self._message) - _FREE), max(0, len(begun) - _FREE)
        self._message = begun
        fits = before == now or self._stage.room.hold(before, now)
        if not fits:
            self._message = b""
        return fits

    def _complete(self, packet: Packet) -> None:
        """A change of ciphers or an alert is over."""
        if self._kind == _ALERT:
            packet.mask |= marks.TLS_ALERT
            held = self._message
            if not self._encrypted and len(held) == 2 and held[0] in tls_names.LEVELS:
                self._stage.alert(held[0], held[1], self._half, packet)
        else:
            # Around a HelloRetryRequest it means nothing (RFC 8446, appendix D.4): a hello in the clear follows.
            self._encrypted = not self._stage.retrying(self._half, self._flow)
        self._keep(b"")
