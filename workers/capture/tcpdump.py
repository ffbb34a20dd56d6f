"""The words we say to a container: tcpdump's argv and those of the scripts around it, and what comes back. Pure.

Measured reasons for each flag are in the docstrings.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from workers.capture import errands, scripts
from workers.contract.spec import CaptureSpec

GRACE = 45
"""Seconds a capture may outlive tcpdump's own limit: flushing a slow stream, waiting for the acknowledgement."""
SHA256, SIZE = "sha256sum", "wc -c"
"""What tells in a container which bytes left it; SIZE proves less, where there is no sha256sum."""
SLACK = 4 << 20
"""Bytes past max_bytes at which the pod cuts by itself; the client asks tcpdump to stop, cleanly, before that."""
SLOTS = 256
"""Packets the kernel can hold for tcpdump. In immediate mode each takes a slot of a whole snaplen, so the default
2 MiB buffer holds 8 packets of 256 KiB and loses some at 100 packets a second."""
MIN_BUFFER_KIB, MAX_BUFFER_KIB = 2048, 32768
NEEDED = ("head", "tee", "sleep", "/dev/fd")
"""What the attached mode needs beside tcpdump and sh."""
CHANGE_USER = 1 << 6 | 1 << 7
"""CAP_SETGID and CAP_SETUID, capabilities(7)."""
GO = b"go\n"
ACK = b"ack\n"
STOP = b"stop\n"
BEAT = b"beat\n"


def lasting(seconds: float) -> bytes:
    """The word that moves a capture's end to so many seconds from now."""
    return f"for {max(1, round(seconds))}\n".encode()


def marker(job_id: str) -> str:
    """The word every remote process of a job carries in its arguments or environment, to sweep by."""
    return f"threadcap={job_id}"


def tcpdump_argv(spec: CaptureSpec, *, as_root: bool = True) -> list[str]:
    """Return tcpdump's argv for a spec; the filter is the one element after `--`.

    `-U --immediate-mode`: without both, packets come up to a second late and the last ones are lost at the stop.
    `-Z root`: minimal images have no user tcpdump; not `as_root` where changing users is not permitted at all
    (all capabilities dropped but NET_RAW), there it would refuse to start. `-p`: leave the pod's interface as it is,
    not promiscuous.
    """
    argv = ["tcpdump", "-i", spec.interface, "-n", "-p", "-U", "--immediate-mode"]
    if as_root:
        argv += ["-Z", "root"]
    argv += ["-s", str(spec.snaplen), "-B", str(_buffer_kib(spec.snaplen))]
    if spec.max_packets:
        argv += ["-c", str(spec.max_packets)]
    argv += ["-w", "-"]
    return [*argv, "--", spec.filter] if spec.filter else argv


