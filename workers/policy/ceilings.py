"""What a person may ask at most. A value beyond its ceiling, or one that makes no sense, becomes the ceiling.

A recording's ring has a floor, too: what is smaller than it can be becomes the floor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from workers.contract.limits import Limits
from workers.contract.spec import RING_LEAST, CaptureSpec, Mode
from workers.policy.decision import Allowed

MAX_SNAPLEN = 262_144
"""tcpdump's own maximum."""


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """Of one field of a spec. `words` say it, with the ceiling in place of {}."""

    field: str
    most: float
    words: str
    unit: str = ""
    may_be_nought: bool = False
    least: float = 0
    few: str = ""
    """`words` for what is less than `least`."""

    def holds(self, value: float) -> bool:
        return (0 < value <= self.most and value >= self.least) or (self.may_be_nought and value == 0)  # nan is never

    def instead(self, asked: float) -> tuple[float, str]:
        """Return what stands in place of a value that does not hold, and say so."""
        most, words = (self.least, self.few) if 0 < asked < self.least else (self.most, self.words)
        return most, f"{words.format(self._shown(most))}; {self._shown(asked)} were asked for."

    def _shown(self, value: float) -> str:
        return (f"{value:,}" if isinstance(value, int) else f"{value:g}") + self.unit


def within(spec: CaptureSpec, limits: Limits) -> Allowed:
    """Reduce the spec to the ceilings, saying what was reduced."""
    notes: list[str] = []
    reduced: dict[str, Any] = {}
    for ceiling in _ceilings(spec.mode, limits):
        asked = getattr(spec, ceiling.field)
        if not ceiling.holds(asked):
            reduced[ceiling.field], note = ceiling.instead(asked)
            notes.append(note)
    return Allowed(replace(spec, **reduced), tuple(notes))


def longest(spec: CaptureSpec, limits: Limits) -> float:
    """Seconds a capture may go on in all, extensions included."""
    return limits.max_record if spec.mode is Mode.RECORD else limits.max_duration


def _ceilings(mode: Mode, limits: Limits) -> Iterator[_Ceiling]:
    if mode is Mode.GRAB:  # it lasts no time: it hands over what is there
        yield _Ceiling("last", limits.max_keep, "What a recording keeps is limited to {}", " s", may_be_nought=True)
    elif mode is Mode.RECORD:
        yield _Ceiling("duration", limits.max_record, "A recording is limited to {}", " s")
        yield _Ceiling("keep", limits.max_keep, "What a recording keeps is limited to {}", " s")
    else:
        yield _Ceiling("duration", limits.max_duration, "Time is limited to {}", " s")
    if mode is Mode.RECORD:
        ring, most = "The recording's ring", max(RING_LEAST, limits.max_max_bytes)
        words, few = f"{ring} is limited to {{}} bytes a pod", f"{ring} takes {{}} bytes a pod at least"
        yield _Ceiling("max_bytes", most, words, least=RING_LEAST, few=few)
    else:
        yield _Ceiling("max_bytes", limits.max_max_bytes, "Size is limited to {} bytes a pod")
    packets = "Packets are limited to {} a pod"
    yield _Ceiling("max_packets", limits.max_max_packets, packets, may_be_nought=True)
    yield _Ceiling("snaplen", MAX_SNAPLEN, "Snaplen is limited to {} bytes")
    yield _Ceiling("max_pods", limits.max_pods, "Pods are limited to {}", may_be_nought=True)
    yield _Ceiling("wait", limits.max_wait, "Waiting is limited to {}", " s", may_be_nought=True)
