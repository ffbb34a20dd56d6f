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
    if size < 8:
        return words.rest(one, at, at + size) == words.rest(other, there, there + size)
    place, last = 0, size - 8
    while place < last:
        if words.eight(one, at + place) != words.eight(other, there + place):
            return False
        place += 8
    return words.eight(one, at + last) == words.eight(other, there + last)


def digest(data: bytes, at: int, end: int, before: int) -> int:
    """A hash of 31 bits, seeded, that goes on from `before`; the caller vouches for the bounds."""
    hashed = before ^ _SEED
    while at + 8 <= end:
        hashed = words.fold(hashed ^ words.eight(data, at), _ODD)
        at += 8
    size = end - at
    return words.fold(hashed ^ words.rest(data, at, end) ^ size << 56, _ODD) & 0x7FFFFFFF


def digest_both(key: bytes, size: int, number: int) -> int:
    """A hash of a conversation's key with ports, and a number: the same for both directions."""
    half = (size - 4) // 2
    one, other, at = _SEED ^ words.rest(key, size - 4, size - 2) << 40, _SEED ^ words.rest(key, size - 2, size) << 40, 0
    while at + 8 <= half:
        one = words.fold(one ^ words.eight(key, at), _ODD)
        other = words.fold(other ^ words.eight(key, half + at), _ODD)
        at += 8
    one = words.fold(one ^ words.rest(key, at, half), _ODD) >> 1
    other = words.fold(other ^ words.rest(key, half + at, half + half), _ODD) >> 1
    return words.fold(one + other ^ number, _ODD) >> 33


def piece(data: bytes, at: int, end: int) -> bytes:
    """These bytes as bytes of their own; the caller vouches for the bounds."""
    return data[at:end]
