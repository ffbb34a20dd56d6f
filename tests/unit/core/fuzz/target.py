"""What one fuzzed input is: two bytes that say how it is fed, and a capture file.

Byte 0 is the size of chunks. The last four bits of byte 1 say whether to look in between (0; only what is not
compressed can be looked into), to hold it against the plain core (1), or only to feed it. Runs inside of the program
that harness.c and the core are linked into.
"""

import gc
import sys
from importlib.machinery import BuiltinImporter, ModuleSpec
from importlib.util import spec_from_loader


class _LinkedIn:
    """Finds the core that is part of the program; Python's own finder of such modules looks into no package."""

    @staticmethod
    def find_spec(name: str, *_: object) -> ModuleSpec | None:
        return spec_from_loader(name, BuiltinImporter) if name == "workers.core.core" else None


sys.meta_path.insert(0, _LinkedIn)

from tests.unit.core.fuzz.room import MAX_LIVE  # noqa: E402
from workers.analysis import Analyser, flows, late  # noqa: E402
from workers.contract.facts import Facts  # noqa: E402

STEPS = (1 << 20, 1, 2, 3, 7, 16, 24, 40, 61, 100, 333, 701, 1_000, 1_500, 2_048, 4_096)
MOST_CHUNKS = 100
COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")

flows.MAX_LIVE = MAX_LIVE
late.load()
gc.freeze()  # what is imported stays: a collection looks at one input's objects alone


def one(data: bytes) -> None:
    """Feed one input; raises where an input can do what none may."""
    if len(data) < 2:
        return
    step, ways, capture = STEPS[data[0] % len(STEPS)], data[1] % 16, data[2:]
    step = max(step, len(capture) // MOST_CHUNKS)
    facts = _facts(capture, step, compiled=True, peek=ways == 0 and not capture.startswith(COMPRESSED))
    if ways == 1:
        assert facts == _facts(capture, len(capture) or 1, compiled=False, peek=False), "the plain core differs"
    gc.collect()
    left = [one for one in gc.get_objects() if type(one).__module__ == "workers.core.core"]
    assert not left, f"{len(left)} objects of the core are still alive, a {type(left[0])} among them"


def _facts(capture: bytes, step: int, *, compiled: bool, peek: bool) -> Facts:
    analyser, half = Analyser(compiled=compiled), len(capture) // 2
    for at in range(0, len(capture), step):
        analyser.feed(capture[at : at + step])
        if peek and at <= half < at + step:
            analyser.peek()
    return analyser.finish()
