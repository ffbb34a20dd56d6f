"""Bytes compared, hashed and looked up as words: compiled, and as the same sources say in plain Python."""

import runpy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis.captures import dns
from workers.analysis import dns_message, dns_names, dns_waiting, http_message, keywords, redis_commands, sql
from workers.packets import scan, words

BYTES = st.binary(max_size=40)


def _plain(module: Any) -> dict[str, Callable[..., Any]]:
    return runpy.run_path(f"workers/{module.__name__.split('.', 1)[1].replace('.', '/')}.py")


SCANS = (vars(scan), _plain(scan))
MESSAGES = (vars(http_message), _plain(http_message))


@given(BYTES, BYTES, BYTES, BYTES)
def test_bytes_are_the_same_and_have_one_hash_wherever_they_stand(one: bytes, other: bytes, a: bytes, b: bytes) -> None:
    left, right = a + one + b, b + one + a
    for known in SCANS:
        same, digest = known["same"], known["digest"]
        assert same(left, len(a), right, len(b), len(one))
        assert digest(left, len(a), len(a + one), 7) == digest(right, len(b), len(b + one), 7)
        size = min(len(one), len(other))
        assert same(one, 0, other, 0, size) == (one[:size] == other[:size])
        assert digest(one, 0, len(one), 7) != digest(other, 0, len(other), 7) or one == other
        assert 0 <= digest(one, 0, len(one), 7) < 1 << 31


@given(st.binary(min_size=1, max_size=40), st.integers(0, 39), st.integers(1, 255))
def test_one_byte_makes_a_difference(data: bytes, at: int, change: int) -> None:
    at %= len(data)
    changed = data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]
    for known in SCANS:
        assert not known["same"](data, 0, changed, 0, len(data))
        assert known["digest"](data, 0, len(data), 0) != known["digest"](changed, 0, len(data), 0)


@pytest.mark.parametrize("size", [4, 16])
@given(st.data())
def test_what_waits_is_found_from_both_sides(size: int, data: st.DataObject) -> None:
    one, other, port, far = (data.draw(st.binary(min_size=n, max_size=n)) for n in (size, size, 2, 2))
    key, back = one + other + port + far, other + one + far + port
    waiting = _plain(dns_waiting)["Waiting"]()
    assert waiting.find(key, False, 5) == 0
    place = waiting.add("name", 1, 2, 3)
    assert (waiting.find(key, False, 5), waiting.find(back, True, 5)) == (place, place)
    for at in range(len(key)):
        changed = key[:at] + bytes([key[at] ^ 0x40]) + key[at + 1 :]
        assert waiting.find(changed, False, 5) == 0
    assert waiting.find(key, False, 6) == 0
    waiting.drop(place)
    assert waiting.find(back, True, 5) == 0


def test_two_names_of_one_place_are_both_known_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = words.fold
    monkeypatch.setattr(words, "fold", lambda one, other: fold(one, other) & ~1023)
    read, names = _plain(dns_message)["read_message"], _plain(dns_names)["Names"]()
    one, other, third = (dns(1, f"{name}.shop") for name in "abc")
    first, second = (names.of(read(data, 0, len(data)), data) for data in (one, other))
    assert names.known(one, 12, len(one)) is first
    assert names.known(other, 12, len(other)) is second
    assert names.known(third, 12, len(third)) is None
    names.of(read(third, 0, len(third)), third)
    assert names.known(one, 12, len(one)) is None
    assert names.known(other, 12, len(other)) is second


@pytest.mark.parametrize(
    ("raw", "told"), [(b"web.shop", "web.shop"), (b"a\tb\x7f", "a?b?"), (b"a\xfcb", "a?b"), (b"", "")]
)
def test_what_is_not_printable_is_told_as_a_question_mark(raw: bytes, told: str) -> None:
    for known in MESSAGES:
        assert (known["text"](raw, 9), known["text"](raw, 1)) == (told, told[:1])
        assert known["printable"](raw, 9) == told.encode()


def test_words_in_plain() -> None:
    data = bytes(range(1, 12))
    assert (words.four(data, 1), words.big(data, 1)) == (0x05040302, 0x02030405)
    assert (words.eight(data, 0), words.rest(data, 8, 11)) == (0x0807060504030201, 0x0B0A09)
    assert [words.first(0x80 << 8 * place) for place in range(8)] == list(range(8))
    assert words.fold(1 << 63, 6) == 3
    assert words.equal(data, 1, data[1:], 0, 10)
    assert not words.equal(data, 0, data, 1, 10)


@given(st.binary(min_size=8, max_size=8))
def test_the_first_zero_in_plain(data: bytes) -> None:
    zeros = words.zeros(words.eight(data, 0))
    assert (words.first(zeros & -zeros) if zeros else -1) == data.find(b"\0")


@given(st.sampled_from(sorted(redis_commands.COMMANDS)), st.data())
def test_keywords_in_any_case_and_nothing_else(name: str, data: st.DataObject) -> None:
    plain = _plain(keywords)["Keywords"](redis_commands.COMMANDS)
    wire = bytearray(name.encode())
    for place in data.draw(st.sets(st.integers(0, len(wire) - 1))):
        wire[place] ^= 0x20 if 65 <= wire[place] <= 90 else 0
    assert plain.names[plain.find(b"." + wire + b".", 1, 1 + len(wire))] == name
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= data.draw(st.integers(1, 255))
    known = wire.isascii() and wire.decode().upper() in redis_commands.COMMANDS
    assert (plain.find(bytes(wire), 0, len(wire)) >= 0) == known


@given(st.sampled_from(["SELECT", "DO", "CHECKPOINT", "DEALLOCATE", "SAVEPOINT", "ROLLBACK", "DESCRIBE"]), st.data())
def test_verbs_in_any_case(name: str, data: st.DataObject) -> None:
    wire = bytearray(name.encode())
    for place in data.draw(st.sets(st.integers(0, len(wire) - 1))):
        wire[place] ^= 0x20
    assert sql.verb(bytes(wire)) == name
    wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.sampled_from(b"JQZjqz"))
    assert sql.verb(bytes(wire)) == "other"
