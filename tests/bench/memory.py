"""How much memory `threadcap analyze` takes for each hostile capture: `python -m tests.bench.memory [KIND...]`.

Prints a JSON object a kind. It is run as a process of its own where the caller is large: a child's size counts from the
fork on.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence

from tests.bench import hostile, results
from tests.bench.processes import Used, cpu

ANALYZE = (sys.executable, "-m", "bot.cli", "analyze", "-", "--json")


def used(kind: str, number: int) -> Used:
    """What the terminal's program takes for so many conversations of a kind, through a pipe."""
    maker = [sys.executable, "-m", "tests.bench.hostile", kind, str(number)]
    with subprocess.Popen(maker, stdout=subprocess.PIPE) as made:
        return cpu(ANALYZE, 1, made.stdout)


def each(kinds: Sequence[str], share: float = 1.0) -> Iterator[tuple[str, Used]]:
    """Kind by kind, with this share of its conversations."""
    for kind in kinds:
        yield kind, used(kind, int(hostile.conversations(kind) * share))


def main(*kinds: str) -> None:
    """Print and note."""
    for kind, one in each(kinds or hostile.KINDS):
        told = {"kind": kind, "mb": round(one.megabytes, 1), "cpu_s": round(one.cpu, 2), "wall_s": round(one.wall, 2)}
        print(json.dumps(told), flush=True)
        results.note("hostile", **{kind: one.megabytes})


if __name__ == "__main__":
    main(*sys.argv[1:])
