"""What a person may ask at most. A value beyond its ceiling, or one that makes no sense, becomes the ceiling."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from workers.contract.spec import CaptureSpec, Limits, Mode
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

    def holds(self, value: float) -> bool:
        return 0 < value <= self.most or (self.may_be_nought and value == 0)  # nan is never

    def note(self, asked: float) -> str:
        return f"{self.words.format(self._shown(self.most))}; {self._shown(asked)} were asked for."

    def _shown(self, value: float) -> str:
        return (f"{value:,}" if isinstance(value, int) else f"{value:g}") + self.unit


def within(spec: CaptureSpec, limits: Limits) -> Allowed:
    """Reduce the spec to the ceilings, saying what was reduced."""
    notes: list[str] = []
    reduced: dict[str, Any] = {}
    for ceiling in _ceilings(spec.mode, limits):
        asked = getattr(spec, ceiling.field)
        if not ceiling.holds(asked):
            notes.append(ceiling.note(asked))
            reduced[ceiling.field] = ceiling.most
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
    size = "The recording's ring" if mode is Mode.RECORD else "Size"
    yield _Ceiling("max_bytes", limits.max_max_bytes, f"{size} is limited to {{}} bytes a pod")
    packets = "Packets are limited to {} a pod"
    yield _Ceiling("max_packets", limits.max_max_packets, packets, may_be_nought=True)
    yield _Ceiling("snaplen", MAX_SNAPLEN, "Snaplen is limited to {} bytes")
    yield _Ceiling("max_pods", limits.max_pods, "Pods are limited to {}", may_be_nought=True)
    yield _Ceiling("wait", limits.max_wait, "Waiting is limited to {}", " s", may_be_nought=True)
