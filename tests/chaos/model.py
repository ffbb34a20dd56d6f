"""One model of the system: captures in a world, faults as its steps, and what must hold at the end of every trial.

A Trial is drawn from a seed: how each capture is asked for, which fault strikes, how and when. world.py runs it,
invariants.py judges it. A failed trial is named with its seed and replays alone:

    THREADCAP_CHAOS_SEED=1234 python -m pytest tests/chaos -k cut

Without that variable every run draws seeds of its own; THREADCAP_CHAOS_TRIALS says how many trials a fault gets (3).
`make test-long` runs fixed seeds, 20 a fault, and goes on where it was interrupted.

A later fault is one more class with these three members (faults.py), and a test of one line.
"""

import os
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol

from workers.capture.plans import EPHEMERAL, EXEC, NODE
from workers.contract.job import JobState

if TYPE_CHECKING:
    from tests.chaos.world import Scene, World

METHODS = (EXEC, EPHEMERAL, NODE)
SUPERVISED = (EPHEMERAL, NODE)
SEED, TRIALS = "THREADCAP_CHAOS_SEED", "THREADCAP_CHAOS_TRIALS"
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(8)


@dataclass(frozen=True)
class End:
    """What a capture may come to. `words` is a regular expression that what people are told must match.

    `packets`: whether some must have been kept.
    """

    states: tuple[JobState, ...]
    words: str = ""
    packets: bool = False
    whole: bool = False
    proved: bool = False


WHOLE = End((JobState.DONE,), packets=True, whole=True, proved=True)
"""Every byte arrived, and is proved to."""


def partial(words: str) -> End:
    """It was cut short, says so, and keeps what arrived."""
    return End((JobState.PARTIAL,), words, packets=True)


def refused(words: str) -> End:
    """It never began, and says why."""
    return End((JobState.FAILED,), words)


class Fault(Protocol):
    """One thing that goes wrong."""

    @property
    def early(self) -> bool:
        """Whether it strikes before the captures are asked for; else once packets of all of them have arrived."""

    def end(self, method: str) -> End:
        """What a capture by this method must come to."""

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """Make it happen to these captures."""


class Drawn(Protocol):
    """A kind of fault: draws one, with all that is random about it."""

    def __call__(self, chance: Random) -> Fault:
        """Return the fault."""


@dataclass(frozen=True)
class Capture:
    """How one capture is asked for: seconds, and datagrams of `size` bytes `rate` times a second to be seen."""

    method: str
    duration: int
    size: int
    rate: int

    @property
    def bytes(self) -> int:
        """About the least its pcap will have: each datagram is seen twice on lo, with 16 + 20 + 28 bytes of headers."""
        return self.duration * self.rate * (self.size + 64) * 2 * 2 // 3


@dataclass(frozen=True)
class Step:
    """A fault, so many seconds after the moment it may strike."""

    after: float
    fault: Fault


@dataclass(frozen=True)
class Trial:
    """All of one trial."""

    seed: int
    captures: tuple[Capture, ...]
    steps: tuple[Step, ...]

    def end(self, capture: Capture) -> End:
        """What a capture must come to: the worst that any step does to it."""
        ends = [step.fault.end(capture.method) for step in self.steps]
        return min(ends, key=lambda end: (end.whole, end.proved), default=WHOLE)


LIMIT = 600
"""Seconds a test may take; each waits for states, and names the one that does not come."""
LONG = 15
"""Seconds of a capture that a fault ends; one that goes through it is short."""


def _drawn(chance: Random, methods: Sequence[str]) -> list[str]:
    """Those methods, but one at random of the supervised: they differ in where their container is."""
    left_out = chance.choice(SUPERVISED) if set(methods) > set(SUPERVISED) else ""
    return [method for method in methods if method != left_out]


def draw(seed: int, kinds: Sequence[Drawn], methods: Sequence[str], *, one_of: bool = False) -> Trial:
    """Return the trial of a seed: captures by `methods` (or by one of them), a fault of each of `kinds` one by one."""
    chance = Random(seed)
    methods = [chance.choice(methods)] if one_of else _drawn(chance, methods)
    steps = tuple(Step(round(chance.uniform(0.2, 1.2), 2), kind(chance)) for kind in kinds)
    ends = {method: [step.fault.end(method) for step in steps] for method in methods}
    captures = (
        Capture(
            method,
            duration=chance.randint(3, 4) if all(end.whole for end in ends[method]) else LONG,
            size=chance.randint(20, 1400),
            rate=chance.randint(150, 400),
        )
        for method in methods
    )
    return Trial(seed, tuple(captures), steps)


def seeds(what: str) -> list[int]:
    """Return the seeds of this run for a kind of trial."""
    if given := os.environ.get(SEED):
        return [int(given)]
    return [zlib.crc32(f"{_RUN} {what} {number}".encode()) for number in range(int(os.environ.get(TRIALS, "3")))]
