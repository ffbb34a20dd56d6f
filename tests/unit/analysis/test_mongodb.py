"""MongoDB: OP_MSG and the legacy operations, paired by request id; error codes of commands and writes."""

import struct

import pytest

from tests.unit.analysis.talks import Segment, conversation, counts, groups, talk
from workers.contract.facts import Facts

REPLY, UPDATE, INSERT, QUERY, GET_MORE, DELETE, KILL, COMPRESSED, MSG = (
    1,
    2001,
    2002,
    2004,
    2005,
    2006,
    2007,
    2012,
    2013,
)
Value = int | float | str | bool | bytes | None | list["Document"] | dict[str, "Value"]
Document = dict[str, Value]


def element(name: str, value: Value) -> bytes:
    """One BSON element (bsonspec.org)."""
    key = name.encode() + b"\0"
    match value:
        case bool():
            return b"\x08" + key + bytes([value])
        case int():
            return b"\x10" + key + struct.pack("<i", value)
        case float():
            return b"\x01" + key + struct.pack("<d", value)
        case str():
            return b"\x02" + key + struct.pack("<i", len(value) + 1) + value.encode() + b"\0"
        case bytes():
            return b"\x05" + key + struct.pack("<iB", len(value), 0) + value
        case None:
            return b"\x0a" + key
        case list():
            return b"\x04" + key + bson({str(i): one for i, one in enumerate(value)})
        case dict():
            return b"\x03" + key + bson(value)
    raise AssertionError


def bson(document: Document) -> bytes:
    """A BSON document."""
    body = b"".join(element(name, value) for name, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def message(code: int, body: bytes, number: int = 1, answers: int = 0) -> bytes:
    """A message with its header."""
    return struct.pack("<iiii", 16 + len(body), number, answers, code) + body


def msg(document: Document, number: int = 1, answers: int = 0, flags: int = 0) -> bytes:
    """An OP_MSG with one document."""
    return message(MSG, struct.pack("<IB", flags, 0) + bson(document), number, answers)


def reply(document: Document, answers: int, flags: int = 0) -> bytes:
    """An OP_REPLY with one document."""
    return message(REPLY, struct.pack("<IqII", flags, 0, 0, 1) + bson(document), 900 + answers, answers)


OK: Document = {"ok": 1.0}


def mongodb(*segments: Segment, port: int = 27018, handshake: bool = True) -> Facts:
    """Facts of a conversation."""
    return talk(*segments, port=port, handshake=handshake)


def test_commands_are_paired_by_id() -> None:
    batch: Document = {"cursor": {"firstBatch": [{"v": "secret" * 700}], "id": 0}, "ok": 1.0}
    answer = msg(batch, 50, 7)
    facts = mongodb(
        (0.1, "c", msg({"find": "secretcollection", "filter": {"a": "secret"}}, 7) + msg({"ping": 1}, 8)),
        (0.2, "s", msg(OK, 51, 8)),
        (0.5, "s", answer[:1000]),
        (0.6, "s", answer[1000:]),
        (1.0, "c", msg({"insert": "t", "documents": [{"a": "x" * 3000}]}, 9)[:1400]),
        (1.1, "c", msg({"insert": "t", "documents": [{"a": "x" * 3000}]}, 9)[1400:]),
        (1.2, "s", msg({"n": 1, "ok": 1.0}, 52, 9)),
    )
    assert counts(facts) == {"find": (1, 1, {}), "ping": (1, 1, {}), "insert": (1, 1, {})}
    assert groups(facts)["find"].latency.max == pytest.approx(0.4)
    assert groups(facts)["ping"].latency.max == pytest.approx(0.1)
    assert groups(facts)["insert"].latency.max == pytest.approx(0.1)
    assert groups(facts)["find"].protocol == "mongodb"
    assert "secret" not in repr(facts)
    assert facts.conversations[0].application == "mongodb"


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"ok": 0.0, "errmsg": "secret", "code": 11000, "codeName": "x"}, "DuplicateKey"),
        ({"errmsg": "secret", "code": 13, "ok": 0}, "Unauthorized"),
        ({"code": 424242, "ok": False}, "424242"),
        ({"a": None, "b": b"xyz", "ok": 0.0}, "other"),
        ({"n": 0, "writeErrors": [{"index": 0, "code": 112, "errmsg": "secret"}], "ok": 1.0}, "WriteConflict"),
        ({"writeErrors": [{"index": 0}], "ok": 1.0}, "UnknownError"),
        ({"writeErrors": "none", "ok": 1.0}, ""),
        ({"errmsg": "x" * 600, "ok": 0.0}, ""),
        ({"ok": "yes"}, ""),
        ({"ok": 1}, ""),
        ({}, ""),
        (dict.fromkeys([f"k{i}" for i in range(70)]) | {"ok": 0.0}, ""),
    ],
)  # fmt: skip
def test_errors_of_commands_and_writes(document: Document, error: str) -> None:
    facts = mongodb((0.1, "c", msg({"update": "t"}, 3)), (0.2, "s", msg(document, 4, 3)))
    (group,) = facts.services.groups
    assert group.errors == ({error: 1} if error else {})
    assert "secret" not in repr(facts)


