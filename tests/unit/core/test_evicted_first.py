"""When the table of conversations is full, those that may be over go first: floods do not push out what waits."""

import random
from collections.abc import Iterator

import pytest

from tests.bench.frames import (
    ACK,
    CLIENTS,
    FILE_HEADER,
    FIN,
    PSH,
    RECORD,
    RST,
    SERVERS,
    START,
    Clock,
    Tcp,
    datagram,
    handshake,
)
from workers.analysis import Analyser
from workers.analysis.flows import MAX_LIVE
from workers.contract.facts import Facts

WAITING, FLOOD = 1_500, 3 * MAX_LIVE
ASKED = b"GET /cart HTTP/1.1\r\nHost: shop\r\n\r\n"
ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def exchange(tcp: Tcp) -> Iterator[bytes]:
    yield tcp.segment(0, PSH | ACK, ASKED)
    yield tcp.segment(1, PSH | ACK, ANSWERED)


def connections(clock: Clock, chance: random.Random, number: int, port: int) -> list[Tcp]:
    return [
        Tcp(clock, CLIENTS + 9, SERVERS + 2, (1_024 + n, port), [chance.getrandbits(32), chance.getrandbits(32)])
        for n in range(number)
    ]


def flood(clock: Clock, chance: random.Random) -> Iterator[bytes]:
    """SYNs, lookups, and connections that end, in turns."""
    for n in range(FLOOD // 3):
        yield Tcp(clock, CLIENTS + 10 + n % 60_000, SERVERS + 1, (5_000, 443), [chance.getrandbits(32), 0]).syn(0)
        yield datagram(CLIENTS + 10 + n, SERVERS + 3, (6_000, 514), 0, b"<13>logged")
        tcp = Tcp(clock, CLIENTS + 10 + n, SERVERS + 4, (7_000, 9_000), [chance.getrandbits(32)] * 2)
        yield from handshake(tcp)
        yield tcp.segment(0, PSH | ACK, b"bye")
        yield tcp.segment(1, RST) if n % 2 else tcp.segment(1, FIN | ACK)


def pcap(clock: Clock, frames: Iterator[bytes]) -> bytes:
    made = bytearray(FILE_HEADER)
    for frame in frames:
        clock.micros += 20
        made += RECORD.pack(START + clock.micros // 1_000_000, clock.micros % 1_000_000, len(frame), len(frame)) + frame
    return bytes(made)


def capture() -> bytes:
    chance, clock = random.Random(3), Clock()
    waiting = connections(clock, chance, WAITING, 8_080)
    flows = [
        *(frame for tcp in waiting for part in (handshake(tcp), exchange(tcp)) for frame in part),
        *flood(clock, chance),
        *(frame for tcp in waiting for frame in exchange(tcp)),
    ]
    return pcap(clock, iter(flows))


def read(data: bytes, *, compiled: bool) -> Facts:
    analyser = Analyser(compiled=compiled)
    analyser.feed(data)
    return analyser.finish()


def test_connections_that_wait_outlast_a_flood() -> None:
    facts = read(capture(), compiled=True)
    group = facts.http.groups[0]
    assert any("closed early" in sentence for sentence in facts.approximations)
    assert (group.requests.count, group.latency.count) == (2 * WAITING, 2 * WAITING)
    assert group.statuses == {"200": 2 * WAITING}
    assert facts.counts["conversations"] == WAITING + FLOOD


@pytest.mark.parametrize("lasting", [0, MAX_LIVE])
def test_the_plain_core_lets_the_same_go(lasting: int) -> None:
    chance, clock = random.Random(5), Clock()
    waiting = connections(clock, chance, lasting, 8_080)
    frames = [frame for tcp in waiting for part in (handshake(tcp), exchange(tcp)) for frame in part]
    if lasting:
        frames += [frame for tcp in waiting[: MAX_LIVE // 3] for frame in exchange(tcp)]
    data = pcap(clock, iter([*frames, *flood(clock, chance)][: 12 * MAX_LIVE]))
    assert read(data, compiled=True) == read(data, compiled=False)
