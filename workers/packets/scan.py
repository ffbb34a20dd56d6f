# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""To look for, compare and hash bytes in bytes, at the speed of C where this is compiled: methods of bytes cost calls
and objects.
"""

import os

from workers.packets import words

_SEED = int.from_bytes(os.urandom(8), "big")
_ODD = int.from_bytes(os.urandom(8), "big") | 1
"""Captures cannot know them, and so cannot choose bytes of one hash."""


def find(data: bytes, byte: int, at: int, end: int) -> int:
    """The place of the first such byte from `at` on, before `end`; -1 when there is none."""
    at, end = max(at, 0), min(end, len(data))
    while at < end:
        if data[at] == byte:
            return at
        at += 1
    return -1


def same(one: bytes, at: int, other: bytes, there: int, size: int) -> bool:
    """Whether so many bytes are the same; the caller vouches that both have as many."""
    return words.equal(one, at, other, there, size)


def digest(data: bytes, at: int, end: int, before: int) -> int:
    """A hash of 31 bits, seeded, that goes on from `before`; the caller vouches for the bounds."""
    hashed, size = before ^ _SEED, end - at
    while at + 8 < end:
        hashed = words.fold(hashed ^ words.eight(data, at), _ODD)
        at += 8
    last = words.eight(data, end - 8) if size >= 8 else words.rest(data, at, end)
    hashed = words.fold(hashed ^ last, _ODD ^ size << 1)
    return words.fold(hashed ^ _SEED, _ODD) & 0x7FFFFFFF  # once more: else some seeds leave long chains in tables


def piece(data: bytes, at: int, end: int) -> bytes:
    """These bytes as bytes of their own; the caller vouches for the bounds."""
    return data[at:end]
