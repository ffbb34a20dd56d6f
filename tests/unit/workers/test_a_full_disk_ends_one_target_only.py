"""A spool that can't be written: its target fails with words or keeps what it has, the others go on."""

import errno
import os
import struct
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support import jobs
from workers.capture.plans import Plan
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.targets import PodInfo, Target
from workers.contract.errors import ThreadcapError
from workers.contract.job import Job
from workers.contract.report import CaptureOutcome
from workers.memory import MemoryArtifacts
from workers.session import Session


class Writing:
    """A capture that ends at once, or finds the disk full."""

    def __init__(self, spool: Spool, full: bool, before: bytes) -> None:
        self.spool = spool
        self._full = full
        self._before = before

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        self.spool.write(self._before)
        if self._full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return CaptureOutcome(complete=True)

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop."""

    def extend(self, seconds: float) -> None:
        """See Capture.extend."""

    def close(self) -> bool:
        """See Capture.close."""
        return True


class Entering:
    """See session.Entrant."""

    def __init__(self, spool: Spool, full: bool, before: bytes = b"") -> None:
        self.target = Target(PodInfo("shop", spool.path.stem))
        self._capture = Writing(spool, full, before)

    def begin(self) -> tuple[Plan, Writing]:
        """See Entrant.begin."""
        return Plan(self.target.pod, "app"), self._capture

    def instead(self, plan: Plan, error: ThreadcapError) -> None:
        """See Entrant.instead."""


class Nobody:
    """An observer without news."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def update(self, change: Callable[[Job], Job], *, patient: bool = True) -> Job:
        """See Observer.update."""
        self.job = change(self.job)
        return self.job

    def stop_requested(self) -> bool:
        """See Observer.stop_requested."""
        return False

    def deadline(self) -> float | None:
        """See Observer.deadline."""
        return None

    def admit(self, limits: Mapping[str, int]) -> str:
        """See Observer.admit."""
        return ""

    def interrupted(self) -> str:
        """See Observer.interrupted."""
        return ""

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See Observer.audit."""


def test_the_other_targets_go_on(tmp_path: Path) -> None:
    job = jobs.job()
    entrants = [Entering(Spool(tmp_path / f"{n}.pcap"), full=n == 0) for n in range(2)]
    with closing(Session(job, entrants, MemoryArtifacts())) as session:
        session.run(Nobody(job))
        first, second = session.taken
    assert first.error is not None
    assert "No space left on device" in first.error.user_message
    assert second.error is None
    assert second.outcome is not None
    assert second.outcome.complete


def test_what_was_written_before_is_kept(tmp_path: Path) -> None:
    job = jobs.job()
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_536, 276)
    record = struct.pack("<IIII", 1, 0, 4, 4) + b"data"
    entrant = Entering(Spool(tmp_path / "0.pcap"), full=True, before=header + record * 2 + record[:7])
    with closing(Session(job, [entrant], MemoryArtifacts())) as session:
        session.run(Nobody(job))
        (taken,) = session.taken
    assert taken.error is None
    assert taken.outcome is not None
    assert (taken.outcome.complete, taken.outcome.proved, taken.outcome.packets) == (False, False, 2)
    assert "(No space left on device); truncated at byte 64" in taken.outcome.reason
