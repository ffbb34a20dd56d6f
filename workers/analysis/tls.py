# cython: annotation_typing=False
"""TLS handshakes in the clear, on any port (RFC 8446, RFC 5246): hellos, alerts, certificate chains.

Records are read over the reassembled stream; application data is skipped by length. After ChangeCipherSpec a direction
is encrypted: its handshake records are not read and its alerts have no description. The count `tls_alert` (frames) has
encrypted alert records too, as tshark's does; `TlsFacts.alerts` counts those in the clear. TLS 1.3 hides certificates
and most alerts.
"""

from typing import Any

from workers.analysis import tls_names
from workers.analysis.certificates import Certificates
from workers.analysis.flows import Half
from workers.analysis.samples import NANO, count
from workers.analysis.tls_messages import certificates, client_hello, server_hello
from workers.analysis.tls_names import version
from workers.contract.facts import MAX_FRAMES, TlsAlert, TlsFacts, TlsHandshake
from workers.packets import marks
from workers.packets.packet import Packet
from workers.packets.stream import Parser

MAX_HANDSHAKES = 500
MAX_MESSAGE = 64 * 1024
_CCS, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = 1, 2, 11
_MAX_RECORD = 16_384 + 2_048


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

    __slots__ = ("alerts", "answered", "asked", "hello_frame", "hello_time", "number", "reply_frame", "retried", "told")

    def __init__(self, conversation: int, number: int) -> None:
        self.told: dict[str, Any] = {"conversation": conversation}
        """Fields of the facts, as they come to be known."""
        self.alerts: list[TlsAlert] = []
        self.asked = ""
        self.hello_frame = self.reply_frame = 0
        self.hello_time = -1
        self.answered = self.retried = False
        self.number = number

    def trouble(self) -> bool:
        """Whether it failed, was not answered, or shows a certificate out of its time."""
        return bool(self.alerts) or "version" not in self.told or bool(self.told.get("expired"))

    def facts(self) -> TlsHandshake:
        """As far as it is known."""
        return TlsHandshake(
            alerts=tuple(self.alerts),
            client_hello_frame=self.hello_frame,
            server_hello_frame=self.reply_frame,
            sni=self.asked,
            **self.told,
        )


class TlsStage:
    """start a parser for each direction, update from its messages, finish into facts."""

    def __init__(self) -> None:
        self._done: list[tuple[bool, int, _Handshake]] = []
        self._live: dict[int, _Handshake] = {}
        self._client_hellos = self._server_hellos = self._alerts = self._begun = 0
        self._versions: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self.certificates = Certificates()

    def start(self, half: Half) -> "TlsParser":
        """A parser for one direction."""
        half.flow.application = "tls"
        return TlsParser(self, half)

    def _current(self, half: Half) -> _Handshake:
        flow = half.flow.id
        handshake = self._live.get(flow)
        if handshake is None:
            self._begun += 1
            handshake = self._live[flow] = _Handshake(flow, self._begun)
        return handshake

    def message(self, kind: int, body: bytes, half: Half, packet: Packet, transport: str = "tcp") -> None:
        """One handshake message in the clear."""
        if kind == _CLIENT_HELLO:
            self._client_hello(body, half, packet, transport)
        elif kind == _SERVER_HELLO:
            self._server_hello(body, half, packet)
        elif kind == _CERTIFICATE:
            self._certificate(body, half, packet)

    def _client_hello(self, body: bytes, half: Half, packet: Packet, transport: str) -> None:
        packet.mask |= marks.TLS_CH
        self._client_hellos += 1
        known = self._live.get(half.flow.id)
        if known is not None and known.answered:
            self.end(half.flow.id)
        handshake, hello = self._current(half), client_hello(body, transport)
        if hello.sni:
            count(self._names, hello.sni)
        handshake.hello_time, handshake.hello_frame, handshake.asked = packet.time, packet.number, hello.sni
        told = handshake.told
        told["alpn"], told["offered"], told["transport"] = hello.alpn, version(hello.version), transport
        told["ja3"], told["ja4"] = hello.ja3, hello.ja4

    def _server_hello(self, body: bytes, half: Half, packet: Packet) -> None:
        packet.mask |= marks.TLS_SH
        self._server_hellos += 1
        handshake, hello = self._current(half), server_hello(body)
        handshake.answered = not hello.retry
        handshake.retried = handshake.retried or hello.retry
        chosen, told = version(hello.version), handshake.told
        handshake.reply_frame = packet.number
        told["version"], told["cipher"] = chosen, tls_names.suite(hello.cipher)
        told["chosen_alpn"] = hello.alpn[0] if hello.alpn else ""
        took = max(0, packet.time - handshake.hello_time) * NANO
        told["hello_latency"] = None if handshake.hello_time < 0 else took
        if not hello.retry:
            count(self._versions, chosen, 16)

    def answered(self, half: Half) -> bool:
        """Whether the server's hello was seen, and no retry request after which more of them come."""
        handshake = self._live.get(half.flow.id)
        return handshake is not None and handshake.answered

    def retrying(self, half: Half) -> bool:
        """Whether a HelloRetryRequest was sent and this side's hello that follows it was not yet."""
        handshake = self._live.get(half.flow.id)
        if handshake is None or not handshake.retried or handshake.answered:
            return False
        return half is not half.flow.client or handshake.hello_frame < handshake.reply_frame

    def _certificate(self, body: bytes, half: Half, packet: Packet) -> None:
        handshake = self._current(half)
        number, chain = certificates(body)
        packet.mask |= marks.TLS_CERT
        if half is half.flow.client or handshake.told.get("certificates"):
            return
        handshake.told["certificates"] = number
        if chain:
            handshake.told.update(self.certificates.told(chain, handshake.asked, packet.time * NANO))

    def alert(self, level: int, description: int, half: Half, packet: Packet) -> None:
        """An alert in the clear."""
        self._alerts += 1
        handshake = self._current(half)
        if len(handshake.alerts) >= MAX_FRAMES:
            return
        by = "client" if half is half.flow.client else "server"
        handshake.alerts.append(TlsAlert(packet.number, by, tls_names.LEVELS[level], tls_names.alert(description)))

    def end(self, conversation: int) -> None:
        """The conversation, or its handshake, is over."""
        handshake = self._live.pop(conversation, None)
        if handshake is None:
            return
        self._done.append((not handshake.trouble(), handshake.number, handshake))
        if len(self._done) >= 2 * MAX_HANDSHAKES:
            self._shrink()

    def _shrink(self) -> None:
        self._done.sort(key=lambda entry: entry[:2])
        del self._done[MAX_HANDSHAKES:]

    def finish(self) -> TlsFacts:
        """Handshakes in the order they began; when there are too many, those with trouble are kept first."""
        for conversation in list(self._live):
            self.end(conversation)
        self._shrink()
        kept = [entry[2].facts() for entry in sorted(self._done, key=lambda entry: entry[1])]
        handshakes, certificates = self.certificates.table(kept)
        return TlsFacts(
            handshakes=handshakes,
            certificates=certificates,
            more_handshakes=self._begun - len(kept),
            client_hellos=self._client_hellos,
            server_hellos=self._server_hellos,
            alerts=self._alerts,
            versions=dict(sorted(self._versions.items())),
            names=dict(sorted(self._names.items())),
        )


