"""The script in the pod, for real: how a capture ends, that nothing is left, that what arrived is proved."""

import hashlib
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.captures import all_written
from tests.support.local_exec import SHELLS, LocalPod, marked, until_none
from workers.capture.attached import probe, sweep
from workers.capture.methods.inside import lacking
from workers.capture.spool import Spool
from workers.capture.start_line import alone
from workers.capture.tcpdump import SLACK, Probe, attached_argv, marker
from workers.contract.errors import NoSuchInterface, NotCapturable
from workers.contract.job import new_job_id
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

SPEC = CaptureSpec(TargetRef(TargetKind.POD, "pod-0"), "test", filter="udp port 9001", duration=30, interface="lo")


class Trial:
    """One capture in a LocalPod, and what must hold after every one."""

    def __init__(self, pod: LocalPod, folder: Path, **changes: object) -> None:
        self.job_id = new_job_id()
        self.pod = pod
        self.spec = replace(SPEC, **changes)
        self.spool = Spool(folder / f"{self.job_id}.pcap")
        self.capture = pod.capture(self.spec, self.job_id, self.spool)

    def run(self) -> CaptureOutcome:
        try:
            outcome = self.capture.run(alone())
        finally:
            self.spool.close()
        until_none(marker(self.job_id))
        assert outcome.sha256 == self.spool.sha256()
        assert outcome.packets == _records(self.spool.path)
        return outcome

    def run_aside(self) -> "threading.Thread":
        self.outcome: CaptureOutcome | None = None

        def work() -> None:
            self.outcome = self.run()

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def until_packets(self) -> None:
        deadline = time.monotonic() + 20
        while self.spool.records < 5:
            assert time.monotonic() < deadline, "no packets"
            time.sleep(0.02)


def _records(path: Path) -> int:
    if not path.stat().st_size:
        return 0
    said = subprocess.run(["tcpdump", "-n", "-r", str(path), "--count"], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[0])


def _proved(trial: Trial, outcome: CaptureOutcome) -> None:
    assert outcome.complete
    assert outcome.proved
    assert outcome.reason == ""
    assert outcome.pod_sha256 == hashlib.sha256(trial.spool.path.read_bytes()).hexdigest()
    assert outcome.packets > 0
    assert all_written(outcome)
    assert outcome.bytes == outcome.pod_bytes == trial.spool.path.stat().st_size


@pytest.fixture(params=SHELLS)
def pod(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalPod]:
    with LocalPod(tmp_path, request.param) as one:
        one.traffic()
        yield one


def test_ends_by_time(pod: LocalPod, tmp_path: Path) -> None:
    trial = Trial(pod, tmp_path, duration=1)
    outcome = trial.run()
    _proved(trial, outcome)
    assert outcome.ended_by == "time"


def test_ends_by_packets(pod: LocalPod, tmp_path: Path) -> None:
    trial = Trial(pod, tmp_path, max_packets=20)
    outcome = trial.run()
    _proved(trial, outcome)
    assert (outcome.ended_by, outcome.packets) == ("packets", 20)


def test_ends_by_bytes_with_a_soft_stop(pod: LocalPod, tmp_path: Path) -> None:
    trial = Trial(pod, tmp_path, max_bytes=10_000)
    outcome = trial.run()
    _proved(trial, outcome)
    assert outcome.ended_by == "bytes"
    assert 10_000 <= outcome.bytes < 10_000 + SLACK


def test_the_pod_cuts_by_itself_when_nobody_stops_it(pod: LocalPod, tmp_path: Path) -> None:
    pod.deaf = True
    pod.traffic(size=60_000, rate=200, port=9002)
    trial = Trial(pod, tmp_path, filter="udp port 9002", max_bytes=10_000)
    outcome = trial.run()
    assert outcome.complete
    assert outcome.ended_by == "bytes"
    assert outcome.pod_bytes == 10_000 + SLACK  # every byte that left has arrived
    assert outcome.bytes < outcome.pod_bytes  # and the record that was cut is left out
    assert "the last packet was unfinished" in outcome.reason
    assert outcome.sha256 == hashlib.sha256(trial.spool.path.read_bytes()).hexdigest()
    assert outcome.captured is not None  # tcpdump counts what it could not write any more, too
    assert outcome.captured > outcome.packets
    assert outcome.proved


