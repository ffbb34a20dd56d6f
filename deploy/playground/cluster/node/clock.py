"""The node's wall clock, shifted: a declared, test-only shim, off until a fault asks for it.

Time namespaces don't cover CLOCK_REALTIME, so each process is shifted by itself: while a shift is set, containers
and execs that start get LD_PRELOAD with clock_shift.c, built by the C compiler of this machine. It covers dynamic
programs (Python, tcpdump with its packets' times), not static ones (busybox). What runs with it follows later
shifts and the end of them at once. An agent that starts anew has no shift.
"""

from __future__ import annotations

import struct
from pathlib import Path

from .process import ToolError, run

INSIDE = "/run/threadcap/clock"
_SOURCE = Path(__file__).with_name("clock_shift.c")
_LIBRARY, _OFFSET = "clock.so", "offset"


async def shift(folder: Path, seconds: float) -> None:
    """Set the node's shift; ToolError when the shim can't be built."""
    library = folder / _LIBRARY
    if seconds and not library.exists():
        try:
            await run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE)])
        except FileNotFoundError as missing:
            raise ToolError("a shifted clock needs a C compiler: apt-get install gcc libc6-dev") from missing
    write(folder, seconds)


def write(folder: Path, seconds: float) -> None:
    """Write the offset in place: processes have the file mapped."""
    path = folder / _OFFSET
    with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
        file.write(struct.pack("=q", round(seconds * 1e9)))


def environment(folder: Path) -> list[str]:
    """What a process gets that starts now."""
    (offset,) = struct.unpack("=q", (folder / _OFFSET).read_bytes())
    return [f"LD_PRELOAD={INSIDE}/{_LIBRARY}"] if offset else []
