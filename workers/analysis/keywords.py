# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Words that a protocol has, found by their bytes on the wire in any case; nothing is made to look for one."""

from collections.abc import Collection

from workers.packets import words

_LONGEST = 32
_MASK = 1023
_CAPITALS, _SPREAD = 0xDFDFDFDFDFDFDFDF, 0x9E3779B97F4A7C15


class Keyword:
    """One word."""

    __slots__ = ("name", "special", "wire")

    def __init__(self, name: str, special: bool) -> None:
        self.name = name
        self.special = special
        """What that means, who asked for it says."""
        self.wire = name.encode()


class Keywords:
    """A fixed set of at most 512 words of capitals and underscores, up to 32 of them each."""

    __slots__ = ("_exact", "_packed", "_sizes", "_words")

    def __init__(self, names: Collection[str], special: Collection[str] = ()) -> None:
        self._packed = [0] * 1024
        """The first eight bytes of words, each where its hash points to, or behind that."""
        self._exact = [0] * 1024
        """Of these bytes, the bits that tell a word from others: all but the case of letters."""
        self._sizes = [0] * 1024
        self._words: list[Keyword | None] = [None] * 1024
        assert len(names) <= 512
        for name in sorted(names):
            word, size = Keyword(name, name in special), len(name)
            packed, place = _pack(word.wire, 0, size), _place(_pack(word.wire, 0, size), size)
            while self._sizes[place]:
                place = (place + 1) & _MASK
            exact = bytes(0xDF if 65 <= byte <= 90 else 0xFF for byte in word.wire)
            self._packed[place], self._exact[place] = packed, _pack(exact, 0, size)
            self._sizes[place], self._words[place] = size, word

    def find(self, buffer: bytes, at: int, end: int) -> Keyword | None:
        """The word that is written here, as a whole."""
        size = end - at
        if not 0 < size <= _LONGEST:
            return None
        packed = _pack(buffer, at, end)
        place = _place(packed, size)
        while self._sizes[place]:
            if (packed ^ self._packed[place]) & self._exact[place] == 0 and size == self._sizes[place]:
                word = self._words[place]
                if size <= 8 or (word is not None and _same(word.wire, buffer, at, end)):
                    return word
            place = (place + 1) & _MASK
        return None


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