def _buffer_kib(snaplen: int) -> int:
    return min(MAX_BUFFER_KIB, max(MIN_BUFFER_KIB, SLOTS * snaplen // 1024))


def attached_argv(
    spec: CaptureSpec,
    job_id: str,
    *,
    as_root: bool = True,
    digest: str = SHA256,
    ceiling: float = 0.0,
    program: str = "tcpdump",
) -> list[str]:
    """Return the argv of the attached mode: bounded in time, bytes and packets inside the container.

    `ceiling`: seconds no extension goes beyond, bound by an outer `timeout`; 0 where the container has none.
    """
    seconds = str(max(1, round(spec.duration)))
    given = [marker(job_id), seconds, str(spec.max_bytes + SLACK), digest, program]
    given += tcpdump_argv(spec, as_root=as_root)[1:]
    outer = ["timeout", "-s", "TERM", str(int(max(ceiling, spec.duration)) + GRACE)] if ceiling else []
    return [*outer, "sh", "-c", scripts.ATTACHED, "threadcap", *given]


def probe_argv() -> list[str]:
    """Return the argv that tells what a container has."""
    return ["sh", "-c", errands.PROBE, "threadcap-probe"]


def sweep_argv(job_id: str) -> list[str]:
    """Return the argv that ends every process of a job in a container."""
    return ["sh", "-c", errands.SWEEP, "threadcap-sweep", *marker(job_id).split("=", 1)]


class Probe(Struct, frozen=True):
    """What a container has. `capabilities` is the effective set as a bit mask, None when unreadable."""

    tools: frozenset[str] = frozenset()
    uid: int | None = None
    capabilities: int | None = None
    time: float | None = None
    machine: str = ""
    """As `uname -m` says."""
    links: Mapping[str, int] = field(default_factory=dict)
    """Interface -> index of its peer (iflink)."""
    writable: tuple[str, ...] = ()
    """Folders this user may write to."""

    @property
    def digest(self) -> str:
        """The best program there that tells what left."""
        return SHA256 if SHA256 in self.tools else SIZE

    @property
    def may_change_user(self) -> bool:
        """Whether `tcpdump -Z` works: it calls setgid and setuid even to stay root."""
        return self.capabilities is None or self.capabilities & CHANGE_USER == CHANGE_USER

    @property
    def missing(self) -> tuple[str, ...]:
        """The tools a capture by exec needs and this container lacks."""
        return tuple(tool for tool in ("tcpdump", *NEEDED) if tool not in self.tools)


def parse_probe(output: str) -> Probe:
    """Read the probe script's output; lines it does not know are skipped."""
    words = [line.split() for line in output.splitlines()]
    pairs = [(w[0], w[1]) for w in words if len(w) == 2]
    values = {key: value for key, value in pairs if key not in ("has", "link", "writes")}
    links = (value.rpartition("=") for key, value in pairs if key == "link")
    return Probe(
        tools=frozenset(value for key, value in pairs if key == "has"),
        uid=_number(values.get("uid"), 10),
        capabilities=_number(values.get("caps"), 16),
        time=_number(values.get("time"), 10),
        machine=values.get("machine", ""),
        links={name: int(index) for name, _, index in links if index.isdigit()},
        writable=tuple(value for key, value in pairs if key == "writes"),
    )


def _number(word: str | None, base: int) -> int | None:
    try:
        return int(word or "", base)
    except ValueError:
        return None


_COUNTERS = {
    "captured": re.compile(r"^(\d+) packets? captured$"),
    "received": re.compile(r"^(\d+) packets? received by filter$"),
    "kernel_dropped": re.compile(r"^(\d+) packets? dropped by kernel$"),
    "interface_dropped": re.compile(r"^(\d+) packets? dropped by interface$"),
}
_NOISE = re.compile(r"^(tcpdump: )?(listening on |data link type |verbose output suppressed|Warning: )")


class Trailer(Struct):
    """What the wrapper and tcpdump said on stderr, line by line; at most MAX_LINES other lines are kept."""

    done: bool = False
    ready: bool = False
    """It waits for `go`."""
    no_spool: str = ""
    """Why a supervisor keeps no spool; "" while it does."""
    lapsed: bool = False
    """It ended as no heartbeat came."""
    unwritten: str = ""
    """Why the spool could not be written to its end, "" when it could."""
    told: bool = False
    """It was told to end by the cluster (SIGTERM), not by us."""
    rc: int | None = None
    sha256: str = ""
    size: int | None = None
    """Bytes that left, where that was counted."""
    listening: bool = False
    counters: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    _partial: bytes = b""

    MAX_LINES = 20
    MAX_LINE = 400

    def feed(self, data: bytes) -> None:
        """Take the next stderr bytes."""
        *lines, rest = (self._partial + data).split(b"\n")
        self._partial = rest[-self.MAX_LINE :]
        for line in lines:
            self._line(line[: self.MAX_LINE].decode(errors="replace").strip())

    def finish(self) -> None:
        """Take what stands after the last newline as a line."""
        if self._partial:
            self.feed(b"\n")

    @property
    def complaint(self) -> str:
        """Why tcpdump did not start, in its own words; "" when it said nothing. A second line only repeats it."""
        said = [line.removeprefix("tcpdump: ") for line in self.complaints if line.startswith("tcpdump: ")]
        return (said or self.complaints or [""])[-1]

    def _line(self, line: str) -> None:
        if line.startswith("##"):
            self._mark(line[2:].split())
        elif not self._count(line) and line:
            if "listening on" in line:
                self.listening = True
            elif not _NOISE.match(line) and len(self.complaints) < self.MAX_LINES:
                self.complaints.append(line)

    def _mark(self, words: Sequence[str]) -> None:
        match words:
            case ["done"]:
                self.done = True
            case ["rc", number] if number.isdigit():
                self.rc = int(number)
            case ["lapsed"]:
                self.lapsed = True
            case ["full", *why]:
                self.unwritten = " ".join(why) or "it said no reason"
            case ["told"]:
                self.told = True
            case ["ready"]:
                self.ready = True
            case ["stream", *why]:
                self.no_spool = " ".join(why) or "it said no reason"
            case ["sha256sum", digest]:
                self.sha256 = digest
            case ["size", number] | ["wc", "-c", number] if number.isdigit():
                self.size = int(number)

    def _count(self, line: str) -> bool:
        for name, pattern in _COUNTERS.items():
            if found := pattern.match(line):
                self.counters[name] = int(found[1])
                return True
        return False
