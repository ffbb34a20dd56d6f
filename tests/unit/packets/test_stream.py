"""One direction's bytes in order: what waits, comes twice, or never."""

import pytest

from workers.packets.packet import Packet
from workers.packets.room import Room
from workers.packets.stream import Commons, Parser, Stream, opened

MARK, GAP = 1 << 5, 1 << 6
MAX_PENDING, MAX_PIECES = 128 * 1024, 64


class Told(Parser):
    """Notes what it is told; marks the packet of each piece."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def data(self, buffer: bytes, at: int, end: int, packet: Packet) -> int:
        self.heard.append(buffer[at:end])
        packet.mask |= MARK
        return 0

    def gap(self, size: int, packet: Packet) -> None:
        self.heard.append(size)
        packet.mask |= GAP


class Watching(Told):
    def watching(self) -> bool:
        return True


def segment(sequence: int, data: bytes, number: int = 1) -> Packet:
    packet = Packet()
    packet.buffer, packet.payload, packet.end, packet.payload_length = data, 0, len(data), len(data)
    packet.sequence, packet.number, packet.time, packet.mask = sequence, number, number, 0
    return packet


def stream(parser: Parser) -> Stream:
    made = opened(parser, Commons({}, (Room(),)))
    made.next = 10
    return made


@pytest.mark.parametrize(
    ("segments", "heard"),
    [
        pytest.param([(12, b"cde"), (12, b"c"), (10, b"ab")], [b"ab", b"cde"], id="the shorter of two adds nothing"),
        pytest.param([(12, b"c"), (12, b"cde"), (10, b"ab")], [b"ab", b"cde"], id="the longer of two is kept"),
        pytest.param([(12, b"c"), (10, b"abcde")], [b"abcde"], id="what waited came again with what filled the hole"),
        pytest.param([(12, b"cde"), (10, b"abc")], [b"abc", b"de"], id="a part of it came again"),
        pytest.param([(10, b"ab"), (8, b"yz"), (9, b"zabc")], [b"ab", b"c"], id="old bytes are handed on once"),
    ],
)
def test_each_byte_is_handed_on_once(segments: list[tuple[int, bytes]], heard: list[object]) -> None:
    parser = Told()
    one = stream(parser)
    for sequence, data in segments:
        one.segment(segment(sequence, data), -1)
    assert parser.heard == heard
    assert not one.pending


@pytest.mark.parametrize(
    ("pieces", "size"), [pytest.param(MAX_PIECES, 1, id="pieces"), pytest.param(2, MAX_PENDING // 2, id="bytes")]
)
def test_a_hole_is_given_up_when_more_waits_behind_it_than_may(pieces: int, size: int) -> None:
    parser = Told()
    one = stream(parser)
    for number in range(pieces):
        one.segment(segment(12 + number * (size + 1), b"x" * size), -1)
    assert one.pending is not None
    assert parser.heard == []
    one.segment(segment(12 + pieces * (size + 1), b"x"), -1)
    assert parser.heard == [2, b"x" * size]
    assert one.pending is not None


class Chosen(Told):
    """Of another group once it heard something."""

    def group(self) -> int:
        return 1 if self.heard else 0


def test_what_waits_is_charged_to_those_who_are_known_to_read_it() -> None:
    parser, rooms = Chosen(), (Room(1_000), Room(1_000))
    one = opened(parser, Commons({}, rooms))
    one.next = 10
    for sequence, data in ((12, b"cd"), (16, b"gh"), (10, b"ab")):
        one.segment(segment(sequence, data), -1)
    assert [room.left for room in rooms] == [1_000, 1_000 - 256 - 2]
    one.segment(segment(14, b"ef"), -1)
    assert [room.left for room in rooms] == [1_000, 1_000]
    assert parser.heard == [b"ab", b"cd", b"ef", b"gh"]


def test_what_waited_is_handed_on_once_the_receiver_has_it_and_its_marks_count_late() -> None:
    parser, late = Told(), {MARK: 1}
    one = opened(parser, Commons(late, (Room(),)))
    one.next = 10
    one.segment(segment(12, b"cd"), -1)
    proof = segment(0, b"", 9)
    proof.mask = 1
    one.acknowledged(proof, 14)
    assert (parser.heard, proof.mask, late) == ([2, b"cd"], 1, {MARK: 2, GAP: 1})
    one.acknowledged(proof, 14)
    assert late == {MARK: 2, GAP: 1}


def test_a_stream_watches_while_its_parser_does_and_nothing_waits() -> None:
    assert not stream(Told()).watching()
    one = stream(Watching())
    assert one.watching()
    one.segment(segment(12, b"cd"), -1)
    assert not one.watching()
