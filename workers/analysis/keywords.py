# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Words that a protocol has, found by their bytes on the wire in any case; nothing is made to look for one."""

from collections.abc import Collection

from workers.packets import words

_LONGEST = 32
_MASK = 1023
_CAPITALS, _SPREAD = 0xDFDFDFDFDFDFDFDF, 0x9E3779B97F4A7C15


class Keywords:
    """A fixed set of at most 512 words of capitals and underscores, up to 32 of them each."""

    __slots__ = ("_exact", "_numbers", "_packed", "_sizes", "_wires", "names", "special")

    def __init__(self, names: Collection[str], special: Collection[str] = ()) -> None:
        self.names = sorted(names)
        """By the number of a word."""
        self.special = [0] * 512
        """The same, what that means, who asked for it says."""
        self._wires = [name.encode() for name in self.names]
        self._packed = [0] * 1024
        """The first eight bytes of words, each where its hash points to, or behind that."""
        self._exact = [0] * 1024
        """Of these bytes, the bits that tell a word from others: all but the case of letters."""
        self._sizes = [0] * 1024
        self._numbers = [0] * 1024
        assert len(self.names) <= 512
        for number, wire in enumerate(self._wires):
            packed, size = _pack(wire, 0, len(wire)), len(wire)
            place = _place(packed, size)
            while self._sizes[place]:
                place = (place + 1) & _MASK
            exact = bytes(0xDF if 65 <= byte <= 90 else 0xFF for byte in wire)
            self._packed[place], self._exact[place] = packed, _pack(exact, 0, size)
            self._sizes[place], self._numbers[place] = size, number
            self.special[number] = self.names[number] in special

    def find(self, buffer: bytes, at: int, end: int) -> int:
        """The number of the word that is written here, as a whole; -1 for none."""
        size = end - at
        if not 0 < size <= _LONGEST:
            return -1
        packed = words.eight(buffer, at) if size >= 8 else words.rest(buffer, at, end)
        place = _place(packed, size)
        while self._sizes[place]:
            if (packed ^ self._packed[place]) & self._exact[place] == 0 and size == self._sizes[place]:
                number = self._numbers[place]
                if size <= 8 or _same(self._wires[number], buffer, at, end):
                    return number
            place = (place + 1) & _MASK
        return -1


def _pack(buffer: bytes, at: int, end: int) -> int:
    """The first eight bytes as a number, or as many as there are."""
    return words.eight(buffer, at) if end - at >= 8 else words.rest(buffer, at, end)


def _place(packed: int, size: int) -> int:
    """Where a word is looked for first: the same for letters of both cases."""
    return words.fold((packed & _CAPITALS) ^ size, _SPREAD) & _MASK


def _same(word: bytes, buffer: bytes, at: int, end: int) -> bool:
    """Whether this word is written here, whose length is the same."""
    first = at
    while at < end:
        letter = buffer[at]
        if letter != word[at - first] and (letter != word[at - first] | 32 or letter == 127):
            return False
        at += 1
    return True
