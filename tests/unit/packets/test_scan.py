"""Bytes found, compared and hashed."""

from collections import Counter

import pytest

from workers.packets.scan import digest, find, same


@pytest.mark.parametrize("size", range(12))
def test_bytes_that_differ_anywhere_are_not_the_same(size: int) -> None:
    data = bytes(range(65, 65 + size))
    assert same(b"##" + data, 2, b"#" + data + b"#", 1, size)
    for at in range(size):
        other = data[:at] + b"!" + data[at + 1 :]
        assert not same(b"##" + data, 2, b"#" + other + b"#", 1, size)


def test_a_byte_is_found_where_it_stands_first_within_the_bounds() -> None:
    assert [find(b"a.b.c", 46, at, end) for at, end in ((0, 5), (2, 5), (2, 3), (-3, 9), (4, 5), (5, 9))] == [
        1, 3, -1, 1, -1, -1,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "form",
    ["%c", "abc%c", "abcd%c", "abcdefg%c", "%cbcd", "a%ccd", "ab%cd", "abcdefgh%cjkl", "abcdefghijk%c", "%c" * 2],
)
def test_hashes_of_bytes_that_differ_in_one_place_are_spread_over_their_low_bits(form: str) -> None:
    """Where tables look: a chain of 256 would be as long as whoever chooses the bytes likes."""
    keys = [form.encode().replace(b"%c", bytes([byte])) for byte in range(256)]
    assert max(Counter(digest(key, 0, len(key), 7) & 2047 for key in keys).values()) <= 8
    assert len({digest(key, 0, len(key), 7) for key in keys}) == 256
