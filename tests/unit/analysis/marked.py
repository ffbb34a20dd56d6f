"""Each frame's marks of TCP analysis: ours, and tshark's of the same file."""

from pathlib import Path

from tests.unit.analysis.oracle import tshark
from workers.analysis.plain import PlainCore
from workers.analysis.stages import Stages
from workers.packets import marks
from workers.packets.capture import CaptureReader

ANALYSIS = (
    "retransmission fast_retransmission spurious_retransmission out_of_order lost_segment ack_lost_segment"
    " duplicate_ack zero_window zero_window_probe zero_window_probe_ack keep_alive keep_alive_ack window_full"
    " window_update reused_ports"
).split(" ")
"""Our marks, named as tshark's fields under tcp.analysis."""


def ours(data: bytes) -> list[set[str]]:
    """By the plain core, which takes one packet after another."""
    core, found = PlainCore(Stages()), []
    for buffer, records in CaptureReader().feed(data):
        for record in records:
            core.batch(buffer, [record])
            found.append({name for name in ANALYSIS if core._packet.mask & marks.MARKS[name]})
    return found


def theirs(path: Path) -> list[tuple[set[str], int]]:
    """By tshark, with its bytes in flight (0 where it tells none)."""
    rows = tshark(path, "frame", "tcp.analysis.bytes_in_flight", *(f"tcp.analysis.{name}" for name in ANALYSIS))
    return [
        ({name for name, value in zip(ANALYSIS, row, strict=True) if value}, int(flight or 0)) for flight, *row in rows
    ]
