"""mount(2) and umount2(2) without a process for each."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)

RDONLY = 0x1
NOSUID = 0x2
NODEV = 0x4
NOEXEC = 0x8
BIND = 0x1000
REC = 0x4000
PRIVATE = 0x40000
DETACH = 0x2


def mount(source: str, target: Path, fstype: str, flags: int = 0, options: str = "") -> None:
    """Mount; raises OSError naming the target."""
    done = _LIBC.mount(source.encode(), str(target).encode(), fstype.encode(), flags, options.encode())
    if done != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"mount {fstype}: {os.strerror(code)}", str(target))


def unmount(target: Path) -> None:
    """Detach what is mounted at the target; nothing mounted there is fine."""
    _LIBC.umount2(str(target).encode(), DETACH)


def overlay(layers: list[Path], upper: Path, work: Path, target: Path) -> None:
    """One root filesystem from read-only layers (lowest first) and a writable upper directory."""
    for directory in (upper, work, target):
        directory.mkdir(parents=True, exist_ok=True)
    lower = ":".join(str(layer) for layer in reversed(layers))
    mount("overlay", target, "overlay", 0, f"lowerdir={lower},upperdir={upper},workdir={work}")
