"""The compiled core hands events on by groups (core/order.pxi), the plain one as they come: no fact shows it.

Conversations of all protocols at once, more of each than any list of samples keeps; some change their protocol, give it
up, lose segments or have them in another order.
"""

import random
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.frames import ACK, CLIENTS, FILE_HEADER, FIN, PSH, RECORD, SERVERS, START, Clock, Tcp, datagram
from tests.unit.core.test_compiled_equals_plain import PAYLOADS, facts
from workers.analysis import Analyser
from workers.contract.facts import Facts

Said = tuple[int, bytes]
"""By the client, 0, or the server, 1."""


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(body)) + body


def message(kind: int, body: bytes) -> bytes:
    return record(22, struct.pack("!I", kind << 24 | len(body)) + body)


HELLO = message(1, b"\3\3" + bytes(32) + b"\0\0\4\x13\1\0\x2f\1\0\0\x0c\0\0\0\x08\0\6\0\0\3shp")
ANSWER = message(2, b"\3\3" + bytes(32) + b"\0\x13\1\0")
ALERT = record(21, b"\2\x28")
TLS = ((0, HELLO), (1, ANSWER + record(20, b"\1")), (1, b"\x16\3"), (0, record(23, bytes(400))), (0, ALERT))
GET, OK = b"GET /%d HTTP/1.1\r\nHost: shop\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
SETTINGS, PREFACE = b"\0\0\0\4\0\0\0\0\0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ASK2, SAID2 = b"\0\0\3\1\5\0\0\0\1\x82\x84\x86", b"\0\0\1\1\5\0\0\0\1\x88"
STARTUP = b"\0\0\0\x0d\0\3\0\0user\0"
QUERY, READY = b"Q\0\0\0\x0dSELECT 1\0", b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\5I"
GREETING = b"\x16\0\0\0\x0a8.0.36\0" + bytes(14)
KAFKA = b"\0\0\0\x0d\0\x0c\0\1\0\0\0\5\0\3abc", b"\0\0\0\x0a\0\0\0\5\0\0\0\0\0\x1b"
MONGO = PAYLOADS[-2:]
DNS = b"\0\x1d\0\7\1\0\0\1\0\0\0\0\0\0\3www\0\0\1\0\1"


def http(chance: random.Random) -> Iterator[Said]:
    for _ in range(chance.randrange(1, 4)):
        body = bytes([chance.choice((0, 22, 80, 200))]) * chance.choice((0, 9, 3_000))
        if chance.random() < 0.3:
            yield 0, b"POST /up HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % len(body)
            yield 0, body
        else:
            yield 0, GET % chance.randrange(3)
        if chance.random() < 0.9:
            yield 1, OK % len(body) + body[:1_400]
            yield 1, body[1_400:2_800]
            yield 1, body[2_800:] + chance.choice((b"", OK % 0, HELLO, b"?"))


def changing(chance: random.Random) -> Iterator[Said]:
    """Protocols that make way for another."""
    yield from chance.choice((
        ((0, b"CONNECT shop:443 HTTP/1.1\r\nHost: shop\r\n\r\n"), (1, b"HTTP/1.1 200 OK\r\n\r\n"), *TLS),
        ((0, b"OPTIONS * HTTP/1.1\r\nUpgrade: TLS/1.2\r\n\r\n"), (1, b"HTTP/1.1 101 Go\r\n\r\n" + ANSWER), *TLS),
        ((0, GET % 1), (1, b"HTTP/1.1 101 Go\r\n\r\n" + SETTINGS + SAID2), (0, PREFACE + SETTINGS + ASK2)),
        ((1, b"220 shop ESMTP\r\n"), (0, b"EHLO shop\r\n"), (1, b"250 STARTTLS\r\n"), (0, b"STARTTLS\r\n"), *TLS),
        ((0, b"\0\0\0\x08\x04\xd2\x16\x2f"), (1, b"S"), *TLS),
        ((1, GREETING), (0, b"\x20\0\0\1\x85\xae\x0f" + bytes(29)), *TLS),
        ((0, b"*1\r\n$4\r\nPING\r\n"), (1, b"?" * 20), (0, b"?" * 20), (0, GET % 1), (1, OK % 0), *TLS),
        ((0, MONGO[0]), (1, b"X" * 40), (0, GET % 1), (0, HELLO), (1, OK % 0)),
        ((0, KAFKA[0]), (0, HELLO), (1, ANSWER), (1, KAFKA[1]), (0, KAFKA[0])),
        ((0, GET % 1), (1, b"*1\r\n$4\r\nPING\r\n"), (0, b"+PONG\r\n+PONG\r\n"), (0, KAFKA[0]), (1, OK % 0)),
        (*TLS, (0, GET % 1), (1, OK % 0)),
        ((0, b"G"), (0, b"ET / HTTP/1.1\r\n\r\n"), (1, b"HTTP"), (1, b"/1.1 204 No\r\n\r\n"), *TLS),
        ((0, b"\x16\3\1"), (0, HELLO[3:]), (1, ANSWER[:9]), (1, ANSWER[9:])),
    ))  # fmt: skip


