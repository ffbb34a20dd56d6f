"""Looking at the facts while bytes still arrive: they are those of what has come, and looking changes nothing."""

import contextlib
import time

import pytest
from msgspec.structs import replace

from tests.unit.analysis.captures import ACK, PCAPS, PSH, RST, SYN, Pcap, Tcp, analyse, dns, needs_pcaps, shared, udp
from workers.analysis import Analyser
from workers.sandbox.parent import Sandbox

SOME = [name for name in shared("*/*.pcap", "*/*.pcapng") if (PCAPS / name).stat().st_size < 50_000][::10]


def _made() -> bytes:
    pcap = Pcap()
    tcp = Tcp(pcap).handshake()
    tcp.send(0.02, "c", PSH | ACK, 1, 1, b"GET /a?b=c HTTP/1.1\r\nHost: shop\r\n\r\n")
    tcp.send(0.03, "s", PSH | ACK, 1, 36, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
    pcap.add(0.05, udp("198.18.0.1", 4000, "198.18.0.3", 53, dns(7, "web.shop")))
    Tcp(pcap, 40_001, 81).send(0.06, "c", SYN, 0).send(0.07, "s", RST | ACK, 0, 1)
    return pcap.bytes()


def _looked_at(capture: bytes, cuts: list[int]) -> None:
    analyser, at = Analyser(), 0
    for cut in cuts:
        analyser.feed(capture[at:cut])
        at = cut
        assert replace(analyser.peek(), error=None) == replace(analyse(capture[:cut]), error=None), cut
        assert analyser.peek().error is None or "byte" in str(analyser.peek().error)
    analyser.feed(capture[at:])
    assert analyser.finish() == analyse(capture)


def test_after_every_byte() -> None:
    capture = _made()
    _looked_at(capture, list(range(1, len(capture), 7)))


@needs_pcaps
@pytest.mark.parametrize("name", SOME)
def test_public_captures(name: str) -> None:
    capture = (PCAPS / name).read_bytes()
    _looked_at(capture, [len(capture) // 3, len(capture) // 2])


def test_the_child_answers_while_it_is_fed_and_goes_on() -> None:
    capture = _made()
    with contextlib.closing(Sandbox("t")) as sandbox:
        sandbox.feed(3, capture[:-10])
        sandbox.peek()
        deadline = time.monotonic() + 60
        while sandbox.peeked is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not sandbox.peeking
        assert {target: facts.packets for target, facts in sandbox.peeked.items()} == {3: 7}
        sandbox.feed(3, capture[-10:])
        assert sandbox.finish(60)[3] == analyse(capture)
    assert not sandbox.failed
