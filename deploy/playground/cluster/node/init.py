"""PID 1 of the node's PID namespace.

It reaps every orphan and records how it ended (`exits/<pid>`: wait status and CLOCK_MONOTONIC time), so
that a container's exit code survives a restart of the agent; starts the agent again when it dies; on
SIGTERM (or the end of the lifeline) ends all processes of the namespace and removes the node's cgroups.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from . import cgroups, mounts
from .settings import NodeSettings

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
_AGENT_RESTART_SECONDS = 0.5
_AGENT_HELD_SECONDS = 0.1
_AGENT_STOP_SECONDS = 3.0


def run(settings: NodeSettings) -> int:
    """Be the node's init until told to stop; returns the exit code."""
    host_pid = str(Path("/proc/self").readlink())  # before the new /proc: our PID as the starter sees it
    _make_directories(settings)
    _prepare_namespaces(settings)
    (settings.home / "init.pid").write_text(host_pid)
    for number in _SIGNALS:
        # The kernel drops signals an init has no handler for.
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    if settings.lifeline:
        threading.Thread(target=_follow_lifeline, daemon=True).start()
    _supervise(settings)
    _end_everything()
    left = cgroups.remove(settings.cgroup)
    return 1 if left else 0


def _make_directories(settings: NodeSettings) -> None:
    settings.rundir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in (settings.home, settings.pods, settings.exits, settings.dns, settings.clock, settings.runc_root):
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    settings.disk.parent.chmod(0o700)
    for stale in settings.exits.iterdir():
        stale.unlink()


def _prepare_namespaces(settings: NodeSettings) -> None:
    if os.getpid() != 1:
        raise SystemExit("the node's init must be the first process of a PID namespace (see launch)")
    socket.sethostname(settings.name)
    mounts.mount("none", Path("/"), "none", mounts.REC | mounts.PRIVATE)
    mounts.mount("proc", Path("/proc"), "proc", mounts.NOSUID | mounts.NODEV | mounts.NOEXEC)
    netns = Path("/run/netns")
    netns.mkdir(exist_ok=True)
    mounts.mount("tmpfs", netns, "tmpfs", mounts.NOSUID | mounts.NODEV, "mode=755")


def _follow_lifeline() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _start_agent(settings: NodeSettings) -> int:
    argv = [sys.executable, "-m", __package__ or "", "--role", "agent", *settings.argv()]
    nothing = (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
    return os.posix_spawn(sys.executable, argv, os.environ, setsigmask=[], file_actions=[nothing])


def _supervise(settings: NodeSettings) -> None:
    agent = _start_agent(settings)
    restart_at: float | None = None
    while True:
        wait = 60.0 if restart_at is None else max(0.0, restart_at - time.monotonic())
        info = signal.sigtimedwait(_SIGNALS, wait)
        if info is not None and info.si_signo != signal.SIGCHLD:
            if restart_at is None:
                _stop_agent(agent, settings)
            return
        for pid, status in _reap():
            if pid == agent:
                restart_at = time.monotonic() + _AGENT_RESTART_SECONDS
            else:
                _record(settings.exits, pid, status)
        if restart_at is not None and time.monotonic() >= restart_at:
            if settings.hold.exists():
                restart_at = time.monotonic() + _AGENT_HELD_SECONDS
            else:
                agent, restart_at = _start_agent(settings), None


def _reap() -> list[tuple[int, int]]:
    ended = []
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0] != 0:
            ended.append(found)
    return ended


def _record(exits: Path, pid: int, status: int) -> None:
    aside = exits / f".{pid}"
    aside.write_text(f"{status} {time.monotonic()}")
    aside.rename(exits / str(pid))


def _stop_agent(agent: int, settings: NodeSettings) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(agent, signal.SIGTERM)
    deadline = time.monotonic() + _AGENT_STOP_SECONDS
    while time.monotonic() < deadline:
        for pid, status in _reap():
            if pid == agent:
                return
            _record(settings.exits, pid, status)
        signal.sigtimedwait([signal.SIGCHLD], 0.1)


def _end_everything() -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
