"""A recording in a LocalPod: real shells and tcpdump, a ring on this machine's disk.

with LocalPod(tmp_path, "dash") as pod, LocalRing(pod, tmp_path, keep=60) as ring:
    ring.begin()
    outcome = ring.grab(last=2.0)
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from tests.support.local_exec import POD, LocalPod, until_none
from workers.capture import scripts
from workers.capture.cluster import Cluster
from workers.capture.grab import Grab
from workers.capture.methods import Ground
from workers.capture.plans import EPHEMERAL, Equipment, Plan
from workers.capture.recording import Recording
from workers.capture.seat import Seat
from workers.capture.spool import Spool
from workers.capture.start_line import alone
from workers.capture.tcpdump import marker
from workers.contract.job import new_job_id
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef

CONTAINER = "ring"
SPEC = CaptureSpec(
    TargetRef(TargetKind.POD, "pod-0"),
    "test",
    filter="udp port 9001",
    duration=120,
    interface="lo",
    mode=Mode.RECORD,
    keep=60.0,
    max_bytes=20_000_000,
)


class LocalHouse:
    """See seat.House: the container is a process of the LocalPod."""

    def __init__(self, pod: LocalPod, job_id: str, folder: Path) -> None:
        self._pod = pod
        self._job_id = job_id
        self._folder = folder

    def enter(self, argv: Sequence[str], stopped: threading.Event) -> Seat | None:
        self._pod.open_exec(POD, CONTAINER, argv, whole=True)
        return Seat(POD, CONTAINER)

    def find(self) -> Seat | None:
        return Seat(POD, CONTAINER) if self._pod.holds(CONTAINER) else None

    def leave(self) -> bool:
        if self.find() is None:
            return True
        argv = ["sh", "-c", scripts.LEAVE, "threadcap-leave", marker(self._job_id), str(self._folder)]
        self._pod.run(POD, CONTAINER, argv)
        return True


class LocalRing:
    """Context manager; when it is over nothing runs and nothing of the ring is on the disk."""

    def __init__(self, pod: LocalPod, folder: Path, **changes: object) -> None:
        self.pod = pod
        self.job_id = new_job_id()
        self.spec = replace(SPEC, **changes)
        self.folder = folder / f"spool-{self.job_id}"
        self.outcome: CaptureOutcome | None = None
        self.error: Exception | None = None
        self._here = folder
        self._plan = Plan(POD, CONTAINER, EPHEMERAL)
        self._house = LocalHouse(pod, self.job_id, self.folder)
        self._spools: list[Spool] = []
        self.recording = self.another(resume=False)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recording.stop()
        if self._thread.is_alive():
            self._thread.join(30)
        self._house.leave()
        for spool in self._spools:
            spool.close()
        until_none(marker(self.job_id))
        assert not self.files()

    def begin(self) -> None:
        """Start recording and wait until it does."""
        self._thread.start()
        self.until(lambda: self.recording.held.files > 0, "a file of the ring")

    def take_over(self) -> None:
        """Have another worker go on with it, as the one that began is gone."""
        self.recording.leave()
        self._thread.join(30)
        self.recording = self.another()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def ended(self) -> CaptureOutcome:
        """Wait for the end of the recording and say how it ended."""
        self._thread.join(60)
        assert self.outcome is not None, self.error
        return self.outcome

    def grabbing(self, last: float = 0.0, *, ends: bool = False, through: Cluster | None = None) -> Grab:
        """A grab that has not begun."""
        job_id = f"{self.job_id}-{new_job_id()}"
        spool = self._spool(job_id)
        cluster, folder = through or self.pod.cluster, str(self.folder)
        return Grab(cluster, self._plan, self._house, job_id, spool, last=last, ends=ends, folder=folder)

    def grab(self, last: float = 0.0) -> tuple[CaptureOutcome, Path]:
        """What it holds, and the pcap."""
        grab = self.grabbing(last)
        outcome = grab.run(alone())
        grab.spool.close()
        return outcome, grab.spool.path

    def kill_tcpdump(self) -> None:
        """End it as the kernel does when memory is short."""
        pid = (self.folder / "pid").read_text().strip()
        self.pod.run(POD, CONTAINER, ["sh", "-c", 'kill -KILL "$0"', pid])

    def files(self) -> list[Path]:
        """The ring's files, the oldest first."""
        return sorted((self.folder / "ring").glob("*"))

    def size(self) -> int:
        """Bytes of the ring."""
        total = 0
        for file in self.files():
            try:
                total += file.stat().st_size
            except FileNotFoundError:  # the janitor was quicker
                continue
        return total

    def until(self, holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"no {what} in {seconds:.0f} s; {self.error!r} {self.outcome!r}"
            time.sleep(0.02)

    def another(self, *, resume: bool = True, **changes: object) -> Recording:
        """The recording as the next worker sees it."""
        spec = replace(self.spec, **changes)
        ground = Ground(self.pod.cluster, Equipment(ceiling=600.0), spec, self.job_id)
        return Recording(
            ground, self._plan, self._spool(self.job_id), self._house, resume=resume, folder=str(self.folder)
        )

    def _spool(self, name: str) -> Spool:
        self._spools.append(Spool(self._here / f"{name}.pcap"))
        return self._spools[-1]

    def _run(self) -> None:
        try:
            self.outcome = self.recording.run(alone())
        except Exception as error:  # told by whoever waits for the end
            self.error = error
