# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""To look for a byte in bytes, at the speed of C where this is compiled: `bytes.find` costs a call and four objects."""


def find(data: bytes, byte: int, at: int, end: int) -> int:
    """The place of the first such byte from `at` on, before `end`; -1 when there is none."""
    at, end = max(at, 0), min(end, len(data))
    while at < end:
        if data[at] == byte:
            return at
        at += 1
    return -1
