"""QUIC connections over UDP, on any port: version, and the TLS hellos their Initial packets carry.

CRYPTO frames of one or more Initials are put together, in any order (RFC 9000 section 19.6), and the messages given to
the TLS stage. What follows the hellos is encrypted with keys nobody outside has.
"""

from msgspec import Struct, field

from workers.analysis.addresses import endpoints
from workers.analysis.flows import Flow, Half
from workers.analysis.quic_packets import CUT, INITIAL, NEGOTIATION, RETRY, Keys, Long, packets, varint, version_name
from workers.analysis.samples import Frames, count
from workers.analysis.tls import TlsStage
from workers.contract.facts_quic import QuicEnd, QuicFacts
from workers.packets.packet import Packet
from workers.packets.room import Room

MAX_OPEN = 256
"""Connections whose hellos are put together at once; each holds at most 2 x 2 x MAX_CRYPTO bytes, if there is room."""
MAX_INITIALS = 32
"""Initial packets opened of one connection."""
MAX_OPENED = 20_000
"""Initial packets opened of one capture; each costs some 60 microseconds."""
MAX_ENDS = 1024
TOLD_ENDS = 50
TRIES = 2
"""Packets before a client's silence means anything: an Initial is sent again within a second (RFC 9002 section 6.2)."""
JUDGED_AFTER = 1_500_000_000
"""Nanoseconds."""
MAX_CRYPTO = 16 * 1024
MAX_PIECES = 64
_PIECE = 128
"""What a piece costs beside its bytes."""
_SYSTEM_PORTS = 1024
_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO, _CLOSE = 0, 1, 2, 3, 6, 0x1C
_CRYPTO_ERRORS = range(0x100, 0x200)
"""A TLS alert as error code (RFC 9001 section 4.8)."""
_ERRORS = (
    "NO_ERROR INTERNAL_ERROR CONNECTION_REFUSED FLOW_CONTROL_ERROR STREAM_LIMIT_ERROR STREAM_STATE_ERROR"
    " FINAL_SIZE_ERROR FRAME_ENCODING_ERROR TRANSPORT_PARAMETER_ERROR CONNECTION_ID_LIMIT_ERROR PROTOCOL_VIOLATION"
    " INVALID_TOKEN APPLICATION_ERROR CRYPTO_BUFFER_EXCEEDED KEY_UPDATE_ERROR AEAD_LIMIT_REACHED NO_VIABLE_PATH"
).split(" ")


class _Crypto:
    """The handshake bytes of one side, in order."""

    __slots__ = ("_charged", "_lost", "_next", "_pieces", "_room", "held")

    def __init__(self, room: Room) -> None:
        self.held = bytearray()
        self._next = 0
        self._pieces: dict[int, bytes] = {}
        self._room = room
        self._charged = 0
        """What it takes up there."""
        self._lost = False
        """There was no room: nothing is held any more."""

    def wait(self) -> None:
        """What was not read waits for the next packet, if there is room for it."""
        cost = len(self.held) + sum([_PIECE + len(piece) for piece in self._pieces.values()])
        if cost != self._charged:
            self._lost = not self._room.hold(self._charged, cost)
            if self._lost:
                self.held.clear()
                self._pieces.clear()
            self._charged = 0 if self._lost else cost

    def drop(self) -> None:
        """Nothing waits any more."""
        self.held.clear()
        self._pieces.clear()
        self.wait()

    def add(self, offset: int, piece: bytes) -> None:
        """A piece; those that can't be placed within the bounds are dropped."""
        if self._lost or offset + len(piece) > MAX_CRYPTO:
            return
        waiting = len(piece) + sum(map(len, self._pieces.values()))
        longer = len(piece) > len(self._pieces.get(offset, b""))
        if longer and waiting <= MAX_CRYPTO and len(self._pieces) < MAX_PIECES:
            self._pieces[offset] = piece
        for start in sorted(self._pieces):
            if start > self._next:
                return
            rest = self._pieces.pop(start)[self._next - start :]
            self.held += rest
            self._next += len(rest)

    def message(self) -> tuple[int, bytes] | None:
        """The next complete handshake message: type and body."""
        size = int.from_bytes(self.held[1:4], "big")
        if len(self.held) < 4 + size or len(self.held) < 4:
            return None
        kind, body = self.held[0], bytes(self.held[4 : 4 + size])
        del self.held[: 4 + size]
        return kind, body