def test_stop_word_keeps_what_was_captured(pod: LocalPod, tmp_path: Path) -> None:
    trial = Trial(pod, tmp_path)
    aside = trial.run_aside()
    trial.until_packets()
    trial.capture.stop()
    aside.join(30)
    assert trial.outcome is not None
    _proved(trial, trial.outcome)
    assert trial.outcome.ended_by == "stop"


def test_stop_before_the_stream_is_open(pod: LocalPod, tmp_path: Path) -> None:
    trial = Trial(pod, tmp_path)
    trial.capture.stop()
    outcome = trial.run()
    assert (outcome.ended_by, outcome.reason) == ("stop", "stopped before it began")


def test_clients_that_leave_at_once_leave_nothing(pod: LocalPod) -> None:
    jobs = [new_job_id() for _ in range(120)]

    def come_and_go(job_id: str) -> None:
        process = pod.open_exec(pod.plan.pod, "app", attached_argv(SPEC, job_id)).process
        time.sleep(random.random() * 0.03)  # anywhere in the start of timeout and tcpdump
        process.communicate(timeout=20)  # ends stdin

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(come_and_go, jobs))
    for job_id in jobs:
        until_none(marker(job_id))


def test_lost_connection_leaves_nothing_and_keeps_whole_records(pod: LocalPod, tmp_path: Path) -> None:
    trial = Trial(pod, tmp_path)
    pod.gone = True
    aside = trial.run_aside()
    trial.until_packets()
    # the wrapper and all below it die with the pod
    for pid in marked(marker(trial.job_id)):
        _kill(pid)
    aside.join(30)
    assert trial.outcome is not None
    assert not trial.outcome.complete
    assert not trial.outcome.proved
    assert trial.outcome.ended_by == "interrupted"
    assert "deleted during the capture; truncated at byte" in trial.outcome.reason


def test_nothing_runs_on_after_stdin_ends(pod: LocalPod, tmp_path: Path) -> None:
    trial = Trial(pod, tmp_path)
    aside = trial.run_aside()
    trial.until_packets()
    stdin = pod.streams[0].process.stdin
    assert stdin is not None
    stdin.close()  # the client is gone
    until_none(marker(trial.job_id))
    aside.join(30)


def test_sweep_ends_everything_of_one_job(pod: LocalPod, tmp_path: Path) -> None:
    trial, other = Trial(pod, tmp_path), Trial(pod, tmp_path)
    aside, beside = trial.run_aside(), other.run_aside()
    trial.until_packets()
    other.until_packets()
    assert sweep(pod.cluster, pod.plan.pod, "app", trial.job_id)
    assert marked(marker(trial.job_id)) == []
    assert marked(marker(other.job_id)) != []
    other.capture.stop()
    aside.join(30)
    beside.join(30)
    assert other.outcome is not None
    _proved(other, other.outcome)


def test_no_packets_is_a_proved_empty_capture(pod: LocalPod, tmp_path: Path) -> None:
    outcome = Trial(pod, tmp_path, filter="tcp port 1", duration=1).run()
    assert outcome.proved
    assert (outcome.packets, outcome.captured, outcome.bytes) == (0, 0, 24)


def test_what_tcpdump_complains_of_is_said(pod: LocalPod, tmp_path: Path) -> None:
    with pytest.raises(NoSuchInterface, match="nosuch0"):
        Trial(pod, tmp_path, interface="nosuch0").run()


def test_words_of_a_filter_stay_words(pod: LocalPod, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(NotCapturable):
        Trial(pod, tmp_path, filter=f"'; touch {trace}; $(touch {trace})").run()
    assert not trace.exists()


def test_probe_says_what_there_is(pod: LocalPod) -> None:
    found = probe(pod.cluster, pod.plan.pod, "app")
    assert isinstance(found, Probe)
    assert found.missing == ()
    assert found.uid == 0
    assert found.time == pytest.approx(time.time(), abs=20)
    assert lacking(found) == ""
    assert found.machine == os.uname().machine


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
