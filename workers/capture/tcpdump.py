"""The words we say to a container: tcpdump's argv, the constant scripts around it, and what comes back on stderr.

Pure. The scripts are POSIX sh and never change; whatever a person typed reaches them as positional parameters
only. Measured reasons for each flag are in the docstrings.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from workers.contract.spec import CaptureSpec

GRACE = 45
"""Seconds the wrapper may outlive tcpdump's own limit: flushing a slow stream, waiting for the acknowledgement."""
SLACK = 4 << 20
"""Bytes past max_bytes at which the pod cuts by itself; the client asks tcpdump to stop, cleanly, before that."""
SLOTS = 256
"""Packets the kernel can hold for tcpdump. In immediate mode each takes a slot of a whole snaplen, so the default
2 MiB buffer holds 8 packets of 256 KiB and loses some at 100 packets a second."""
MIN_BUFFER_KIB, MAX_BUFFER_KIB = 2048, 32768
CHANGE_USER = 1 << 6 | 1 << 7
"""CAP_SETGID and CAP_SETUID, capabilities(7)."""
ACK = b"ack\n"
STOP = b"stop\n"


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


_WRAPPER = r"""
exec 4<&0
mark=$1 secs=$2 cap=$3
shift 3
export "$mark"
{ { {
      timeout -s TERM "$secs" sh -c 'echo "pid $$" >&6; exec "$@" 6>&-' threadcap "$@" 6>&1 >&5 3>&- 4<&- 5>&-
      echo "rc $?"
    } | {
      while read -r key value; do
        case $key in
        pid)
          {
            while read -r word <&4; do [ "$word" = stop ] && break; done
            kill -TERM "$value"
          } >/dev/null 2>&1 3>&- 5>&- &
          watch=$!
          ;;
        rc) echo "##rc $value" >&2 ;;
        esac
      done
      kill "$watch" 2>/dev/null
      wait "$watch" 2>/dev/null
    } 5>&-
  } 5>&1 | head -c "$cap" | tee /dev/fd/3 | { sha256sum 3>&-; } | { read -r sum rest; echo "##sha256 $sum" >&2; }
} 3>&1
echo "##done" >&2
exec 1>&-
while read -r word <&4; do [ "$word" = ack ] && break; done
exit 0
"""
"""$1 marker, $2 seconds, $3 bytes, then tcpdump's argv.

The pcap leaves on stdout through tee, whose copy is hashed here, in the pod. The stdin watcher ends tcpdump when
the client says stop or goes away. The wrapper stays until the client has acknowledged, so that the last bytes
can't be lost with the stream. TERM, not INT: sh ignores INT in background jobs. Only ever to tcpdump itself, whose
pid comes by a pipe once `timeout` has done its forking: a busybox timeout that ends while it starts leaves a timer
that takes the container's first process for its own and would end that (12 of 3,000 tries); a GNU one its child.
The watcher is waited for: one that has been killed but did not run yet still takes the acknowledgement out of the
pipe.
"""

_PROBE = r"""
for tool in tcpdump timeout head tee sha256sum; do
  command -v "$tool" >/dev/null 2>&1 && echo "has $tool"
done
[ -e /dev/fd/3 ] || [ -d /dev/fd ] && echo "has /dev/fd"
echo "uid $(id -u 2>/dev/null)"
while read -r key value; do [ "$key" = CapEff: ] && echo "caps $value"; done < /proc/self/status
echo "time $(date +%s 2>/dev/null)"
exit 0
"""

_SWEEP = r"""
left() {
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    [ "$pid" = "$$" ] && continue
    if { tr '\0' '\n' < "$dir/cmdline"; tr '\0' '\n' < "$dir/environ"; } 2>/dev/null | grep -qF -- "$1=$2"; then
      case $(cat "$dir/stat" 2>/dev/null) in *") Z "*) ;; *) echo "$pid" ;; esac
    fi
  done
}
for signal in TERM TERM KILL KILL; do
  pids=$(left "$1" "$2")
  [ -z "$pids" ] && break
  for pid in $pids; do kill "-$signal" "$pid" 2>/dev/null && echo "ended $pid"; done
  sleep 1
done
echo "left $(left "$1" "$2" | wc -l)"
"""
"""$1=$2 is the marker; apart, so that the sweeper never finds itself. tr, as busybox's grep ends a line at a NUL."""


