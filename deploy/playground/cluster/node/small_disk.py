"""A node whose disk is nearly full: a declared, test-only shim, off until a fault asks for it.

While it is set, each emptyDir and each container's writable layer that is made has room for so many bytes only, and
whoever writes more meets ENOSPC. It is an overlay over a tmpfs of that size: no loop device is needed, and inside it
does not look like memory.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from . import mounts


def write(file: Path, room: int) -> None:
    """Set the room, or take it back with 0."""
    if room:
        file.write_text(str(room))
    else:
        file.unlink(missing_ok=True)


def read(file: Path) -> int:
    """The room that is set; 0 is the whole disk."""
    with contextlib.suppress(FileNotFoundError):
        return int(file.read_text())
    return 0


def make(target: Path, room: int) -> None:
    """Mount an empty file system with that room; OSError when it can't be. The backing is mounted beside it."""
    backing = target.with_name(f".{target.name}")
    backing.mkdir(exist_ok=True)
    mounts.mount("tmpfs", backing, "tmpfs", mounts.NOSUID | mounts.NODEV, f"size={room}")
    (backing / "lower").mkdir()
    mounts.overlay([backing / "lower"], backing / "upper", backing / "work", target)
