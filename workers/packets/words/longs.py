"""Numbers of 64 bits in an array; compiled modules have it in C (longs.pxd), and then it must be one."""

from collections.abc import MutableSequence


def append(numbers: MutableSequence[int], number: int) -> None:
    """One more."""
    numbers.append(number)
