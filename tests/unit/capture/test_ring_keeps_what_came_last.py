"""A recording in the pod, for real: its ring turns by size and age and stays small; grabs take what it holds."""

import itertools
import os
import random
import shutil
import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from tests.support.local_exec import POD, SHELLS, LocalPod, PipeExec, until_none
from tests.support.ring import CONTAINER, LocalRing
from workers.capture import ring as ring_words
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDOUT, ExecStatus
from workers.capture.plans import EPHEMERAL, Plan
from workers.capture.ring import recording_argv
from workers.capture.start_line import alone
from workers.capture.targets import PodInfo
from workers.capture.tcpdump import marker
from workers.contract.errors import NotCapturable, TargetNotFound
from workers.contract.report import CaptureOutcome


@pytest.fixture(params=SHELLS)
def pod(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalPod]:
    with LocalPod(tmp_path, request.param) as made:
        yield made


@pytest.fixture
def still(tmp_path: Path) -> Iterator[LocalPod]:
    """A pod whose shell does not matter, without traffic."""
    with LocalPod(tmp_path, "dash") as made:
        yield made


@pytest.fixture
def busy(still: LocalPod) -> LocalPod:
    """A pod whose shell does not matter, with traffic."""
    still.traffic(size=200, rate=100)
    return still


def times(pcap: Path) -> list[float]:
    """When each packet came."""
    data, at, found = pcap.read_bytes(), 24, []
    while at < len(data):
        seconds, micros, size = struct.unpack_from("<III", data, at)
        found.append(seconds + micros / 1e6)
        at += 16 + size
    assert at == len(data), "the last packet is not whole"
    return found


def whole(outcome: CaptureOutcome, pcap: Path) -> list[float]:
    """The times of a grab that is complete and proved."""
    assert (outcome.complete, outcome.proved, outcome.reason) == (True, True, "")
    came = times(pcap)
    assert len(came) == outcome.packets
    assert outcome.kernel_dropped is not None
    return came


def no_gap(came: list[float], most: float = 1.0) -> bool:
    return max(later - earlier for earlier, later in itertools.pairwise(came)) < most


def test_a_grab_holds_what_came_before_it_and_the_ring_goes_on(pod: LocalPod, tmp_path: Path) -> None:
    pod.traffic(rate=100)
    with LocalRing(pod, tmp_path) as ring:
        ring.begin()
        ring.until(lambda: ring.size() > 20_000, "traffic in the ring")
        asked = time.time()
        first = whole(*ring.grab())
        assert first[0] < asked
        ring.until(lambda: ring.size() > 60_000, "more traffic")
        second = whole(*ring.grab())
        assert second[: len(first)] == first, "what was grabbed is still there, the second time"
        assert len(second) > len(first)
        ring.until(lambda: not (ring.folder / "grab").exists(), "end of what was held for the grabs")


def test_it_turns_with_time_and_forgets_what_is_too_old(pod: LocalPod, tmp_path: Path) -> None:
    pod.traffic(rate=50)
    with LocalRing(pod, tmp_path, keep=3.0) as ring:
        ring.begin()
        oldest = ring.files()[0]
        ring.until(lambda: not oldest.exists(), "end of the first file")
        came = whole(*ring.grab())
        assert len(ring.files()) > 2
        assert no_gap(came)
        assert came[-1] - came[0] < 3.0 + 1.0 + 3.0, "keep, one file, and the patience of a slow machine"


def test_it_turns_with_size_and_stays_under_its_cap(pod: LocalPod, tmp_path: Path) -> None:
    pod.traffic(size=8000, rate=150)  # so that a busy machine looks often enough
    with LocalRing(pod, tmp_path, max_bytes=8_000_000) as ring:
        ring.begin()
        oldest, most = ring.files()[0], 0
        while oldest.exists():
            most = max(most, ring.size())
        for _ in range(20):
            most = max(most, ring.size())
            time.sleep(0.05)
        assert len(ring.files()) > 1
        assert 5_000_000 < most <= 8_000_000, "two files are kept free for what comes between two looks"
        assert no_gap(whole(*ring.grab()))


