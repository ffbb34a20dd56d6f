"""What the pod said at the end becomes an outcome that claims no more than is true."""

import hashlib
import struct
from pathlib import Path

import pytest

from workers.capture.ending import Ending
from workers.capture.plans import Plan
from workers.capture.spool import Spool
from workers.capture.targets import PodInfo
from workers.capture.tcpdump import Trailer
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

SPEC = CaptureSpec(TargetRef(TargetKind.POD, "web-0"), "shop")
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_536, 276)
RECORD = struct.pack("<IIII", 1, 0, 4, 4) + b"data"
COUNTERS = "2 packets captured\n2 packets received by filter\n0 packets dropped by kernel\n"

CUT = "the last packet was unfinished when tcpdump stopped: 9 bytes of it are left out"


def ended(folder: Path, data: bytes, *said: str, stopped_by: str = "") -> CaptureOutcome:
    spool = Spool(folder / "spool.pcap")
    spool.write(data)
    trailer = Trailer()
    trailer.feed("".join(f"{line}\n" for line in said).encode() + COUNTERS.encode() + _proof(data))
    plan = Plan(PodInfo("shop", "web-0", "uid"), "app")
    outcome = Ending(plan, SPEC, spool, trailer, stopped_by, 0.0).outcome(lambda: "pod web-0 was deleted")
    spool.close()
    return outcome


def _proof(data: bytes) -> bytes:
    return f"##rc 0\n##sha256sum {hashlib.sha256(data).hexdigest()}\n##size {len(data)}\n##done\n".encode()


def test_one_that_ended_by_itself_is_complete(tmp_path: Path) -> None:
    outcome = ended(tmp_path, HEADER + RECORD * 2)
    assert (outcome.complete, outcome.proved, outcome.reason, outcome.ended_by) == (True, True, "", "time")


def test_one_that_the_cluster_ended_is_proved_but_not_complete(tmp_path: Path) -> None:
    outcome = ended(tmp_path, HEADER + RECORD * 2, "##told")
    assert (outcome.complete, outcome.proved, outcome.ended_by) == (False, True, "interrupted")
    assert outcome.reason == "pod web-0 was deleted; what came until then is here"


def test_one_that_was_stopped_first_is_what_was_asked_for(tmp_path: Path) -> None:
    outcome = ended(tmp_path, HEADER + RECORD * 2, "##told", stopped_by="stop")
    assert (outcome.complete, outcome.reason, outcome.ended_by) == (True, "", "stop")


@pytest.mark.parametrize("stopped_by", ["", "stop"])
def test_a_full_disk_in_the_cluster_truncates(tmp_path: Path, stopped_by: str) -> None:
    data = HEADER + RECORD * 2 + RECORD[:9]
    outcome = ended(tmp_path, data, "##full No space left on device", stopped_by=stopped_by)
    assert (outcome.complete, outcome.packets, outcome.ended_by) == (False, 2, "error")
    assert "took no more (No space left on device); truncated at byte 64" in outcome.reason


@pytest.mark.parametrize(
    ("data", "proved", "reason"),
    [
        (RECORD * 2, True, ""),
        (RECORD + RECORD[:9], True, CUT),
        (
            RECORD[:9],
            True,
            f"{CUT}, and 1 more that it had counted",
        ),
        (RECORD, True, "the last packet was not written when tcpdump stopped: it is left out"),
        (b"", False, ""),
        (RECORD * 3, False, ""),
    ],
)
def test_a_packet_that_a_signal_met_is_said(tmp_path: Path, data: bytes, proved: bool, reason: str) -> None:
    outcome = ended(tmp_path, HEADER + data, stopped_by="bytes")
    assert (outcome.complete, outcome.proved, outcome.reason) == (True, proved, reason)
