"""Messages that come as a whole are read in one go: pieces of them, cut anywhere, give the same facts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis import test_postgresql as postgresql
from tests.unit.analysis import test_redis as redis
from tests.unit.analysis.talks import Counts, Segment, conversation, counts, talk
from workers.analysis.redis_commands import COMMANDS, SPECIAL
from workers.analysis.redis_lines import behind_line, behind_string, missing, number_at
from workers.analysis.sql import verb

ASK = redis.ask
REDIS: tuple[tuple[bytes, bytes], ...] = (
    (ASK(b"get", b"k") + ASK(b"GeT", b"k"), b"$-1\r\n$1\r\nv\r\n"),
    (ASK(b"HGETALL", b"h") + ASK(b"TTL", b"k"), b"*4\r\n$1\r\na\r\n$-1\r\n:1\r\n*2\r\n*-1\r\n*0\r\n:-1\r\n"),
    (ASK(b"GEORADIUS_RO", b"g") + ASK(b"GEORADIUS\x7fRO", b"g"), b"*0\r\n-ERR unknown\r\n"),
    (ASK(b"SET", b"k" * 12, b"v" * 130) + ASK(b"DEL", *[b"k"] * 12), b"$130\r\n" + b"v" * 130 + b"\r\n:12\r\n"),
    (
        ASK(b"GET", b"k") + ASK(b"GEORADIUSBYMEMBER_RO", b"g"),
        b"$12\r\n" + b"\r\n" * 6 + b"\r\n*1\r\n$10\r\n0123456789\r\n",
    ),
    (ASK(b"MGET", *[b"k"] * 5), b"*5\r\n" + b"$3\r\nabc\r\n" * 4 + b"$-1\r\n"),
    (ASK(b"EXEC"), b"*3\r\n+OK\r\n-WRONGTYPE no\r\n*1\r\n$0\r\n\r\n"),
    (b"*0\r\n" + ASK(b"PING") + b"ping\r\n" + ASK(b" GET ", b"k"), b"+PONG\r\n$4\r\npong\r\n_\r\n"),
    (ASK(b"HELLO", b"3") + ASK(b"GET", b"k"), b"%1\r\n+proto\r\n:3\r\n>2\r\n+invalidate\r\n_\r\n#t\r\n"),
    (ASK(b"SUBSCRIBE", b"c") + ASK(b"GET", b"k"), b">3\r\n+subscribe\r\n$1\r\nc\r\n:1\r\n,1.5\r\n"),
)
QUERY, MESSAGE = postgresql.query, postgresql.message
POSTGRESQL: tuple[tuple[bytes, bytes], ...] = (
    (QUERY(b"select 1"), MESSAGE("T", bytes(9)) + postgresql.ROW * 4 + postgresql.done(b"SELECT 30")),
    (QUERY(b"COMMIT") + QUERY(b"\n\t(Select(1))"), postgresql.done(b"COMMIT") + postgresql.done(b"SELECT 1")),
    (QUERY(b"-- who\n/* why */ UPDATE t"), MESSAGE("N", b"\0") + postgresql.ROW + postgresql.error(b"40001")),
    (postgresql.SYNC, postgresql.READY + MESSAGE("A", bytes(9)) + postgresql.READY),
    (QUERY(b"EXECUTE p") + QUERY(b"nonsense"), postgresql.done(b"INSERT 0 1") + postgresql.done(b"X")),
    (postgresql.parse(b"DELETE FROM t", b"name") + postgresql.BIND, b""),
    (postgresql.EXECUTE + postgresql.SYNC + QUERY(b"SHOW x"), MESSAGE("1") * 2 + postgresql.READY * 2),
    (MESSAGE("F", bytes(8)), MESSAGE("V", bytes(4)) + postgresql.READY),
)


def _told(port: int, first: list[Segment], asked: bytes, answered: bytes, cuts: tuple[int, int]) -> Counts:
    """What is told when each side's bytes come in two pieces at most."""
    sent = list(first)
    for side, data, cut in (("c", asked, cuts[0]), ("s", answered, cuts[1])):
        at = 1.0 if side == "c" else 2.0
        sent += [(at, side, data[:cut])] if cut else []
        sent += [(at + 0.1, side, data[cut:])] if data[cut:] else []
    return counts(conversation(*sent, port=port).facts())