def test_a_quiet_network_turns_nothing_and_breaks_nothing(still: LocalPod, tmp_path: Path) -> None:
    with LocalRing(still, tmp_path, keep=1.0) as ring:
        ring.begin()
        until = time.monotonic() + 2.5  # longer than it keeps
        ring.until(lambda: time.monotonic() > until, "time")
        assert len(ring.files()) == 1
        outcome, pcap = ring.grab()
        assert whole(outcome, pcap) == []
        assert outcome.bytes == 24
        still.traffic(rate=50)
        ring.until(lambda: ring.size() > 1000, "traffic after the silence")
        assert whole(*ring.grab())


def test_last_cuts_by_the_time_of_packets(busy: LocalPod, tmp_path: Path) -> None:
    with LocalRing(busy, tmp_path) as ring:
        ring.begin()
        began = time.time()
        ring.until(lambda: time.time() > began + 4, "four seconds")
        outcome, pcap = ring.grab(last=2.0)
        came = whole(outcome, pcap)
        assert outcome.started_at == pytest.approx(came[0])
        assert outcome.ended_at - 2.0 <= came[0] <= outcome.ended_at - 2.0 + 1.0
        assert len(whole(*ring.grab())) > len(came)


class Line:
    """A connection to the pod that waits for something before it brings anything, and that is cut after so many bytes,
    once for each of `cuts`. Stands in for Cluster."""

    def __init__(self, pod: LocalPod, cuts: Sequence[int] = (), wait: Callable[[], None] = lambda: None) -> None:
        self._pod = pod
        self._wait = wait
        self.cuts = list(cuts)

    @property
    def cluster(self) -> Cluster:
        return cast(Cluster, self)

    def open_exec(self, pod: PodInfo, container: str, argv: Sequence[str]) -> PipeExec:
        opened = self._pod.open_exec(pod, container, argv)
        frames, left = opened.frames, self.cuts.pop(0) if self.cuts else None

        def some(tick: float = 5.0) -> Iterator[tuple[int, bytes]]:
            nonlocal left
            self._wait()
            for channel, data in frames(tick):
                if channel != STDOUT or left is None:
                    yield channel, data
                    continue
                yield channel, data[:left]
                left = max(0, left - len(data))
                if not left:
                    return

        opened.frames = some  # type: ignore[method-assign]
        return opened


def test_a_file_that_is_deleted_while_it_is_grabbed_is_delivered(pod: LocalPod, tmp_path: Path) -> None:
    pod.traffic(size=8000, rate=500)
    with LocalRing(pod, tmp_path, max_bytes=8_000_000) as ring:
        ring.begin()
        ring.until(lambda: len(ring.files()) > 2, "files")
        oldest = ring.files()[0]

        def held_up() -> None:
            ring.until(lambda: (ring.folder / "grab" / "list").exists(), "list of what is grabbed")
            ring.until(lambda: not oldest.exists(), "end of a file that is being grabbed")

        grab = ring.grabbing(through=Line(pod, wait=held_up).cluster)
        outcome = grab.run(alone())
        grab.spool.close()
        came = whole(outcome, grab.spool.path)
        assert no_gap(came)
        assert outcome.bytes > 1_000_000


def test_a_grab_that_is_cut_goes_on_at_the_next_byte(pod: LocalPod, tmp_path: Path) -> None:
    pod.traffic(size=4000, rate=500)
    with LocalRing(pod, tmp_path) as ring:
        ring.begin()
        ring.until(lambda: ring.size() > 1_500_000, "traffic")
        seed = random.randrange(1 << 32)
        line = Line(pod, cuts=[random.Random(f"{seed} {turn}").randrange(1, 150_000) for turn in range(8)])
        grab = ring.grabbing(through=line.cluster)
        outcome = grab.run(alone())
        grab.spool.close()
        assert no_gap(whole(outcome, grab.spool.path)), f"seed {seed}"
        assert not line.cuts


def test_who_is_cut_off_for_good_holds_nobody_up_for_long(busy: LocalPod, tmp_path: Path) -> None:
    with LocalRing(busy, tmp_path) as ring:
        ring.begin()
        ring.until(lambda: ring.size() > 10_000, "traffic")
        grab = ring.grabbing(through=Line(busy, cuts=[100]).cluster)
        grab.stop("interrupted")
        grab.run(alone())
        grab.spool.close()
        held = ring.folder / "grab"
        if held.exists():
            ring.until(lambda: (held / "left").exists(), "goodbye")
            os.utime(held, (0, time.time() - 61))
        assert whole(*ring.grab())


