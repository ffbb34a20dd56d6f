"""Feeds the compiled core every shared capture, whole, in pieces and mutated, and any traffic, and looks closer.

See test_sanitized.
"""

import random
import sys
from pathlib import Path

import workers.core.core
from tests.unit.core.test_closeup_compiled_equals_plain import close_up, looks
from tests.unit.core.test_compiled_equals_plain import SHARED, Traffic
from workers.analysis import Analyser

MAX_SIZE = 1_000_000
MUTATIONS, TRAFFIC = 6, 200


def feed(data: bytes, step: int) -> None:
    analyser = Analyser(compiled=True)
    for at in range(0, len(data), step):
        analyser.feed(data[at : at + step])
    for look in looks(analyser.finish()):
        close_up(data, look, step, compiled=True)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some bytes behind the file header are others."""
    some = bytearray(data[:60_000])
    for _ in range(chance.randrange(1, 40)):
        if len(some) > 24:
            some[chance.randrange(24, len(some))] = chance.randrange(256)
    return bytes(some)


def main() -> None:
    assert sys.argv[1] in str(workers.core.core.__file__), "another build of the core was found"
    runs = 0
    for path in sorted(SHARED.rglob("*")) if SHARED.is_dir() else ():
        if not path.is_file() or path.stat().st_size > MAX_SIZE:
            continue
        data, chance = path.read_bytes(), random.Random(path.name)
        for step in (len(data) or 1, 333):
            feed(data, step)
        for _ in range(MUTATIONS):
            feed(mutated(data, chance), 4096)
        runs += 2 + MUTATIONS
    for seed in range(TRAFFIC):
        data = Traffic(seed).capture(500)
        feed(mutated(data, random.Random(seed)), 1_000)
    print(f"{runs + TRAFFIC} runs")


if __name__ == "__main__":
    Path(sys.argv[1]).resolve(strict=True)
    main()
