"""Comments in pcapng files are facts: bounded, counted beyond that, with the frames tshark shows them on."""

import struct
import subprocess

import pytest

from tests.unit.analysis.captures import PCAPS, analyse, needs_pcaps, shared, shared_facts
from tests.unit.packets.test_file_formats import FRAME, block, section
from workers.contract.facts import Comment
from workers.packets.options import MAX_COMMENT, MAX_COMMENTS


def comment(order: str, text: bytes) -> bytes:
    """opt_comment."""
    return struct.pack(order + "HH", 1, len(text)) + text + bytes(-len(text) % 4)


def packet(order: str, options: bytes) -> bytes:
    """An enhanced packet block with options."""
    return block(order, 6, struct.pack(order + "IIIII", 0, 0, 9, 8, 8) + FRAME + options)


@pytest.mark.parametrize("order", "<>")
def test_comments_of_sections_interfaces_statistics_and_packets(order: str) -> None:
    end = struct.pack(order + "HH", 0, 0)
    capture = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + comment(order, b"section"))
    capture += block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + comment(order, b"eth0") + end)
    flags = struct.pack(order + "HHI", 2, 4, 1)
    capture += packet(order, b"") + packet(
        order, flags + comment(order, b"slow") + comment(order, b"caf\xc3\xa9\0") + end
    )
    capture += block(order, 2, struct.pack(order + "HHIIII", 0, 0, 0, 9, 8, 8) + FRAME + comment(order, b"old"))
    capture += block(order, 5, struct.pack(order + "III", 0, 0, 9) + comment(order, b"over"))
    texts = [(0, "section"), (0, "eth0"), (2, "slow"), (2, "café"), (3, "old"), (0, "over")]
    facts = analyse(capture)
    assert facts.error is None
    assert facts.comments == tuple(Comment(frame, text) for frame, text in texts)
    assert analyse(capture, *range(len(capture))) == facts


def test_comments_are_bounded_and_counted() -> None:
    start = section("<") + block("<", 1, struct.pack("<HHI", 1, 0, 0))
    many = analyse(start + packet("<", comment("<", b"x" * 5_000)) * (MAX_COMMENTS + 7))
    assert (len(many.comments), many.more_comments) == (MAX_COMMENTS, 7)
    assert len(many.comments[0].text) == MAX_COMMENT
    assert many.packets == MAX_COMMENTS + 7


@pytest.mark.parametrize("options", [b"\1\0", struct.pack("<HH", 1, 99) + b"too short", struct.pack("<HH", 0, 0) * 3])
def test_options_that_do_not_fit_are_left(options: bytes) -> None:
    facts = analyse(section("<") + block("<", 1, struct.pack("<HHI", 1, 0, 0)) + packet("<", options))
    assert (facts.packets, facts.comments, facts.error) == (1, (), None)


@needs_pcaps
@pytest.mark.parametrize("name", [name for name in shared("*/*.pcapng") if "hostile" not in name])
def test_packet_comments_equal_those_of_tshark(name: str) -> None:
    argv = ["tshark", "-n", "-r", str(PCAPS / name), "-T", "fields", "-e", "frame.number", "-e", "frame.comment"]
    argv += ["-E", "separator=/t", "-E", "aggregator=,", "-Y", "frame.comment"]
    told = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout
    theirs = [line.split("\t", 1) for line in told.splitlines()]
    ours: dict[int, list[str]] = {}
    for one in shared_facts(name).comments:
        if one.frame:
            ours.setdefault(one.frame, []).append(one.text.replace("\n", "\\n").replace("\r", "\\r"))
    assert [[str(frame), ",".join(texts)] for frame, texts in ours.items()] == theirs
