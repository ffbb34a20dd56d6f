"""Numbers of 64 bits in an array; compiled modules have it in C (longs.pxd)."""

from array import array


def append(numbers: "array[int]", number: int) -> None:
    """One more."""
    numbers.append(number)