def test_another_worker_goes_on_and_finds_what_was_there(busy: LocalPod, tmp_path: Path) -> None:
    with LocalRing(busy, tmp_path) as ring:
        ring.begin()
        ring.until(lambda: ring.size() > 10_000, "traffic")
        before = whole(*ring.grab())
        ring.take_over()
        ring.until(lambda: ring.recording.held.files > 0, "another look at the ring")
        after = whole(*ring.grab())
        assert after[: len(before)] == before
        assert no_gap(after)


def test_a_stop_leaves_the_ring_until_it_was_taken(busy: LocalPod, tmp_path: Path) -> None:
    with LocalRing(busy, tmp_path) as ring:
        ring.begin()
        ring.until(lambda: ring.size() > 10_000, "traffic")
        ring.recording.stop()
        ended = ring.ended()
        assert (ended.ended_by, ended.reason) == ("stop", "")
        grab = ring.grabbing(ends=True)
        grab.stop()  # the recording is stopped, not the way of what it holds
        outcome = grab.run(alone())
        grab.spool.close()
        assert whole(outcome, grab.spool.path)
        grab.close()
        until_none(marker(ring.job_id))
        assert not ring.files()


def test_it_ends_at_its_time_which_can_be_moved(busy: LocalPod, tmp_path: Path) -> None:
    with LocalRing(busy, tmp_path) as ring:
        ring.begin()
        ring.recording.extend(1.0)
        assert ring.ended().ended_by == "time"
        assert whole(*ring.grab())


def test_tcpdump_that_can_not_start_says_why(busy: LocalPod, tmp_path: Path) -> None:
    with LocalRing(busy, tmp_path, filter="udp port nonsense") as ring:
        ring._thread.start()
        ring.until(lambda: ring.error is not None, "refusal")
        assert isinstance(ring.error, NotCapturable)
        assert "nonsense" in ring.error.user_message


def test_tcpdump_that_is_killed_leaves_what_it_had(busy: LocalPod, tmp_path: Path) -> None:
    with LocalRing(busy, tmp_path) as ring:
        ring.begin()
        ring.until(lambda: ring.size() > 10_000, "traffic")
        ring.kill_tcpdump()
        assert "ended before its time" in ring.ended().reason
        outcome, pcap = ring.grab()
        assert len(times(pcap)) == outcome.packets > 0
        assert outcome.proved


def test_nothing_is_grabbed_from_what_is_over(busy: LocalPod, tmp_path: Path) -> None:
    with LocalRing(busy, tmp_path) as ring:
        ring.begin()
        ring.recording.stop()
        ring.ended()
        ring.grabbing(ends=True).close()
        ring.until(lambda: not busy.holds(CONTAINER), "end of the container")
        with pytest.raises(TargetNotFound, match="has ended"):
            ring.grab()


def test_two_who_grab_at_once_both_get_it_all(busy: LocalPod, tmp_path: Path) -> None:
    with LocalRing(busy, tmp_path) as ring:
        ring.begin()
        ring.until(lambda: ring.size() > 20_000, "traffic")
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(lambda _: ring.grab(), range(2)))
        first, second = (whole(*one) for one in both)
        shorter = min(len(first), len(second))
        assert first[:shorter] == second[:shorter]


def test_without_a_worker_it_ends_by_itself_and_keeps_what_it_has(
    busy: LocalPod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring_words, "LAPSE", 1)
    with LocalRing(busy, tmp_path) as ring:
        ring.begin()
        ring.recording.leave()
        ring.until(lambda: (ring.folder / "over").exists(), "end")
        ring.take_over()
        assert ring.ended().reason == ""
        assert whole(*ring.grab())


@pytest.mark.parametrize(
    ("where", "most", "words"),
    [
        ("/dev/shm", 2_000_000, "lies in memory"),
        ("", 10**15, "no room for a ring"),
    ],
)
def test_a_ring_in_memory_or_without_room_is_refused(
    still: LocalPod, tmp_path: Path, where: str, most: int, words: str
) -> None:
    with LocalRing(still, tmp_path, max_bytes=most) as ring:
        folder = tempfile.mkdtemp(dir=where or tmp_path)
        try:
            plan = Plan(POD, CONTAINER, EPHEMERAL)
            argv = recording_argv(plan, ring.spec, ring.job_id, 60.0, f"{folder}/spool")
            result = still.run(POD, CONTAINER, argv)
        finally:
            shutil.rmtree(folder)
        assert result.status == ExecStatus(success=False, exit_code=3)
        assert words in result.stderr.decode()