@pytest.mark.parametrize(
    "element",
    [
        b"\x12n\0" + bytes(8), b"\x07i\0" + bytes(12), b"\x0br\0a\0b\0", b"\x0dj\0\2\0\0\0x\0", b"\x0fs\0\4\0\0\0",
        b"\x02s\0\xff\xff\xff\xff", b"\x02s\0\1", b"\x10code\0\1", b"\x08ok\0",
    ],
)  # fmt: skip
def test_other_elements_and_broken_ones_never_raise(element: bytes) -> None:
    document = struct.pack("<i", 40) + element
    body = struct.pack("<IB", 0, 0) + document
    facts = mongodb((0.1, "c", msg({"hello": 1}, 3)), (0.2, "s", message(MSG, body, 4, 3)))
    assert counts(facts)["hello"][:2] == (1, 1)
    long = (
        struct.pack("<IB", 0, 0) + struct.pack("<i", 60) + b"\x12ok\0" + bytes(8) + b"\x12code\0\x32" + bytes(7) + b"\0"
    )
    facts = mongodb((0.1, "c", msg({"hello": 1}, 3)), (0.2, "s", message(MSG, long, 4, 3)))
    assert counts(facts)["hello"] == (1, 1, {"MaxTimeMSExpired": 1})


def test_document_sequences_first_and_unknown_commands() -> None:
    sequence = b"\1" + struct.pack("<i", 4 + 10 + 5) + b"documents\0" + bson({})
    body = struct.pack("<I", 0) + sequence + b"\0" + bson({"insert": "t"})
    broken = struct.pack("<I", 0) + b"\1" + struct.pack("<i", -9) + bytes(9)
    facts = mongodb(
        (0.1, "c", message(MSG, body, 1) + msg({"secretcommand": 1}, 2) + message(MSG, broken, 3)),
        (0.2, "s", msg(OK, 4, 1) + msg(OK, 5, 2) + msg(OK, 6, 3)),
    )
    assert counts(facts) == {"insert": (1, 1, {}), "other": (2, 2, {})}


def test_more_to_come_answers_and_exhausts() -> None:
    facts = mongodb(
        (0.1, "c", msg({"insert": "t"}, 1, flags=2)),
        (0.2, "c", msg({"hello": 1}, 2, flags=0x10000)),
        (0.3, "s", msg(OK, 70, 2, flags=2)),
        (5.0, "s", msg(OK, 71, 70, flags=2)),
        (9.0, "s", msg(OK, 72, 71)),
        (9.5, "s", msg(OK, 73, 99)),
    )
    assert counts(facts) == {"insert": (1, 0, {}), "hello": (1, 1, {}), "": (0, 1, {})}
    assert groups(facts)["insert"].unanswered.count == 0


def test_operations_of_old() -> None:
    def ask(name: bytes, document: Document, number: int) -> bytes:
        return message(QUERY, struct.pack("<I", 4) + name + struct.pack("<ii", 0, -1) + bson(document), number)

    facts = mongodb(
        (0.1, "c", ask(b"admin.$cmd\0", {"isMaster": 1}, 1)),
        (0.2, "s", reply({"ismaster": True, "ok": 1.0}, 1)),
        (0.3, "c", ask(b"shop.secret\0", {"a": 1}, 2)),
        (0.4, "s", reply({"$err": "secret", "code": 13435}, 2, flags=2)),
        (0.5, "c", message(GET_MORE, bytes(24), 3)),
        (0.6, "s", reply({}, 3, flags=1)),
        (0.7, "c", message(INSERT, bytes(24), 4) + message(KILL, bytes(24), 5) + ask(b"no end", {}, 6)[:26]),
        (0.8, "c", ask(b"no end", {}, 6)[26:]),
        (0.9, "s", reply({}, 6, flags=2)),
        (1.0, "c", ask(b"a.$cmd\0", {"ping": 1}, 7)),
        (1.1, "s", message(REPLY, b"\0\0\0", 8, 7)),
    )
    assert counts(facts) == {
        "isMaster": (1, 1, {}),
        "OP_QUERY": (2, 2, {"NotPrimaryNoSecondaryOk": 1, "other": 1}),
        "OP_GET_MORE": (1, 1, {"CursorNotFound": 1}),
        "OP_INSERT": (1, 0, {}),
        "OP_KILL_CURSORS": (1, 0, {}),
        "ping": (1, 1, {}),
    }
    assert "secret" not in repr(facts)


