"""What arrived so far, in the artifact store, from where another worker can salvage it."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from workers.contract.errors import StoreUnavailable
from workers.contract.job import Job
from workers.contract.ports import ArtifactStore

SEGMENTS = "segments"


class Segments:
    """Pieces of each spool, under the lease's epoch, by the target's place in the job."""

    def __init__(self, job: Job, paths: Sequence[Path], artifacts: ArtifactStore) -> None:
        self._prefix = f"jobs/{job.id}/{job.epoch}/{SEGMENTS}/"
        self._paths = list(paths)
        self._artifacts = artifacts
        self._saved = [0] * len(paths)
        self._count = 0

    def add(self, path: Path) -> None:
        """One more spool, behind the others."""
        self._paths.append(path)
        self._saved.append(0)

    def save(self, sizes: Sequence[int]) -> None:
        """Store each spool's bytes since the last time. A store that is away is tried again at the next call."""
        for index, size in enumerate(sizes):
            if size > self._saved[index]:
                key = f"{self._prefix}{index:03d}-{self._count:08d}"
                with contextlib.suppress(StoreUnavailable):
                    self._artifacts.put(key, _slice(self._paths[index], self._saved[index], size))
                    self._saved[index] = size
                self._count += 1

    def forget(self) -> None:
        """Delete them: the whole file is stored."""
        with contextlib.suppress(StoreUnavailable):
            self._artifacts.delete(self._prefix)


def _slice(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(1 << 20, end - start))):
            start += len(chunk)
            yield chunk
