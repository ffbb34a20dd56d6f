"""Bytes taken as one number, the first of them its lowest; compiled modules have them in C (__init__.pxd).

Who calls vouches for the bounds.
"""


def four(data: bytes, at: int) -> int:
    """Four bytes."""
    return int.from_bytes(data[at : at + 4], "little")


def big(data: bytes, at: int) -> int:
    """Four bytes, the first of them its highest."""
    return int.from_bytes(data[at : at + 4], "big")


def eight(data: bytes, at: int) -> int:
    """Eight bytes."""
    return int.from_bytes(data[at : at + 8], "little")


def rest(data: bytes, at: int, end: int) -> int:
    """Fewer than eight bytes, or none."""
    return int.from_bytes(data[at:end], "little")


def first(word: int) -> int:
    """The place of the first byte that is not zero; there is one."""
    return (word & -word).bit_length() - 1 >> 3


def lowest(word: int) -> int:
    """The place of the lowest bit that is set; there is one."""
    return (word & -word).bit_length() - 1


def which(data: bytes, byte: int, at: int, end: int) -> int:
    """Of the first 64 bytes, or of fewer, which ones are this one: a bit for each, the first one's the lowest."""
    found, last = 0, min(end, at + 64)
    place = data.find(byte, at, last)
    while place >= 0:
        found |= 1 << place - at
        place = data.find(byte, place + 1, last)
    return found


def path(data: bytes, at: int, end: int) -> int:
    """The place of the first byte that is a blank or below, a hash, or a question mark; `end` when there is none."""
    while at < end and data[at] > 32 and data[at] not in b"#?":
        at += 1
    return at


def printable(data: bytes, at: int, end: int) -> bool:
    """Whether these bytes are printable ASCII."""
    return all(32 <= byte < 127 for byte in data[at:end])


def find(data: bytes, byte: int, at: int, end: int) -> int:
    """The place of the first such byte; -1 when there is none."""
    return data.find(byte, at, end)


def fold(one: int, other: int) -> int:
    """Both halves of a product of 64-bit numbers, in 64 bits."""
    both = one * other
    return both & 0xFFFFFFFFFFFFFFFF ^ both >> 64


def equal(one: bytes, at: int, other: bytes, there: int, size: int) -> bool:
    """Whether so many bytes are the same."""
    return one[at : at + size] == other[there : there + size]


def zeros(word: int) -> int:
    """Of eight bytes: not 0 when one of them is, and then its lowest bit is the highest one of the first such byte."""
    return (word - 0x0101010101010101) & ~word & 0x8080808080808080
