# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""To look for, compare and hash bytes in bytes, at the speed of C where this is compiled: methods of bytes cost calls
and objects.
"""

import os

_SEED = int.from_bytes(os.urandom(4), "big") >> 1
"""Captures cannot know it, and so cannot choose bytes of one hash."""
_ALL = 0xFFFFFFFFFFFFFFFF


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
    end = at + size
    there -= at
    while at + 4 <= end:
        if one[at] != other[at + there] or one[at + 1] != other[at + there + 1]:
            return False
        if one[at + 2] != other[at + there + 2] or one[at + 3] != other[at + there + 3]:
            return False
        at += 4
    while at < end:
        if one[at] != other[at + there]:
            return False
        at += 1
    return True


def digest(data: bytes, at: int, end: int, before: int) -> int:
    """A hash of 31 bits, seeded, that goes on from `before`; the caller vouches for the bounds."""
    hashed = before ^ _SEED
    while at + 4 <= end:
        hashed = (hashed ^ _four(data, at)) * 625341585 & _ALL
        hashed ^= hashed >> 29
        at += 4
    while at < end:
        hashed = (hashed ^ data[at]) * 625341585 & _ALL
        at += 1
    return (hashed ^ hashed >> 37) & 0x7FFFFFFF  # not 29 again, which would take back the last fold


def digest_both(key: bytes, size: int, number: int) -> int:
    """A hash of a conversation's key with ports, and a number: the same for both directions."""
    half = (size - 4) // 2
    one = _SEED ^ (key[size - 4] << 8 | key[size - 3])
    other = _SEED ^ (key[size - 2] << 8 | key[size - 1])
    at = 0
    while at + 4 <= half:
        one = (one ^ _four(key, at)) * 625341585 & _ALL
        other = (other ^ _four(key, half + at)) * 625341585 & _ALL
        at += 4
    return (((one ^ one >> 29) + (other ^ other >> 29) ^ number) * 625341585 & _ALL) >> 33


def _four(data: bytes, at: int) -> int:
    high = data[at + 3]
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16 | high << 24


def piece(data: bytes, at: int, end: int) -> bytes:
    """These bytes as bytes of their own; the caller vouches for the bounds."""
    return data[at:end]
