"""A capture in a container of ours that hears of no worker ends by itself, says so, and keeps what it has."""

import contextlib
import hashlib
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.local_exec import POD, PORT, LocalPod, until_none
from workers.capture import supervised
from workers.capture.ending import Ending
from workers.capture.exec_stream import STDERR, STDOUT
from workers.capture.plans import EPHEMERAL, Plan
from workers.capture.spool import Spool
from workers.capture.supervised import follow_argv, leave_argv, supervised_argv
from workers.capture.tcpdump import BEAT, GO, Trailer
from workers.contract.job import new_job_id
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

SPEC = CaptureSpec(TargetRef(TargetKind.POD, "pod-0"), "test", filter=f"udp port {PORT}", duration=120, interface="lo")
PLAN = Plan(POD, "app", EPHEMERAL)


LAPSE, BEATING = 5, 3.0
"""Seconds it waits for a heartbeat, and how long it gets them."""


def test_it_ends_says_why_and_keeps_every_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "FOLDER", str(tmp_path / "container"))
    monkeypatch.setattr(supervised, "LAPSE", LAPSE)
    job_id, spool, trailer = new_job_id(), Spool(tmp_path / "here.pcap"), Trailer()
    with LocalPod(tmp_path, "dash") as pod:
        pod.traffic()
        first = pod.open_exec(POD, "app", supervised_argv(PLAN, SPEC, job_id, 600), whole=True)
        reader = pod.open_exec(POD, "app", follow_argv(job_id, 0))
        began = beaten = time.monotonic()
        with contextlib.closing(reader):
            for channel, data in reader.frames(0.2):
                if channel == STDOUT:
                    spool.write(data)
                elif channel == STDERR:
                    trailer.feed(data)
                    if b"##ready" in data:
                        reader.send(GO)
                if beaten + 1 < time.monotonic() < began + BEATING:
                    beaten = time.monotonic()
                    reader.send(BEAT)
                if trailer.done:
                    break
        lasted = time.monotonic() - began
        pod.run(POD, "app", leave_argv(job_id))
        first.process.wait(20)
    until_none(f"threadcap={job_id}")
    assert trailer.lapsed
    assert lasted > LAPSE + 1  # from the last heartbeat on
    outcome = Ending(PLAN, SPEC, spool, trailer, "", 0.0).outcome(lambda: "nothing was lost")
    assert (outcome.complete, outcome.proved, outcome.ended_by) == (False, True, "interrupted")
    assert outcome.reason == "ended early: no worker of Threadcap was there to go on"
    assert outcome.packets > 0
    assert outcome.pod_sha256 == hashlib.sha256(spool.path.read_bytes()).hexdigest()
    spool.close()
    stopped = replace(trailer, lapsed=False)
    assert Ending(PLAN, SPEC, spool, stopped, "", 0.0).outcome(lambda: "").ended_by == "time"
