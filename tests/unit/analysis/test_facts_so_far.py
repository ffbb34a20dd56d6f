"""Looking at the facts while bytes still arrive: they are those of what has come, and looking changes nothing."""

import contextlib
import struct
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


def test_many_requests_that_wait_on_one_connection() -> None:
    pcap, command = Pcap(), b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
    tcp = Tcp(pcap, server_port=6379).handshake()
    for number in range(1_100):
        tcp.send(1 + number / 1_000, "c", PSH | ACK, 1 + number * len(command), 1, command)
    _looked_at(pcap.bytes(), [len(pcap.bytes()) - 500])


def test_many_connections_whose_requests_are_over() -> None:
    pcap, request = Pcap(), b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
    every = [Tcp(pcap, 20_000 + number).handshake() for number in range(1_100)]
    for tcp in every:
        tcp.send(5, "c", PSH | ACK, 1, 1, request)
    for tcp in every:
        tcp.send(6, "s", PSH | ACK, 1, 1 + len(request), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    _looked_at(pcap.bytes(), [len(pcap.bytes()) - 500])


def test_what_a_prepared_statement_did_is_told_behind_a_hole() -> None:
    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!I", 4 + len(body)) + body

    pcap = Pcap()
    tcp = Tcp(pcap, server_port=5432).handshake()
    execute = message(b"B", b"\0s\0" + bytes(6)) + message(b"E", bytes(5)) + message(b"S", b"")
    bound, rows = message(b"2", b""), message(b"D", b"\0\1abcd") + message(b"C", b"SELECT 1\0") + message(b"Z", b"I")
    tcp.send(1, "c", PSH | ACK, 1, 1, execute)
    tcp.send(1.1, "s", PSH | ACK, 1, 1 + len(execute), bound)
    tcp.send(1.2, "s", PSH | ACK, 51 + len(bound), 1 + len(execute), rows)
    assert [group.operation for group in analyse(pcap.bytes()).services.groups] == ["SELECT"]
    _looked_at(pcap.bytes(), [len(pcap.bytes())])


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
