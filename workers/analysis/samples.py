# cython: annotation_typing=False
"""Bounded samples and example frames. Thinning is by stride, so the same capture always keeps the same samples."""

from array import array
from collections.abc import MutableSequence
from typing import Any

from workers.contract.facts import MAX_FRAMES, Spread, Tally
from workers.packets.words import longs

NANO = 1e-9
_NANO = NANO
_FRAMES = MAX_FRAMES


class Thinned:
    """Keeps at most `limit` of the items counted, evenly: when full, every second one goes and the stride doubles."""

    __slots__ = ("_kept", "_limit", "_stride", "count", "due", "items")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._stride = 1
        self._kept = 0
        """How many `items` are, with the one that is to be appended."""
        self.due = 0
        """How many there are before the next one that may be kept."""
        self.count = 0
        self.items: MutableSequence[Any] = []

    def takes(self) -> bool:
        """Count one more item; whether it is to be kept: appended to `items`, by the caller."""
        self.count += 1
        if self.count <= self.due:
            return False
        taken = True
        if self._kept >= self._limit:
            self._halve()
            self._stride *= 2
            taken = self.due % self._stride == 0
        self.due += self._stride if taken else self._stride // 2
        self._kept += taken
        return taken

    def _halve(self) -> None:
        """Every second item goes."""
        self.items = self.items[::2]
        self._kept = len(self.items)


class Durations(Thinned):
    """A distribution of durations in nanoseconds; count, least and most are exact."""

    __slots__ = ("least", "most")

    def __init__(self, limit: int = 256) -> None:
        super().__init__(limit)
        self.items = array("q")  # there may be half a million of them: a quarter of what as many objects take
        self.least = 0
        self.most = 0

    def add(self, nanoseconds: int) -> None:
        """Add one; negative ones (timestamps that go backwards) count as 0."""
        if self.count < self.due and self.least <= nanoseconds <= self.most:
            self.count += 1  # nothing is kept of most
            return
        value = max(0, nanoseconds)
        if self.count == 0 or value < self.least:
            self.least = value
        if value > self.most:
            self.most = value
        if self.takes():
            longs.append(self.items, value)

    def spread(self) -> Spread:
        """The distribution in seconds; percentiles by nearest rank."""
        kept = sorted(self.items)
        if not kept:
            return UNTIMED
        return Spread(
            self.count,
            self.least * _NANO,
            kept[(len(kept) - 1) // 2] * _NANO,
            kept[-(-95 * len(kept) // 100) - 1] * _NANO,
            self.most * _NANO,
        )


def durations(limit: int) -> Durations:
    """A distribution that keeps so many samples; made without its constructor, whose call costs more."""
    made = Durations.__new__(Durations)
    made._limit, made._stride, made._kept, made.due, made.count, made.least, made.most = limit, 1, 0, 0, 0, 0, 0
    made.items = array("q")
    return made


class Frames:
    """A count and the first frames that show it."""

    __slots__ = ("count", "first")

    def __init__(self) -> None:
        self.count = 0
        self.first: list[int] = []

    def add(self, frame: int) -> None:
        """One more, seen in this frame."""
        self.count += 1
        if len(self.first) < _FRAMES:
            self.first.append(frame)

    def tally(self) -> Tally:
        """As a fact."""
        return Tally(self.count, tuple(self.first))


def frames() -> Frames:
    """None yet; made without the constructor, too."""
    made = Frames.__new__(Frames)
    made.count, made.first = 0, []
    return made


EMPTY = Tally()
UNTIMED = Spread()


def tally(frames: Frames | None) -> Tally:
    """The fact of frames that may never have been needed."""
    return frames.tally() if frames else EMPTY


def spread(durations: Durations | None) -> Spread:
    """The fact of durations that may never have been needed."""
    return durations.spread() if durations is not None else UNTIMED


def count(counter: dict[str, int], name: str, limit: int = 256) -> None:
    """Count a name that traffic chose: beyond the limit of different names it goes under "other"."""
    if name not in counter and len(counter) >= limit:
        name = "other"
    counter[name] = counter.get(name, 0) + 1
