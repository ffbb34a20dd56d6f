"""A pod of one container without a cluster: a network namespace of its own, real tcpdump, real shells.

    with LocalPod(tmp_path, "busybox") as pod:
        pod.traffic(size=200, rate=200)
        outcome = pod.capture(spec, job_id, spool).run(alone())

Stands in for Cluster where AttachedCapture and sweep need one; its exec streams are pipes.
"""

import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from workers.capture import scripts
from workers.capture.attached import AttachedCapture
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDERR, STDOUT, TICK, ExecResult, ExecStatus, ExecStream
from workers.capture.plans import Plan
from workers.capture.spool import Spool
from workers.capture.supervised import FOLDER
from workers.capture.targets import ContainerInfo, PodInfo
from workers.capture.tcpdump import ACK, GO, attached_argv
from workers.contract.spec import CaptureSpec

PORT = 9001
SHELLS = ("dash", "busybox")
TOOLS = (
    "timeout head tee sha256sum grep cat wc sleep id date tr kill nice uname chmod rm ln mv mkdir mkfifo df stat dd "
    "stdbuf true"
).split()
POD = PodInfo("test", "pod-0", uid="u0", node="n1", phase="Running", containers=(ContainerInfo("app", running=True),))
OPTIONAL = ("nice", "stdbuf")
"""Tools not every busybox has; the containers named for it here don't."""
SEND = """
import socket, sys, time
size, gap = int(sys.argv[1]), 1 / float(sys.argv[2])
there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
there.bind(("127.0.0.1", int(sys.argv[3])))
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
due = time.monotonic()
while True:
    here.sendto(bytes(size), there.getsockname())
    due = max(due + gap, time.monotonic() - 0.2)
    time.sleep(max(0.0, due - time.monotonic()))
"""


