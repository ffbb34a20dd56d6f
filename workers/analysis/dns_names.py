# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""DNS names seen lately, by their bytes on the wire."""

import os

from workers.analysis.dns_message import Message
from workers.packets import words
from workers.packets.scan import piece

_SEEN = 1024
_SEED = int.from_bytes(os.urandom(8), "big")
_ODD = int.from_bytes(os.urandom(8), "big") | 1


class Name:
    """A name as the wire had it, and as text; `key` and `hash` are those of all that differ in case only."""

    __slots__ = ("hash", "key", "size", "text", "told", "wire")

    def __init__(self, wire: bytes, text: str) -> None:
        self.wire = wire
        """Empty when a pointer was a part of it, which means something else in another message."""
        self.size = len(wire)
        self.text = text
        lower = text.lower()
        self.key = text if lower == text else lower
        self.hash = hash(self.key) & 0x7FFFFFFF
        self.told = hash(text) & 0x7FFFFFFF

    def begins(self, data: bytes, at: int, end: int) -> bool:
        """Whether it is what these bytes begin with: no name is the beginning of another one."""
        wire, place, last = self.wire, 0, self.size - 8
        if last < 0 or last + 8 > end - at:
            return self._begins_short(data, at, end)
        while place < last:
            if words.eight(wire, place) != words.eight(data, at + place):
                return False
            place += 8
        return words.eight(wire, last) == words.eight(data, at + last)

    def _begins_short(self, data: bytes, at: int, end: int) -> bool:
        """The same, when it has fewer than eight bytes or there are fewer than it has."""
        return 0 < self.size <= end - at and words.equal(self.wire, 0, data, at, self.size)

    def same(self, other: "Name") -> bool:
        """Whether both have the same text."""
        return self is other or (self.told == other.told and self.text == other.text)


def _hashed(data: bytes, at: int, end: int) -> int:
    """A hash of 31 bits, seeded, of the bytes before the first zero: of a name, if it is one."""
    hashed = _SEED
    while at + 8 <= end:
        word = words.eight(data, at)
        zeros = words.zeros(word)
        if zeros:
            return words.fold(hashed ^ word & (zeros & -zeros) - 1, _ODD) & 0x7FFFFFFF
        hashed = words.fold(hashed ^ word, _ODD)
        at += 8
    word = words.rest(data, at, end)
    zeros = words.zeros(word)
    return words.fold(hashed ^ word & (zeros & -zeros) - 1, _ODD) & 0x7FFFFFFF


class Names:
    """Names seen lately."""

    def __init__(self) -> None:
        self._slots: list[Name | None] = [None] * _SEEN
        """Two to a hash, the later one first."""
        self._hashes = [0] * 1024
        """Of each."""
        self._none = Name(b"", "")

    def known(self, data: bytes, at: int, end: int) -> Name | None:
        """The name that these bytes begin with, if it was seen."""
        hashed = _hashed(data, at, end)
        slot = hashed & (_SEEN - 2)
        if self._hashes[slot] != hashed:
            slot += 1
            if self._hashes[slot] != hashed:
                return None
        name = self._slots[slot]
        if name is None or not name.begins(data, at, end):
            return None
        return name

    def of(self, message: Message, data: bytes) -> Name:
        """The name that a message asks for; an empty one when it asks for none."""
        if not message.asked:
            return self._none
        begin = message.start + 12
        name = self.known(data, begin, message.end)
        if name is not None:
            return name
        text = message.name(data)
        if message.asked - begin != (len(text) + 2 if text else 1):  # a pointer was a part of it
            return Name(b"", text)
        name = Name(piece(data, begin, message.asked), text)
        hashed = _hashed(data, begin, message.end)
        slot = hashed & (_SEEN - 2)
        self._slots[slot + 1], self._hashes[slot + 1] = self._slots[slot], self._hashes[slot]
        self._slots[slot], self._hashes[slot] = name, hashed
        return name