class _Connection(Struct):
    """What is needed until both hellos were read."""

    client: Half | None = None
    destination: bytes = b""
    keys: dict[tuple[int, bool], Keys] = field(default_factory=dict)
    """By version and whether they are the client's: the server may change to another version (RFC 9368)."""
    crypto: dict[bool, _Crypto] = field(default_factory=dict)
    opened: int = 0
    asker: Half | None = None
    """Who sent the first packet."""
    frame: int = 0
    begun: int = 0
    tries: int = 0
    answered: bool = False

    def seen(self, half: Half, packet: Packet) -> None:
        """A datagram of either side."""
        if self.asker is None:
            self.asker, self.frame, self.begun = half, packet.number, packet.time
        self.tries += half is self.asker
        self.answered = self.answered or half is not self.asker

    def open(self, buffer: bytes, packet: Long, *, client: bool) -> bytes | None:
        """The frames of an Initial packet, if this connection's keys open it."""
        keys = self.keys.get((packet.version, client))
        if keys is None:
            keys = self.keys[packet.version, client] = Keys(
                packet.version, self.destination, "client" if client else "server"
            )
        return keys.open(buffer, packet)


class QuicStage:
    """update with each datagram that may hold a long header, finish into facts."""

    def __init__(self, tls: TlsStage) -> None:
        self._tls = tls
        self._open: dict[int, _Connection] = {}
        self._connections = self._retries = self._negotiations = self._unread = self._opened = 0
        self._versions: dict[str, int] = {}
        self._closed: dict[str, int] = {}
        self._ends: dict[tuple[str, str, int], tuple[Frames, Frames]] = {}
        """By client, server and port: connections, and those that nobody answered."""
        self.beyond = 0
        """Connections whose hellos were given up because too many were open, or too many packets opened."""

    def datagram(self, packet: Packet, half: Half) -> None:
        """A UDP payload that begins as a long header does."""
        flow, seen = half.flow, False
        for found in packets(packet.buffer, packet.payload, packet.end):
            if found.kind == NEGOTIATION:
                self._negotiations += flow.application == "quic"
                self._seen(half, packet)
                return
            if flow.application != "quic":
                self._begin(half, found.version)
            if not seen:
                self._seen(half, packet)
                seen = True
            connection = self._open.get(flow.id)
            if found.kind == CUT:
                self._unread += 1
            elif found.kind == RETRY:
                self._retries += 1
                if connection is not None:
                    connection.client, connection.keys = None, {}
            elif found.kind == INITIAL and connection is not None:
                self._initial(connection, found, half, packet)

    def _seen(self, half: Half, packet: Packet) -> None:
        connection = self._open.get(half.flow.id)
        if connection is not None:
            connection.seen(half, packet)

    def _begin(self, half: Half, version: int) -> None:
        flow = half.flow
        flow.application = "quic"
        end = _end(half)
        if end in self._ends or len(self._ends) < MAX_ENDS:
            self._ends.setdefault(end, (Frames(), Frames()))[0].count += 1
        self._connections += 1
        count(self._versions, version_name(version), 32)
        if len(self._open) >= MAX_OPEN:
            self.beyond += 1
            self._drop(next(iter(self._open)))
        self._open[flow.id] = _Connection()

    def _initial(self, connection: _Connection, found: Long, half: Half, packet: Packet) -> None:
        if connection.opened >= MAX_INITIALS or self._opened >= MAX_OPENED:
            self.beyond += 1
            self._drop(half.flow.id)
            return
        connection.opened += 1
        self._opened += 1
        if connection.client is None:  # its first packet chooses the keys, also after a Retry
            frames = self._first(connection, found, half, packet)
        else:
            frames = connection.open(packet.buffer, found, client=half is connection.client)
        if frames is None:
            self._unread += 1
        else:
            self._frames(connection, frames, half, packet)
            crypto = connection.crypto.get(half is connection.client)
            if crypto is not None and half.flow.id in self._open:
                crypto.wait()

    def _first(self, connection: _Connection, found: Long, half: Half, packet: Packet) -> bytes | None:
        connection.destination, connection.keys = found.destination, {}
        frames = connection.open(packet.buffer, found, client=True)
        if frames is not None:
            connection.client = half
        return frames

    def _frames(self, connection: _Connection, frames: bytes, half: Half, packet: Packet) -> None:
        """The frames an Initial packet may hold (RFC 9000 section 12.4)."""
        at, end = 0, len(frames)
        client = half is connection.client
        while at < end:
            kind = frames[at]
            at += 1
            if kind == _CRYPTO:
                offset, at = varint(frames, at, end)
                size, at = varint(frames, at, end)
                if at + size > end:
                    return
                self._crypto(connection, offset, frames[at : at + size], half, packet, client=client)
                at += size
            elif kind in (_ACK, _ACK_ECN):
                at = _behind_ack(frames, at, end, ecn=kind == _ACK_ECN)
            elif kind == _CLOSE:
                self._close(varint(frames, at, end)[0], half, packet)
                return
            elif kind not in (_PADDING, _PING):
                return

    def _crypto(
        self, connection: _Connection, offset: int, piece: bytes, half: Half, packet: Packet, *, client: bool
    ) -> None:
        crypto = connection.crypto.get(client)
        if crypto is None:
            crypto = connection.crypto[client] = _Crypto(self._tls.room)
        crypto.add(offset, piece)
        while (message := crypto.message()) is not None:
            self._tls.message(*message, half, packet, "quic")
        if not client and self._tls.answered(half):
            self._drop(half.flow.id)

    def _close(self, code: int, half: Half, packet: Packet) -> None:
        """CONNECTION_CLOSE: why there will be no handshake."""
        if code in _CRYPTO_ERRORS:
            name = "CRYPTO_ERROR"
            self._tls.alert(2, code & 0xFF, half, packet)
        else:
            name = _ERRORS[code] if code < len(_ERRORS) else f"0x{code:x}"
        count(self._closed, name, 32)
        self._over(self._drop(half.flow.id), packet.time)

    def end(self, flow: Flow, now: int) -> None:
        """The conversation leaves the table at `now`."""
        self._over(self._drop(flow.id), now)
        self._tls.end(flow.id)

    def _drop(self, flow: int) -> _Connection | None:
        """Put no more hellos of a connection together."""
        connection = self._open.pop(flow, None)
        if connection is not None:
            for crypto in connection.crypto.values():
                crypto.drop()
        return connection

    def _over(self, connection: _Connection | None, now: int) -> None:
        """Judge a connection whose hellos were not both read."""
        if connection is None or connection.asker is None or connection.answered or connection.tries < TRIES:
            return
        end = self._ends.get(_end(connection.asker))
        if end is not None and now - connection.begun >= JUDGED_AFTER and not _serves(connection.asker):
            end[1].add(connection.frame)

    def finish(self) -> QuicFacts:
        """What is no handshake."""
        silent = ((end, seen) for end, seen in self._ends.items() if seen[1].count)
        ranked = sorted(silent, key=lambda item: -item[1][1].count)
        return QuicFacts(
            connections=self._connections,
            versions=dict(sorted(self._versions.items())),
            retries=self._retries,
            negotiations=self._negotiations,
            closed=dict(sorted(self._closed.items())),
            silent=tuple(
                QuicEnd(*end, connections=every.count, unanswered=silent.tally())
                for end, (every, silent) in ranked[:TOLD_ENDS]
            ),
            unread=self._unread,
        )


def _end(asker: Half) -> tuple[str, str, int]:
    """Client, server and port."""
    client, _, server, port = endpoints(asker.key)
    return client, server, port


def _serves(asker: Half) -> bool:
    """Whether the first one seen to send is the server: the capture began later."""
    _, source, _, destination = endpoints(asker.key)
    return source < _SYSTEM_PORTS <= destination


def _behind_ack(frames: bytes, at: int, end: int, *, ecn: bool) -> int:
    """The offset behind an ACK frame's fields (RFC 9000 section 19.3)."""
    _, at = varint(frames, at, end)
    _, at = varint(frames, at, end)
    ranges, at = varint(frames, at, end)
    for _ in range(1 + 2 * min(ranges, end) + 3 * ecn):
        if at >= end:
            break
        _, at = varint(frames, at, end)
    return at