def test_compressed_messages_are_paired_all_the_same() -> None:
    body = struct.pack("<iiB", MSG, 500, 2) + b"secret" * 10
    facts = mongodb((0.1, "c", message(COMPRESSED, body, 1)), (0.4, "s", message(COMPRESSED, body, 2, 1)))
    assert counts(facts) == {"compressed": (1, 1, {})}
    assert groups(facts)["compressed"].latency.max == pytest.approx(0.3)


def test_a_capture_that_begins_with_a_response() -> None:
    facts = mongodb(
        (0.1, "s", msg({"ok": 0.0, "code": 50}, 60, 5)),
        (0.2, "c", msg({"count": "t"}, 6)),
        (0.3, "s", msg(OK, 61, 6)),
        handshake=False,
    )
    assert counts(facts) == {"count": (1, 1, {}), "": (0, 1, {"MaxTimeMSExpired": 1})}


def test_gaps_on_both_sides() -> None:
    facts = mongodb(
        (0.1, "c", msg({"find": "t"}, 1)),
        (0.2, "s", msg({"x": "y" * 3000}, 2, 1)[:900]),
        (0.3, "S", bytes(900)),
        (0.4, "s", bytes(len(msg({"x": "y" * 3000}, 2, 1)) - 1800)),
        (0.5, "C", msg({"ping": 1}, 3)),
        (0.6, "S", msg(OK, 4, 3)),
        (0.7, "c", msg({"count": "t"}, 5)),
        (0.8, "s", msg(OK, 6, 5)),
        (0.9, "c", msg({"count": "t"}, 7)),
    )
    assert counts(facts) == {"find": (1, 1, {}), "count": (2, 1, {})}


@pytest.mark.parametrize("code", [MSG, REPLY, 2003, UPDATE, DELETE])
def test_what_does_not_add_up_is_given_up(code: int) -> None:
    facts = mongodb((0.1, "c", msg({"find": "t"}, 1)), (0.2, "s", message(code, bytes(30), 9, 0)), port=7777)
    assert facts.services.requests == 0
    assert facts.conversations[0].application == ""
    strays = [(0.2 + n, "s", msg(OK, 90 + n, 80 + n)) for n in range(6)]
    assert mongodb((0.1, "c", msg({"find": "t"}, 1)), *strays, port=7777).services.requests == 0


@pytest.mark.parametrize(
    "first",
    [
        msg({"find": "t"}, 1, flags=64), message(MSG, b"\0\0\0\0\7" + bson({}), 1),
        message(UPDATE, b"\1\2\3\4" + bytes(9)),
        message(MSG, b"abc"), message(2003, bytes(30)), struct.pack("<iiii", -5, 1, 0, MSG) + bytes(9),
    ],
)  # fmt: skip
def test_what_is_no_message(first: bytes) -> None:
    assert mongodb((0.1, "c", first), (0.2, "s", msg(OK, 2, 1))).services.requests == 0


def test_steps_lost_and_found() -> None:
    facts = mongodb(
        (0.1, "c", msg({"find": "t"}, 1)),
        (0.2, "s", msg(OK, 2, 1)),
        (0.3, "c", b"junk that is no message"),
        (0.4, "s", b"junk that is no message"),
        (0.5, "c", b"more of that, and so on"),
        (0.6, "c", msg({"ping": 1}, 3)),
        (0.7, "s", msg(OK, 4, 3)),
    )
    assert counts(facts) == {"find": (1, 1, {}), "ping": (1, 1, {})}


def test_cut_by_the_snaplen_the_names_are_still_there() -> None:
    segments: tuple[Segment, ...] = (
        (0.1, "c", msg({"aggregate": "t", "x": "y" * 900}, 1)),
        (0.2, "s", msg({"x": "y" * 900}, 2, 1)),
        (0.3, "c", msg({"delete": "t", "x": "y" * 900}, 3)),
    )
    facts = conversation(*segments, port=27017, snaplen=100).facts()
    assert counts(facts) == {"aggregate": (1, 1, {}), "delete": (1, 0, {})}
