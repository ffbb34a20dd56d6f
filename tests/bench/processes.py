"""CPU time and memory of whole processes, start-up included."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LONG = 5.0
"""Seconds of CPU: what takes more is run once."""
TURNS = 3
SAID = 65_536
"""Characters: what is read makes this process large, and its size at the fork counts as that of its children."""
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installation has its bytecode: from the second run on, as here."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, order=True)
class Used:
    """What a process and those it waited for took."""

    cpu: float
    """Seconds, user and system."""
    megabytes: float
    """Peak resident set of the largest of them."""
    wall: float
    said: str


def cpu(argv: Sequence[str], times: int = 3, stdin: IO[bytes] | None = None) -> Used:
    """The least of so many runs, or of one that takes over LONG seconds. Ends the bench when the program fails."""
    first = _once(argv, stdin)
    return first if first.cpu > LONG else min([first, *(_once(argv) for _ in range(times - 1))])


def beside(rows: Sequence[Sequence[str]]) -> list[Used]:
    """What each of several programs uses, the mean of so many runs, in turns: a machine that is slow for a while is
    so for all of them. The last is the one they are compared with; it is run once only if it takes over LONG seconds.
    """
    *others, _ = rows
    rounds = [[_once(argv) for argv in rows]]
    while len(rounds) < TURNS and rounds[0][-1].cpu <= LONG:
        rounds.append([_once(argv) for argv in rows])
    if len(rounds) == 1:
        rounds.append([_once(argv) for argv in others])
    return [_mean([one[place] for one in rounds if place < len(one)]) for place in range(len(rows))]


def _mean(runs: Sequence[Used]) -> Used:
    cpu, wall = (sum(values) / len(runs) for values in zip(*((one.cpu, one.wall) for one in runs), strict=True))
    return Used(cpu, max(one.megabytes for one in runs), wall, runs[0].said)


def _once(argv: Sequence[str], stdin: IO[bytes] | None = None) -> Used:
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as wrong:
        began = time.perf_counter()
        child = subprocess.Popen(argv, stdin=stdin, stdout=out, stderr=wrong, cwd=ROOT, env=_ENVIRONMENT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        wrong.seek(0)
        if child.returncode:
            sys.exit(f"{argv[0]} failed with {child.returncode}: {wrong.read()[-2_000:]}")
        return Used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, wall, out.read(SAID).strip())
