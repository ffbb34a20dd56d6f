"""The supervised mode for real: its spool is read over many cut connections, byte-equal, and always ends.

dash and GNU's tools, as our image has them: busybox's tail follows no process, and its sh asks for no other.
"""

import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.playground.cluster.node import mounts, small_disk
from tests.support.captures import all_written
from tests.support.cluster import MemoryCluster
from tests.support.local_exec import PipeExec, until_none
from workers.capture.exec_stream import STDERR, STDOUT, ExecRefused
from workers.capture.methods import Capture, Ground
from workers.capture.methods.ephemeral import Ephemeral, container_name
from workers.capture.plans import EPHEMERAL, Equipment, Plan
from workers.capture.spool import RecordWalk, Spool
from workers.capture.start_line import alone
from workers.capture.supervised import follow_argv, leave_argv, supervised_argv
from workers.capture.targets import ContainerInfo, PodInfo
from workers.capture.tcpdump import BEAT, GO, STOP, Trailer, lasting, marker
from workers.contract.job import new_job_id
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

SPEC = CaptureSpec(TargetRef(TargetKind.POD, "pod-0"), "test", filter="udp port 9001", duration=60, interface="lo")
POD = PodInfo("test", "pod-0", "u0", "n1", "Running", containers=(ContainerInfo("app", running=True),))
CUTS = 20
LAPSE, LINGER, UNTIL = 8, 9, 10
"""Places in supervised_argv."""
SECONDS = 60.0


class Place:
    """One pod with traffic."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self.cluster = cluster
        self.body = cluster.add(POD)
        self.body.traffic(rate=500)
        self.job_id = new_job_id()
        self.container = container_name(self.job_id)

    @property
    def folder(self) -> Path:
        """The spool's."""
        return self.body.spool_folder(self.container)

    def supervised(self, spec: CaptureSpec = SPEC, ceiling: float = 120, **changed: int) -> None:
        """The container's first process alone, nobody reads; `changed`: other bounds than the product's."""
        argv = supervised_argv(Plan(POD, self.container), spec, self.job_id, ceiling)
        for name, value in changed.items():
            argv[{"lapse": LAPSE, "linger": LINGER, "until": UNTIL}[name]] = str(value)
        self.cluster.add_container(POD, self.container, "some/image:1", argv)

    def reader(self, start: int = 0) -> PipeExec:
        """One who follows the spool."""
        return self.body.open_exec(POD, self.container, follow_argv(self.job_id, start), whole=True)

    def read(self, *words: bytes, begin: bool = True, after: int = 1000) -> tuple[bytes, Trailer]:
        """Follow to the end, saying `words` once so many bytes have come; what came, and what was said."""
        came, said, left = bytearray(), Trailer(), [*words]
        with closing(self.reader()) as opened:
            for channel, data in opened.frames(0.2):
                came += data if channel == STDOUT else b""
                said.feed(data if channel == STDERR else b"")
                if said.ready and begin:
                    begin = False
                    opened.send(GO)
                while left and len(came) > after:
                    opened.send(left.pop(0))
                if said.done and len(came) >= (said.size or 0):
                    break
        return bytes(came), said

    def whole(self, came: bytes, said: Trailer) -> None:
        """Check that all is there that tcpdump wrote, and that it is proved."""
        assert came == (self.folder / "spool").read_bytes()
        assert said.sha256 == hashlib.sha256(came).hexdigest()
        walk = RecordWalk()
        walk.feed(came)
        assert walk.records == said.counters["captured"] > 0

    def until_spooled(self, size: int = 1000) -> None:
        """Wait for a spool of so many bytes."""
        _until(lambda: (self.folder / "spool").is_file() and (self.folder / "spool").stat().st_size > size)

    def capture(self, folder: Path, spec: CaptureSpec = SPEC, where: str = "here", *, resume: bool = False) -> "Going":
        """The product's own capture through an ephemeral container, running in a thread."""
        plan = Plan(POD, self.container, EPHEMERAL, image="some/image:1", where=where)
        ground = Ground(self.cluster.real, Equipment("some/image:1", ceiling=120), spec, self.job_id)
        spool = Spool(folder / f"{self.job_id}-{resume}.pcap")
        return Going(Ephemeral().open(ground, plan, spool, resume=resume))

    def leave(self) -> None:
        """End the container as the product does once nobody needs it."""
        with suppress(ExecRefused):  # it may end while it is told
            self.cluster.run(POD, self.container, leave_argv(self.job_id))
        self.ended()

    def ended(self, seconds: float = 20.0) -> None:
        """Check that nothing is left of the job."""
        until_none(marker(self.job_id), seconds)
        _until(lambda: not self.body.holds(self.container))


def _until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


