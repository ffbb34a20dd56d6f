# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Words that a protocol has, found by their bytes on the wire in any case; nothing is made to look for one."""

from collections.abc import Collection

from workers.packets import words

_LONGEST = 32
_CAPITALS, _SPREAD = 0xDFDFDFDFDFDFDFDF, 0x9E3779B97F4A7C15


class Keyword:
    """One word."""

    __slots__ = ("_exact", "_packed", "_size", "name", "special", "wire")

    def __init__(self, name: str, special: bool) -> None:
        self.name = name
        self.special = special
        """What that means, who asked for it says."""
        self.wire = name.encode()
        self._size = len(self.wire)
        self._packed = _pack(self.wire, 0, self._size)
        exact = bytes(0xDF if 65 <= byte <= 90 else 0xFF for byte in self.wire)
        self._exact = _pack(exact, 0, self._size)
        """Of its first eight bytes, the bits that tell it from others: all but the case of letters."""


class Keywords:
    """A fixed set of words of capitals and underscores, up to 32 of them each."""

    __slots__ = ("_mask", "_slots")

    def __init__(self, names: Collection[str], special: Collection[str] = ()) -> None:
        self._mask = (1 << (2 * len(names)).bit_length()) - 1
        self._slots: list[Keyword | None] = [None] * (self._mask + 1)
        """Where a word's hash points to, or behind that."""
        for name in sorted(names):
            word = Keyword(name, name in special)
            place = _hash(word._packed, word._size) & self._mask
            while self._slots[place] is not None:
                place = (place + 1) & self._mask
            self._slots[place] = word

    def find(self, buffer: bytes, at: int, end: int) -> Keyword | None:
        """The word that is written here, as a whole."""
        size = end - at
        if not 0 < size <= _LONGEST:
            return None
        packed = words.eight(buffer, at) if size >= 8 else words.rest(buffer, at, end)
        place = words.fold((packed & _CAPITALS) ^ size, _SPREAD) & self._mask
        while (word := self._slots[place]) is not None:
            if (
                (packed ^ word._packed) & word._exact == 0
                and size == word._size
                and (size <= 8 or _same(word.wire, buffer, at, end))
            ):
                return word
            place = (place + 1) & self._mask
        return None


def _pack(buffer: bytes, at: int, end: int) -> int:
    """The first eight bytes as a number, or as many as there are."""
    return words.eight(buffer, at) if end - at >= 8 else words.rest(buffer, at, end)


def _hash(packed: int, size: int) -> int:
    """The same for letters of both cases."""
    return words.fold((packed & _CAPITALS) ^ size, _SPREAD)


def _same(word: bytes, buffer: bytes, at: int, end: int) -> bool:
    """Whether this word is written here, whose length is the same."""
    first = at
    while at < end:
        letter = buffer[at]
        if letter != word[at - first] and (letter != word[at - first] | 32 or letter == 127):
            return False
        at += 1
    return True