def wrapper_argv(spec: CaptureSpec, job_id: str, *, as_root: bool = True) -> list[str]:
    """Return the argv of the attached mode: bounded in time, bytes and packets inside the container."""
    seconds = str(max(1, round(spec.duration)))
    cap = str(spec.max_bytes + SLACK)
    outer = ["timeout", "-s", "TERM", str(int(spec.duration) + GRACE)]
    return [
        *outer,
        "sh",
        "-c",
        _WRAPPER,
        "threadcap",
        marker(job_id),
        seconds,
        cap,
        *tcpdump_argv(spec, as_root=as_root),
    ]


_HOLD = r"""
export "$1"
trap 'exit 0' TERM
left=$(($3 - $(date +%s)))
[ "$left" -lt "$2" ] || left=$2
[ "$left" -gt 0 ] || exit 0
sleep "$left" &
wait "$!"
exit 0
"""
"""$1 marker, $2 seconds, $3 epoch seconds: whichever comes first. What a container of ours does by itself: wait to
be used. One whose image arrives too late ends at once. The trap makes TERM work for a first process, too."""


def hold_argv(job_id: str, seconds: int, until: int) -> list[str]:
    """Return the argv of a container of ours: it lives `seconds` at most and not beyond the epoch second `until`."""
    return ["sh", "-c", _HOLD, "threadcap-hold", marker(job_id), str(seconds), str(until)]


def probe_argv() -> list[str]:
    """Return the argv that tells what a container has."""
    return ["sh", "-c", _PROBE, "threadcap-probe"]


def sweep_argv(job_id: str) -> list[str]:
    """Return the argv that ends every process of a job in a container."""
    return ["sh", "-c", _SWEEP, "threadcap-sweep", *marker(job_id).split("=", 1)]


@dataclass(frozen=True, slots=True)
class Probe:
    """What a container has. `capabilities` is the effective set as a bit mask, None when unreadable."""

    tools: frozenset[str] = frozenset()
    uid: int | None = None
    capabilities: int | None = None
    time: float | None = None

    @property
    def may_change_user(self) -> bool:
        """Whether `tcpdump -Z` works: it calls setgid and setuid even to stay root."""
        return self.capabilities is None or self.capabilities & CHANGE_USER == CHANGE_USER

    @property
    def missing(self) -> tuple[str, ...]:
        """The tools a capture by exec needs and this container lacks."""
        return tuple(tool for tool in ("tcpdump", "timeout", "head", "tee", "sha256sum") if tool not in self.tools)


def parse_probe(output: str) -> Probe:
    """Read the probe script's output; lines it does not know are skipped."""
    words = [line.split() for line in output.splitlines()]
    pairs = [(w[0], w[1]) for w in words if len(w) == 2]
    values = {key: value for key, value in pairs if key != "has"}
    return Probe(
        tools=frozenset(value for key, value in pairs if key == "has"),
        uid=_number(values.get("uid"), 10),
        capabilities=_number(values.get("caps"), 16),
        time=_number(values.get("time"), 10),
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


@dataclass(slots=True)
class Trailer:
    """What the wrapper and tcpdump said on stderr, line by line; at most MAX_LINES other lines are kept."""

    done: bool = False
    rc: int | None = None
    sha256: str = ""
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
            case ["sha256", digest]:
                self.sha256 = digest

    def _count(self, line: str) -> bool:
        for name, pattern in _COUNTERS.items():
            if found := pattern.match(line):
                self.counters[name] = int(found[1])
                return True
        return False