def noise(chance: random.Random) -> Iterator[Said]:
    for _ in range(chance.randrange(1, 6)):
        yield chance.randrange(2), chance.choice(PAYLOADS)


def talk(chance: random.Random) -> tuple[int, list[Said]]:
    """A server's port, and what is said."""
    port, said = chance.choice((
        (80, http(chance)), (5_555, http(chance)), (443, TLS), (5_556, TLS), (80, changing(chance)),
        (5_557, changing(chance)),
        (chance.choice((443, 5432, 3306, 6379, 25)), changing(chance)), (5_558, noise(chance)), (6379, noise(chance)),
        (80, ((0, PREFACE + SETTINGS), (1, SETTINGS), (0, ASK2), (1, SAID2))),
        (6379, ((0, b"*1\r\n$4\r\nPING\r\n"), (1, b"+PONG\r\n"), (0, b"*1\r\n$4\r\nINFO\r\n"), (1, b"-ERR no\r\n"))),
        (5432, ((0, STARTUP), (1, b"R\0\0\0\x08\0\0\0\0" + READY), (0, QUERY), (1, READY))),
        (3306, ((1, GREETING), (0, b"\x20\0\0\1\x85\xa6\x0f" + bytes(29)), (1, PAYLOADS[-7]), (0, PAYLOADS[-6]))),
        (9092, ((0, KAFKA[0]), (1, KAFKA[1]), (0, KAFKA[0]))), (27017, ((0, MONGO[0]), (1, MONGO[1]), (0, MONGO[0]))),
        (53, ((0, DNS), (1, DNS[:4] + b"\x81\x80" + DNS[6:]), (0, DNS))),
    ))  # fmt: skip
    return port, [*said]


