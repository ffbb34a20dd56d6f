"""How much memory `threadcap analyze` takes for hostile captures: `python -m tests.bench.memory [KIND[=NUMBER]...]`.

Prints a JSON object a kind. For tests it is a process of its own, as a child's size counts from the fork on.
"""

import json
import subprocess
import sys

from tests.bench import results
from tests.bench.hostile import NAMES, conversations
from tests.bench.processes import Used, cpu

ANALYZE = (sys.executable, "-m", "bot.cli", "analyze", "-", "--json")


def used(kind: str, number: int) -> Used:
    """What the terminal's program takes for so many conversations of a kind, through a pipe."""
    maker = [sys.executable, "-m", "tests.bench.hostile", kind, str(number)]
    with subprocess.Popen(maker, stdout=subprocess.PIPE) as made:
        return cpu(ANALYZE, 1, made.stdout)


def main(*words: str) -> None:
    """Print and note."""
    for word in words or NAMES:
        kind, _, number = word.partition("=")
        one = used(kind, int(number) if number else conversations(kind))
        print(json.dumps({"kind": kind, "mb": round(one.megabytes, 1), "cpu_s": round(one.cpu, 1)}), flush=True)
        results.note("hostile", **{kind: one.megabytes})


if __name__ == "__main__":
    main(*sys.argv[1:])
