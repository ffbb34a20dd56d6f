# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""To look for, compare and hash bytes in bytes, at the speed of C where this is compiled: methods of bytes cost calls
and objects.
"""

import os

_SEED = int.from_bytes(os.urandom(4), "big") >> 1
"""Captures cannot know it, and so cannot choose bytes of one hash."""


def find(data: bytes, byte: int, at: int, end: int) -> int:
    """The place of the first such byte from `at` on, before `end`; -1 when there is none."""
    at, end = max(at, 0), min(end, len(data))
    while at < end:
        if data[at] == byte:
            return at
        at += 1
    return -1


def same(one: bytes, at: int, other: bytes, other_at: int, size: int) -> bool:
    """Whether so many bytes are the same; the caller vouches that both have as many."""
    end = at + size
    while at < end:
        if one[at] != other[other_at]:
            return False
        at += 1
        other_at += 1
    return True


def digest(data: bytes, at: int, end: int, before: int) -> int:
    """A hash of 31 bits (FNV-1a), seeded, that goes on from `before`; the caller vouches for the bounds."""
    hashed = before ^ _SEED
    while at < end:
        hashed = (hashed ^ data[at]) * 16777619 & 0x7FFFFFFF
        at += 1
    return hashed


def piece(data: bytes, at: int, end: int) -> bytes:
    """These bytes as bytes of their own; the caller vouches for the bounds."""
    return data[at:end]