class Going:
    """A capture in a thread."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.spool = capture.spool
        self._outcome: CaptureOutcome | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def until_packets(self, count: int = 5) -> None:
        """Wait for packets that were received."""
        _until(lambda: self.spool.records >= count)

    def outcome(self) -> CaptureOutcome:
        """Wait for its end, and leave the container."""
        self._thread.join(SECONDS)
        self.capture.close()
        self.spool.close()
        assert self._outcome is not None
        return self._outcome

    def _run(self) -> None:
        self._outcome = self.capture.run(alone())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with MemoryCluster(tmp_path) as cluster:
        yield Place(cluster)


def test_many_cuts_at_random_bytes_lose_nothing(place: Place, tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    place.body.fuses = [chance.randrange(20_000) for _ in range(CUTS)]
    going = place.capture(tmp_path, replace(SPEC, duration=120))
    _until(lambda: not place.body.fuses)
    going.until_packets(going.spool.records + 5)
    going.capture.stop()
    outcome = going.outcome()
    assert outcome.proved
    assert outcome.complete
    assert all_written(outcome)
    assert (place.folder / "spool").read_bytes() == going.spool.path.read_bytes()
    place.ended()


def test_another_one_goes_on_where_the_first_stopped(place: Place, tmp_path: Path) -> None:
    """As a worker does that takes over: with what the dead one had stored, here nothing and then all of it."""
    place.supervised()
    with closing(place.reader()) as first:
        frames = first.frames(0.2)
        assert any(b"##ready" in data for channel, data in frames if channel == STDERR)
        first.send(GO)
        place.until_spooled()
    going = place.capture(tmp_path, resume=True)
    going.until_packets()
    going.capture.stop()
    outcome = going.outcome()
    assert outcome.proved
    assert (place.folder / "spool").read_bytes() == going.spool.path.read_bytes()
    place.ended()


def test_without_a_heartbeat_the_capture_ends_and_the_spool_waits(place: Place) -> None:
    place.supervised(lapse=2)
    with closing(place.reader()) as opened:
        assert any(b"##ready" in data for channel, data in opened.frames(0.2) if channel == STDERR)
        opened.send(GO)
        place.until_spooled()
    _until(lambda: "##size" in (place.folder / "said").read_text(), 20)
    assert place.body.holds(place.container)
    place.whole(*place.read(begin=False))
    place.leave()


def test_heartbeats_keep_it_up(place: Place) -> None:
    place.supervised(replace(SPEC, duration=8), lapse=3)
    began = told = time.monotonic()
    with closing(place.reader()) as opened:
        for channel, data in opened.frames(0.2):
            if b"##ready" in data and channel == STDERR:
                opened.send(GO)
            if time.monotonic() > told + 0.5:
                told = time.monotonic()
                opened.send(BEAT)
            if b"##done" in data:
                break
    assert time.monotonic() - began > 7
    place.whole(*place.read(begin=False))
    place.leave()


def test_the_word_stop_ends_it(place: Place) -> None:
    place.supervised()
    began = time.monotonic()
    place.whole(*place.read(STOP))
    assert time.monotonic() - began < 30
    place.leave()


def test_it_is_extended_and_cut_short_by_a_word(place: Place) -> None:
    place.supervised(replace(SPEC, duration=2))
    began = time.monotonic()
    place.whole(*place.read(lasting(6)))
    assert time.monotonic() - began > 5
    place.leave()


def test_a_term_to_its_first_process_ends_the_capture_and_lets_readers_finish(place: Place) -> None:
    """As a kubelet ends a pod."""
    place.supervised()
    with closing(place.reader()) as opened:
        assert any(b"##ready" in data for channel, data in opened.frames(0.2) if channel == STDERR)
        opened.send(GO)
        place.until_spooled()
        os.kill(place.body.first(place.container), signal.SIGTERM)
    place.whole(*place.read(begin=False))
    place.leave()


@pytest.mark.parametrize("begun", [True, False])
def test_nothing_outlives_the_ceiling(place: Place, begun: bool) -> None:
    place.supervised(until=int(time.time()) + 4)
    if begun:
        with closing(place.reader()) as opened:
            assert any(b"##ready" in data for channel, data in opened.frames(0.2) if channel == STDERR)
            opened.send(GO)
            place.until_spooled()
    place.ended()


def test_it_can_be_left_at_any_moment_of_its_start(place: Place) -> None:
    place.supervised()
    began = time.monotonic()
    place.leave()
    assert time.monotonic() - began < 15  # and not after the minute that it waits for somebody


def test_a_container_nobody_comes_for_ends(place: Place) -> None:
    place.supervised(lapse=1, linger=1)
    place.ended()


def test_a_spool_in_memory_is_none(place: Place, tmp_path: Path) -> None:
    """What is written to a tmpfs counts as the pod's memory."""
    place.body.disk = tmp_path / "memory"
    place.body.disk.mkdir()
    mounts.mount("tmpfs", place.body.disk, "tmpfs", mounts.NOSUID | mounts.NODEV, "size=64m")
    try:
        going = place.capture(tmp_path)
        going.until_packets()
        going.capture.stop()
        assert going.outcome().proved
        assert not (place.folder / "spool").exists()
        assert (place.folder / "state").read_text() == "stream its file system lies in memory\n"
        place.ended()
    finally:
        mounts.unmount(place.body.disk)


def test_a_disk_without_room_gets_no_spool(place: Place, tmp_path: Path) -> None:
    with _disk(place, tmp_path, 1 << 20):
        going = place.capture(tmp_path)
        going.until_packets()
        going.capture.stop()
        assert going.outcome().proved
        assert "no room" in (place.folder / "state").read_text()
        place.ended()


def test_a_disk_that_fills_up_ends_the_capture_and_keeps_what_there_is(place: Place, tmp_path: Path) -> None:
    with _disk(place, tmp_path, 16 << 20):
        going = place.capture(tmp_path, replace(SPEC, max_bytes=1 << 20))
        going.until_packets()
        with (place.body.disk / "others").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        outcome = going.outcome()
        assert going.spool.path.read_bytes() == (place.folder / "spool").read_bytes()[: outcome.bytes]
        assert outcome.packets > 0
        assert not outcome.complete
        assert "No space left" in outcome.reason
        place.ended()


@contextmanager
def _disk(place: Place, folder: Path, room: int) -> Iterator[None]:
    """A disk of its own for what is spooled."""
    place.body.disk = folder / "disk"
    place.body.disk.mkdir()
    small_disk.make(place.body.disk, room)
    try:
        yield
    finally:
        mounts.unmount(place.body.disk)
        mounts.unmount(folder / ".disk")