class PipeExec:
    """An exec stream over the pipes of a local process; `deaf` swallows what the client says but its goodbye.

    `fuse`: bytes of stdout after which the connection is gone, None for never.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", *, deaf: bool = False, there: bool = True, fuse: int | None = None
    ) -> None:
        self.process = process
        self._fuse = fuse
        self._there = there
        self.status: ExecStatus | None = None
        self._deaf = deaf

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        if not self._deaf or data in (GO, ACK):
            with suppress(OSError, ValueError):
                self.process.stdin.write(data)
                self.process.stdin.flush()

    def frames(self, tick: float = 5.0) -> Iterator[tuple[int, bytes]]:
        with selectors.DefaultSelector() as selector:
            for channel, pipe in ((STDOUT, self.process.stdout), (STDERR, self.process.stderr)):
                assert pipe is not None
                selector.register(pipe, selectors.EVENT_READ, channel)
            while selector.get_map():
                ready = selector.select(tick)
                if not ready:
                    yield TICK, b""
                for key, _ in ready:
                    data = os.read(key.fd, 32768)
                    if self._fuse is not None and key.data == STDOUT:
                        data = data[: self._fuse]
                        self._fuse -= len(data)
                    if data:
                        yield key.data, data
                    else:
                        selector.unregister(key.fileobj)
                    if self._fuse == 0:
                        return
        code = self.process.wait()
        # a program that is not there has no exit code, on a cluster
        self.status = ExecStatus(code == 0, code if self._there else None)

    def collect(self, *, timeout: float, limit: int) -> ExecResult:
        return ExecStream.collect(cast(ExecStream, self), timeout=timeout, limit=limit)

    def close(self) -> None:
        """The client goes away: stdin ends, nobody reads any more; the process lives on."""
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()


class LocalPod:
    """Context manager; nothing it started is left when it is over."""

    def __init__(self, folder: Path, shell: str = "dash", *, lacking: Sequence[str] = ()) -> None:
        self.plan = Plan(POD, "app")
        self.deaf = False
        self.gone = False
        self.disk = folder
        """Where added containers have their spools, a folder each."""
        self.fuses: list[int] = []
        """After how many bytes the next readers of a spool lose their connection."""
        self.streams: list[PipeExec] = []
        self._exits = ExitStack()
        self._added: dict[str, subprocess.Popen[bytes]] = {}
        self._whole = _tools(folder / f"bin-{shell}-whole", shell)
        self._bin = _tools(folder / f"bin-{shell}", shell, lacking) if lacking else self._whole

    def __enter__(self) -> Self:
        script = "ip link set lo up && echo up && exec sleep infinity"
        self._holder = self._start("unshare", "-n", "sh", "-c", script, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"up\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    @property
    def cluster(self) -> Cluster:
        """Itself, for those who ask for a Cluster."""
        return cast(Cluster, self)

    def capture(self, spec: CaptureSpec, job_id: str, spool: Spool, **options: Any) -> AttachedCapture:
        """An attached capture in its container."""
        return AttachedCapture(self.cluster, self.plan, spec, job_id, spool, attached_argv(spec, job_id, **options))

    def traffic(self, *, size: int = 200, rate: float = 200.0, port: int = PORT) -> None:
        """Send datagrams of `size` bytes on the pod's loopback until the end."""
        self._start(*self._inside, sys.executable, "-c", SEND, str(size), str(rate), str(port))

    def open_exec(self, pod: PodInfo, container: str, argv: Sequence[str], *, whole: bool = False) -> PipeExec:
        """See Cluster.open_exec. `whole`: in a container that lacks nothing; the first one is what it holds."""
        pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        whole = whole or container in self._added
        path = self._whole if whole else self._bin
        argv = [str(self.spool_folder(container)) if word == FOLDER else word for word in argv]
        inside = [*self._inside, *(self._apart(container) if whole else ())]
        process = subprocess.Popen([*inside, "env", "-i", f"PATH={path}", *argv], **pipes)
        self._exits.callback(_end, process)
        if whole and container not in self._added:
            self._added[container] = process
            self._await_first(container)
        fuse = self.fuses.pop() if self.fuses and scripts.FOLLOW in argv else None
        self.streams.append(PipeExec(process, deaf=self.deaf, there=(path / argv[0]).exists(), fuse=fuse))
        return self.streams[-1]

    def first(self, container: str) -> int:
        """The first process of an added container: when it ends, all others of that container do."""
        holder = self._added[container].pid
        return int(next(iter(Path(f"/proc/{holder}/task/{holder}/children").read_text().split()), "0"))

    def _await_first(self, container: str) -> None:
        """Wait until it is there, in its own namespaces, or over."""
        process = self._added[container]
        while process.poll() is None:
            with suppress(OSError):
                if (pid := self.first(container)) and b"unshare" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return
            time.sleep(0.002)

    def _apart(self, container: str) -> tuple[str, ...]:
        """A container's own processes, as another one's see nothing of them; the first begins them."""
        if container not in self._added:
            return ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
        return ("nsenter", "-t", str(self.first(container)), "-p", "-m", "--")

    def spool_folder(self, container: str) -> Path:
        """What an added container has for its volume."""
        return self.disk / f"spool-{container}"

    def holds(self, container: str) -> bool:
        """Whether what an added container began with still runs."""
        return container in self._added and self._added[container].poll() is None

    def run(
        self, pod: PodInfo, container: str, argv: Sequence[str], *, timeout: float = 15, limit: int = 65536
    ) -> ExecResult:
        """See Cluster.run."""
        running = self.open_exec(pod, container, argv)
        try:
            return running.collect(timeout=timeout, limit=limit)
        finally:
            running.close()

    def pod(self, namespace: str, name: str) -> PodInfo | None:
        """See Cluster.pod."""
        return None if self.gone else POD

    @property
    def _inside(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "--")

    def _start(self, *argv: str, **options: Any) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(argv, **options)
        self._exits.callback(_end, process)
        return process


def _tools(folder: Path, shell: str, lacking: Sequence[str] = ()) -> Path:
    """A folder to be PATH: the tools of a shell's system and tcpdump."""
    folder.mkdir()
    program = shutil.which(shell)
    for tool in (*TOOLS, "sh", "tcpdump", "tail"):  # tail as in our own image: GNU's
        own = tool == "sh" or (shell == "busybox" and tool not in ("tcpdump", "tail"))
        found = program if own else shutil.which(tool)
        assert found is not None
        if tool not in lacking and (tool not in OPTIONAL or not own):
            (folder / tool).symlink_to(found)
    return folder


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def marked(word: str) -> list[int]:
    """Process ids of this machine that carry `word` in their arguments or environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word.encode() in (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def until_none(word: str, seconds: float = 20.0) -> None:
    """Wait until nothing carries `word` any more."""
    deadline = time.monotonic() + seconds
    while left := marked(word):
        assert time.monotonic() < deadline, f"still running with {word}: {left}"
        time.sleep(0.05)