@pytest.mark.parametrize(("asked", "answered"), REDIS)
def test_redis(asked: bytes, answered: bytes) -> None:
    first: list[Segment] = [(0.1, "c", ASK(b"PING")), (0.2, "s", b"+PONG\r\n")]
    whole = _told(6379, first, asked, answered, (0, 0))
    assert len(whole) > 1
    for cut in range(1, max(len(asked), len(answered))):
        cuts = min(cut, len(asked) - 1), min(cut, len(answered) - 1)
        assert _told(6379, first, asked, answered, cuts) == whole, cut


@pytest.mark.parametrize(("asked", "answered"), POSTGRESQL)
def test_postgresql(asked: bytes, answered: bytes) -> None:
    first: list[Segment] = [(0.1, "c", postgresql.startup()), (0.2, "s", postgresql.HELLO)]
    whole = _told(5432, first, asked, answered, (0, 0))
    for cut in range(1, max(len(asked), len(answered))):
        cuts = min(cut, len(asked) - 1), min(cut, max(len(answered) - 1, 0))
        assert _told(5432, first, asked, answered, cuts) == whole, cut


@pytest.mark.parametrize("upper", [True, False])
def test_every_command_is_known_in_one_go_as_in_pieces(upper: bool) -> None:
    names = sorted(COMMANDS - SPECIAL)[::6]
    said = [name if upper else name.lower() for name in names]
    asked = b"".join(ASK(name.encode()) + ASK(name.encode() + b"X") + ASK(name[:-1].encode()) for name in said)
    whole = talk((0.1, "c", ASK(b"PING")), (0.2, "s", b"+OK\r\n"), (0.3, "c", asked), port=6379)
    steps = [(1 + n / 1e3, "c", asked[n : n + 3]) for n in range(0, len(asked), 3)]
    pieces = conversation((0.1, "c", ASK(b"PING")), (0.2, "s", b"+OK\r\n"), *steps, port=6379).facts()
    assert counts(pieces) == counts(whole)
    assert set(counts(whole)) == {*names, "PING", "other"}


_VERB = re.compile(rb"(?:[\s(;]|/\*(?:[^*]|\*(?!/))*\*/|--[^\n]*\n|#[^\n]*\n)*([A-Za-z]{2,12})(?![A-Za-z_0-9])")
_PIECES = ("SELECT", "select", "BEGIN", *"x1_ \n(;#*\0é", "/*", "*/", "--", "CHECKPOINTS")


@given(st.lists(st.sampled_from(_PIECES), max_size=8))
def test_a_verb_is_the_first_word_behind_comments(pieces: list[str]) -> None:
    statement = "".join(pieces).encode("latin-1")
    found = _VERB.match(statement)
    word = found[1].decode().upper() if found else ""
    assert verb(statement) == (word if word in ("SELECT", "BEGIN") else "other")


_STRING = re.compile(rb"\$(\d{1,10})\r\n")
_RESP = (*"0123456789", "$", "\r", "\n", "\r\n", "x", "$1\r\n", "$10\r\n", "$123\r\n", "y" * 9)


@given(st.lists(st.sampled_from(_RESP), max_size=40), st.integers(0, 9))
def test_lines_and_strings_end_where_a_pattern_says(pieces: list[str], at: int) -> None:
    data = "".join(pieces).encode()
    end = max(at, len(data) - at)
    data = data.ljust(end, b"-")
    newline, found = data.find(b"\n", at, end), _STRING.match(data, at, end)
    assert behind_line(data, at, end) == (newline + 1 if newline >= 0 else -1)
    behind = found.end() + int(found[1]) + 2 if found else -1
    whole = 0 <= behind <= end and data[behind - 2 : behind] == b"\r\n"
    assert behind_string(data, at, end) == (behind if whole else -1)
    assert missing(data, at, end) == max(0, behind - end)
    if found:
        assert number_at(data, at + 1, end) == int(found[1]) << 4 | (found.end() - at - 1)
