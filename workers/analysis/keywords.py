# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Words that a protocol has, found by their bytes on the wire in any case; nothing is made to look for one."""

from collections.abc import Collection

_LONGEST = 32


class Keyword:
    """One word."""

    __slots__ = ("name", "special", "wire")

    def __init__(self, name: str, special: bool) -> None:
        self.name = name
        self.special = special
        """What that means, who asked for it says."""
        self.wire = name.encode()


class Keywords:
    """A fixed set of words of capitals and underscores, up to 32 of them each."""

    __slots__ = ("_mask", "_slots")

    def __init__(self, names: Collection[str], special: Collection[str] = ()) -> None:
        self._mask = (1 << (2 * len(names)).bit_length()) - 1
        self._slots: list[Keyword | None] = [None] * (self._mask + 1)
        """Where a word's hash points to, or behind that."""
        for name in sorted(names):
            word = Keyword(name, name in special)
            place = _hash(word.wire, 0, len(word.wire)) & self._mask
            while self._slots[place] is not None:
                place = (place + 1) & self._mask
            self._slots[place] = word

    def find(self, buffer: bytes, at: int, end: int) -> Keyword | None:
        """The word that is written here, as a whole."""
        if end - at > _LONGEST:
            return None
        place = _hash(buffer, at, end) & self._mask
        while True:
            word = self._slots[place]
            if word is None or (len(word.wire) == end - at and _same(word.wire, buffer, at, end)):
                return word
            place = (place + 1) & self._mask


def _hash(buffer: bytes, at: int, end: int) -> int:
    """The same for letters of both cases."""
    value = 0
    while at < end:
        value = 33 * value + (buffer[at] & 0xDF)
        at += 1
    value &= 0xFFFFFF
    return value ^ value >> 9


def _same(word: bytes, buffer: bytes, at: int, end: int) -> bool:
    """Whether this word is written here, whose length is the same."""
    first = at
    while at < end:
        letter = buffer[at]
        if letter != word[at - first] and (letter != word[at - first] | 32 or letter == 127):
            return False
        at += 1
    return True