class Capture:
    """A seeded one of so many conversations, a segment of any of them at a time."""

    def __init__(self, seed: int, trouble: float) -> None:
        self._chance, self._trouble, self._clock = random.Random(seed), trouble, Clock()
        self._frames: list[tuple[int, bytes]] = []

    def of(self, conversations: int) -> bytes:
        under_way: list[Iterator[None]] = []
        for number in range(conversations):
            under_way.append(self._conversation(number) if number % 4 else self._datagrams(number))
            for _ in range(8):
                place = self._chance.randrange(len(under_way))
                if next(under_way[place], 0) == 0:
                    del under_way[place]
                if not under_way:
                    break
        return FILE_HEADER + b"".join(
            RECORD.pack(START + at // 1_000_000, at % 1_000_000, len(frame), len(frame)) + frame
            for at, frame in self._frames
        )

    def _happens(self) -> bool:
        return self._chance.random() < self._trouble

    def _add(self, frame: bytes) -> None:
        chance, frames = self._chance, self._frames
        self._clock.micros += chance.choice((3, 700, 90_000))
        if chance.random() >= self._trouble / 2:
            frames.append((self._clock.micros, frame))
        if self._happens() and len(frames) > 3:
            place = chance.randrange(len(frames) - 3, len(frames))
            frames[place], frames[-1] = (frames[place][0], frames[-1][1]), (frames[-1][0], frames[place][1])

    def _conversation(self, number: int) -> Iterator[None]:
        chance = self._chance
        port, said = talk(chance)
        ends = CLIENTS + number % 5, SERVERS + number % 3
        tcp = Tcp(self._clock, *ends, (20_000 + number, port), [1_000, 5_000])
        if chance.random() < 0.8:
            for side in range(2):
                self._add(tcp.syn(side))
                tcp.next[side] += self._happens()
                yield
        for side, data in said:
            self._say(tcp, side, data[:1_400])
            yield
        for side in range(2):
            if chance.random() < 0.7:
                self._add(tcp.segment(side, FIN | ACK))
                yield

    def _say(self, tcp: Tcp, side: int, data: bytes) -> None:
        """A segment, which may begin with bytes that were sent before."""
        again = self._chance.choice((0, 1, 9)) if self._happens() else 0
        self._add(tcp.segment(side, PSH | ACK, data, at=tcp.next[side] - again if again else -1))
        if again:
            tcp.next[side] += len(data) - again

    def _datagrams(self, number: int) -> Iterator[None]:
        port, ask, answer = self._chance.choice((
            (53, DNS[2:], DNS[2:4] + b"\x81\x80" + DNS[6:]), (123, b"\x23" + bytes(47), b"\x24" + bytes(47)),
            (5353, DNS[2:], DNS[2:]), (443, b"\xc0\0\0\0\1\x08" + bytes(40), b"\xc0\0\0\0\1\0\x08" + bytes(40)),
        ))  # fmt: skip
        for place in range(6):
            side = place % 2
            ends = CLIENTS + number % 5, SERVERS
            self._add(datagram(*ends, (20_000 + number, port), side, answer if side else ask))
            yield


def capture(seed: int, conversations: int, trouble: float) -> bytes:
    return Capture(seed, trouble).of(conversations)


@given(st.integers(0, 1 << 32), st.integers(1, 250), st.sampled_from((0.0, 0.05, 0.3)), st.sampled_from((997, 1 << 20)))
def test_of_any_conversations(seed: int, conversations: int, trouble: float, step: int) -> None:
    data = capture(seed, conversations, trouble)
    assert facts(data, step, compiled=True) == facts(data, len(data), compiled=False)


def with_room(data: bytes, step: int, room: int, *, compiled: bool) -> Facts:
    """The facts where so many bytes may be held by each group; none is, in the end."""
    analyser = Analyser(compiled=compiled)
    rooms = analyser._stages.applications.rooms
    for one in rooms:
        one.left = room
    for at in range(0, len(data), step):
        analyser.feed(data[at : at + step])
    found = analyser.finish()
    assert [one.left for one in rooms] == [room] * len(rooms)
    return found


@given(
    st.integers(0, 1 << 32), st.integers(1, 250), st.sampled_from((0.05, 0.3)), st.sampled_from((997, 1 << 20)),
    st.sampled_from((0, 300, 2_000)),
)  # fmt: skip
def test_of_any_conversations_with_little_room(
    seed: int, conversations: int, trouble: float, step: int, room: int
) -> None:
    data = capture(seed, conversations, trouble)
    assert with_room(data, step, room, compiled=True) == with_room(data, len(data), room, compiled=False)


@pytest.mark.parametrize("trouble", [0.0, 0.02])
def test_of_many_conversations(trouble: float) -> None:
    data = capture(7, 4_000, trouble)
    plain = facts(data, len(data), compiled=False)
    assert len(plain.timeline.latency) > 1_000
    for step in (4_096, 100_000, 1 << 24):
        assert facts(data, step, compiled=True) == plain


def test_what_follows_a_beginning_that_was_handed_on_before_is_not_taken_for_another_protocols() -> None:
    """A hello's first byte is kept; the rest alone looks like a service's. Another hello came before that rest."""
    split, whole = (Tcp(Clock(), CLIENTS + n, SERVERS, (20_000, 5_559), [1_000, 5_000]) for n in range(2))
    before, after, rest = split.segment(0, PSH | ACK, HELLO[:1]), whole.segment(0, PSH | ACK, HELLO), HELLO[1:]
    frames = [before, after, split.segment(0, PSH | ACK, rest)]
    first, *others = [RECORD.pack(START, n, len(frame), len(frame)) + frame for n, frame in enumerate(frames)]
    for compiled in (True, False):
        analyser = Analyser(compiled=compiled)
        analyser.feed(FILE_HEADER + first)
        analyser.feed(b"".join(others))
        assert [one.client_hello_frame for one in analyser.finish().tls.handshakes] == [2, 3]


def test_what_waits_behind_a_hole_does_not_tell_whose_the_bytes_before_are() -> None:
    """A body that looks like a hello comes before its head; another request comes behind that head."""
    late, other = (Tcp(Clock(), CLIENTS, SERVERS, (20_000 + n, 8_080), [1_000, 5_000]) for n in range(2))
    head = b"GET /1 HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % len(HELLO)
    opened = late.syn(0)
    body = late.segment(0, PSH | ACK, HELLO, at=late.next[0] + len(head))
    frames = [opened, body, late.segment(0, PSH | ACK, head), other.segment(0, PSH | ACK, GET % 1)]
    records = [RECORD.pack(START, n, len(frame), len(frame)) + frame for n, frame in enumerate(frames)]
    for compiled in (True, False):
        analyser = Analyser(compiled=compiled)
        analyser.feed(FILE_HEADER + b"".join(records))
        (group,) = analyser.finish().http.groups
        assert group.requests.frames == (3, 4)
