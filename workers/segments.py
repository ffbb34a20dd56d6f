"""What arrived so far, in the artifact store, from where another worker can salvage it."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from workers.capture.targets import PodInfo
from workers.contract.errors import StoreUnavailable
from workers.contract.job import Job
from workers.contract.ports import ArtifactStore

SEGMENTS = "segments"


def segment_name(pod: PodInfo) -> str:
    """What a pod's pieces are called in the artifact store, whoever counts the job's targets."""
    return hashlib.sha256((pod.uid or f"{pod.namespace}/{pod.name}").encode()).hexdigest()[:12]


class Segments:
    """Pieces of each spool, under the lease's epoch: `<segment name>-<first byte>`."""

    def __init__(self, job: Job, artifacts: ArtifactStore) -> None:
        self._job = job
        self._prefix = f"jobs/{job.id}/{job.epoch}/{SEGMENTS}/"
        self._files: list[tuple[str, Path]] = []
        self._artifacts = artifacts
        self._saved: list[int] = []

    def add(self, name: str, path: Path) -> None:
        """One more spool, behind the others."""
        self._files.append((name, path))
        self._saved.append(0)

    def save(self, sizes: Sequence[int]) -> None:
        """Store each spool's bytes since the last time. A store that is away is tried again at the next call.

        That goes to the same key: a piece may be stored though its answer was lost, and must not be there twice.
        """
        for index, size in enumerate(sizes):
            name, path = self._files[index]
            if size > self._saved[index]:
                key = f"{self._prefix}{name}-{self._saved[index]:015d}"
                with contextlib.suppress(StoreUnavailable):
                    self._artifacts.put(key, _slice(path, self._saved[index], size))
                    self._saved[index] = size

    def forget(self) -> None:
        """Delete them, and those of the workers that had the job before: the whole file is stored."""
        with contextlib.suppress(StoreUnavailable):
            for epoch in range(1, self._job.epoch + 1):
                self._artifacts.delete(f"jobs/{self._job.id}/{epoch}/{SEGMENTS}/")


def _slice(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(1 << 20, end - start))):
            start += len(chunk)
            yield chunk
