"""`python -m deploy.playground.clean [--list] [--id ID]`: end and remove what playgrounds left on this machine.

What belongs to a playground: processes with THREADCAP_PLAYGROUND in their environment, or running
`deploy.playground…` with a path under /run/threadcap in their arguments, or in a cgroup under /threadcap; mounts
and folders under /run/threadcap and /var/lib/threadcap-playground; cgroups under /threadcap; network namespaces
named threadcap-…. Pods, their namespaces and the mounts inside them end with their node's init. Without --id every
playground is ended, running ones too.
"""

import argparse
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deploy.playground.cluster.node import cgroups
from deploy.playground.cluster.node.settings import DISK
from deploy.playground.redis_server import MARKER

RUN = Path("/run/threadcap")
CGROUP = "threadcap"
NETNS = Path("/run/netns")
TERM_SECONDS = 8.0
KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Process:
    """A process as it was seen; `start` (ticks since boot) tells it from a later one with the same PID."""

    pid: int
    parent: int
    start: int
    name: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name})"


@dataclass
class Leftovers:
    """All that was found, in the order in which it is removed."""

    processes: list[Process] = field(default_factory=list)
    mounts: list[Path] = field(default_factory=list)
    netns: list[str] = field(default_factory=list)
    cgroups: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One line a thing, for people."""
        lines = [str(process) for process in self.processes]
        lines += [f"mount {path}" for path in self.mounts]
        lines += [f"network namespace {name}" for name in self.netns]
        lines += [f"cgroup {path}" for path in self.cgroups]
        return lines + [f"folder {path}" for path in self.folders]


def find(only: str | None = None) -> Leftovers:
    """What is left now of all playgrounds, or of the one with the id `only`; changes nothing."""
    tops = cgroups.directories(CGROUP if only is None else f"{CGROUP}/{only}")
    folders = [folder for top in (RUN, DISK) if top.is_dir() for folder in sorted(top.iterdir())]
    return Leftovers(
        processes=_processes(only, tops),
        mounts=[mount for top in (RUN, DISK) for mount in _mounts(top if only is None else top / only)],
        netns=[name for name in _names(NETNS) if _is_netns(name, only)],
        cgroups=tops,
        folders=[folder for folder in folders if only is None or folder.name == only],
    )


def remove(found: Leftovers, only: str | None = None) -> list[str]:
    """End and remove it; what was `found` plus what came to light meanwhile. Returns what still is there."""
    _end(_heads(found.processes), signal.SIGTERM, TERM_SECONDS)
    # An orderly end has removed much of it; ask again instead of working off a stale list.
    rest = find(only)
    _end(rest.processes, signal.SIGKILL, KILL_SECONDS)
    for mount in reversed(rest.mounts):
        subprocess.run(["umount", "--lazy", str(mount)], check=False, capture_output=True)
    for name in rest.netns:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
    cgroups.remove(CGROUP if only is None else f"{CGROUP}/{only}")
    for folder in rest.folders:
        if not _mounts(folder):  # never delete through a mount that would not go
            shutil.rmtree(folder, ignore_errors=True)
    if only is None:
        for top in (RUN, DISK):
            with contextlib.suppress(OSError):
                top.rmdir()
    return find(only).lines()


def _processes(only: str | None, tops: list[Path]) -> list[Process]:
    # os.walk: cgroups may vanish meanwhile.
    in_cgroups = {pid for top in tops for folder, _, _ in os.walk(top) for pid in _pids(Path(folder, "cgroup.procs"))}
    spared = _ancestors()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in spared:
            continue
        pid = int(entry.name)
        if pid in in_cgroups or _belongs(entry, only):
            process = _look(pid)
            found += [process] if process else []
    return sorted(found, key=lambda process: process.pid)


def _belongs(entry: Path, only: str | None) -> bool:
    """By the marker in the environment, or by what it runs and the run folder it was given."""
    with contextlib.suppress(OSError):
        for variable in (entry / "environ").read_bytes().split(b"\0"):
            name, _, value = variable.partition(b"=")
            if name == MARKER.encode():
                return only is None or value.decode(errors="replace") == only
        words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        if "deploy.playground.up" in words:
            return only is None or only in words
        ours = any(word.startswith("deploy.playground") for word in words)
        return ours and any(_within(word, only) for word in words)
    return False


def _within(word: str, only: str | None) -> bool:
    prefix = f"{RUN}/" if only is None else f"{RUN}/{only}/"
    return f"{word}/".startswith(prefix)


def _look(pid: int) -> Process | None:
    """None when it has ended (a zombie has, too: its parent needs to reap it)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    return None if fields[0] in "ZX" else Process(pid, int(fields[1]), int(fields[19]), name)


def _ancestors() -> set[int]:
    """Ourselves and those who called us: `make clean` may run inside a shell that carries the marker."""
    found, pid = set(), os.getpid()
    while pid > 0:
        found.add(pid)
        with contextlib.suppress(OSError):
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            continue
        break
    return found


def _heads(processes: list[Process]) -> list[Process]:
    """The tops of the process trees, which end all below them in order; unshare(1) does not listen to SIGTERM."""
    pids = {process.pid for process in processes}
    return [process for process in processes if process.parent not in pids and process.name != "unshare"]


def _end(processes: list[Process], number: signal.Signals, seconds: float) -> None:
    """Signal all and wait until they have ended, `seconds` at most; by pidfd, so that no other process is hit."""
    with contextlib.ExitStack() as stack:
        living = {handle for process in processes if (handle := _open(process, stack)) is not None}
        for handle in living:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
        deadline = time.monotonic() + seconds
        while living and (left := deadline - time.monotonic()) > 0:
            ended, _, _ = select.select(living, [], [], left)
            living -= set(ended)


def _open(process: Process, stack: contextlib.ExitStack) -> int | None:
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    stack.callback(os.close, handle)
    return handle if _look(process.pid) == process else None


def _mounts(top: Path) -> list[Path]:
    """Mount points in or below `top` in our own mount namespace, in mount order."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [Path(line.split()[4].encode().decode("unicode_escape")) for line in lines]
    return [point for point in points if point.is_relative_to(top)]


def _is_netns(name: str, only: str | None) -> bool:
    return name.startswith("threadcap-") if only is None else name.startswith(f"threadcap-{only}-")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _pids(procs: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from (int(word) for word in procs.read_text().split())


def main(argv: list[str] | None = None) -> int:
    """Print what was found and removed; 1 when something would not go."""
    parser = argparse.ArgumentParser(prog="python -m deploy.playground.clean", description=__doc__)
    parser.add_argument("--list", action="store_true", help="only say what is there")
    parser.add_argument("--id", help="only the playground with this id")
    arguments = parser.parse_args(argv)
    found = find(arguments.id)
    print("\n".join(found.lines()) or "Nothing of a playground is left.")
    if arguments.list or not found.lines():
        return 0
    remaining = remove(found, arguments.id)
    print("\n".join(f"still there: {line}" for line in remaining) or "All of it is removed.")
    return 1 if remaining else 0


if __name__ == "__main__":
    sys.exit(main())