class TlsParser(Parser):
    """Reads the records of one direction."""

    __slots__ = ("_encrypted", "_half", "_held", "_kind", "_left", "_lost", "_message", "_skip", "_stage")

    def __init__(self, stage: TlsStage, half: Half) -> None:
        self._stage = stage
        self._half = half
        self._held = b""
        self._kind = 0
        self._left = 0
        self._message = b""
        self._skip = 0
        """Bytes of a handshake message too long to read."""
        self._encrypted = False
        self._lost = False

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        """The next bytes. The rest of an encrypted record is not needed."""
        if self._lost:
            if not looks_like_record(buffer, at, end):
                return 0
            self._lost, self._encrypted = False, self._encrypted or buffer[at] == _APPLICATION
        while at < end and not self._lost:
            if self._left == 0:
                at = self._header(buffer, at, end)
                continue
            taken = min(self._left, end - at)
            self._left -= taken
            if self._kind in (_HANDSHAKE, _ALERT, _CCS) and not self._encrypted:
                self._take(buffer[at : at + taken], packet)
            if self._left == 0:
                self._complete(packet)
            at += taken
        if self._kind == _APPLICATION or (self._encrypted and self._kind == _HANDSHAKE):
            rest, self._left = self._left, 0
            return rest
        return 0

    def skipped(self, packet: Packet, whole: bool) -> None:
        """An encrypted record is over."""

    def gap(self, size: int, packet: Packet) -> None:
        """Bytes that are not in the capture: go on at the next segment that begins with a record."""
        self._message = b""
        self._skip = 0
        self._lost, self._left, self._held = True, 0, b""

    def _header(self, buffer: bytes, at: int, end: int) -> int:
        """The 5 bytes before each record."""
        if not self._held and end - at >= 5:
            self._begin(buffer, at)
            return at + 5
        taken = min(5 - len(self._held), end - at)
        self._held += buffer[at : at + taken]
        if len(self._held) == 5:
            self._begin(self._held, 0)
            self._held = b""
        return at + taken

    def _begin(self, head: bytes, at: int) -> None:
        self._kind, self._left = head[at], head[at + 3] << 8 | head[at + 4]
        if not _CCS <= self._kind <= 24 or head[at + 1] != 3 or not 0 < self._left <= _MAX_RECORD:
            self._lost, self._left = True, 0

    def _take(self, piece: bytes, packet: Packet) -> None:
        """Bytes of a record in the clear."""
        if self._kind == _CCS:
            return
        if self._kind == _HANDSHAKE and self._skip:
            skipped = min(self._skip, len(piece))
            self._skip -= skipped
            piece = piece[skipped:]
        if self._kind == _ALERT and len(self._message) > 64:
            return
        self._message += piece
        if self._kind == _HANDSHAKE:
            self._messages(packet)

    def _messages(self, packet: Packet) -> None:
        """Every handshake message that is complete."""
        held = self._message
        while len(held) >= 4:
            size = 4 + (held[1] << 16 | held[2] << 8 | held[3])
            if size > MAX_MESSAGE:
                self._skip = size - len(held)
                self._message = b""
                return
            if len(held) < size:
                break
            self._stage.message(held[0], held[4:size], self._half, packet)
            held = held[size:]
        self._message = held

    def _complete(self, packet: Packet) -> None:
        """A record is over."""
        if self._kind == _ALERT:
            packet.mask |= marks.TLS_ALERT
            held = self._message
            if not self._encrypted and len(held) == 2 and held[0] in tls_names.LEVELS:
                self._stage.alert(held[0], held[1], self._half, packet)
            self._message = b""
        elif self._kind == _CCS:
            # Around a HelloRetryRequest it means nothing (RFC 8446, appendix D.4): a hello in the clear follows.
            self._encrypted = not self._stage.retrying(self._half)
            self._message = b""
