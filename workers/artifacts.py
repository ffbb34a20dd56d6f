"""The only object-store import: files by key in a local folder or a bucket, through obstore.

A URL picks the store: `file:///var/lib/threadcap` or a bucket's (`s3://…`, `gs://…`, `az://…`), whose
credentials come from the usual environment of each cloud. Writes are atomic: a key is whole or absent.
"""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import obstore
import obstore.store
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, from_url

from workers.contract.errors import StoreUnavailable

PART = 8 << 20
"""Bytes of one part of an upload; what a put holds in memory at most, a few times over."""


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotFoundError) as error:
        raise KeyError(doing) from error
    except (BaseError, OSError) as error:
        raise StoreUnavailable(
            "The file store cannot be reached right now. Try again in a minute.",
            detail=f"{doing}: {type(error).__name__}: {str(error)[:200]}",
        ) from error


class ObjectArtifacts:
    """ArtifactStore on an obstore store."""

    def __init__(self, url: str) -> None:
        if url.startswith("file://"):
            folder = Path(url.removeprefix("file://"))
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._store: obstore.store.ObjectStore = LocalStore(folder)
        else:
            self._store = from_url(url)

    def put(self, key: str, chunks: Iterable[bytes]) -> tuple[int, str]:
        """See ArtifactStore.put."""
        size, digest = 0, hashlib.sha256()

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                size += len(chunk)
                digest.update(chunk)
                yield chunk

        with _translated(f"put {key}"):
            obstore.put(self._store, key, counted(), chunk_size=PART, max_concurrency=2)
        return size, digest.hexdigest()

    def read(self, key: str, chunk: int = 1 << 20) -> Iterator[bytes]:
        """See ArtifactStore.read."""
        with _translated(f"read {key}"):
            for piece in obstore.get(self._store, key).stream(min_chunk_size=chunk):
                yield bytes(piece)

    def keys(self, prefix: str) -> list[str]:
        """See ArtifactStore.keys."""
        with _translated(f"list {prefix}"):
            return sorted(item["path"] for page in obstore.list(self._store, prefix) for item in page)

    def delete(self, prefix: str) -> None:
        """See ArtifactStore.delete."""
        found = self.keys(prefix)
        if found:
            with _translated(f"delete {prefix}"):
                obstore.delete(self._store, found)


def open_artifacts(url: str) -> ObjectArtifacts:
    """Return the store behind `url`. Raises StoreUnavailable when it cannot be opened."""
    with _translated(f"open {url.split('://', maxsplit=1)[0]}"):
        return ObjectArtifacts(url)
