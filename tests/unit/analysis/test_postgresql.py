"""PostgreSQL: simple and extended queries up to ReadyForQuery, SQLSTATEs, and the hand-over to TLS."""

import struct

import pytest

from tests.unit.analysis.captures import needs_pcaps, shared_facts
from tests.unit.analysis.talks import Counts, Segment, conversation, counts, groups, talk
from tests.unit.analysis.test_applications import client_hello
from workers.contract.facts import Facts

SSL, GSS, CANCEL = (struct.pack(">II", 8, code) for code in (80_877_103, 80_877_104, 80_877_102))


def startup(version: int = 0x30000) -> bytes:
    """A StartupMessage."""
    body = struct.pack(">I", version) + b"user\0shop\0database\0secretdb\0\0"
    return struct.pack(">I", 4 + len(body)) + body


def message(kind: str, body: bytes = b"") -> bytes:
    """A typed message."""
    return kind.encode() + struct.pack(">I", 4 + len(body)) + body


def query(text: bytes) -> bytes:
    """A simple query."""
    return message("Q", text + b"\0")


def parse(text: bytes, name: bytes = b"") -> bytes:
    """Parse of an unnamed statement."""
    return message("P", name + b"\0" + text + b"\0\0\0")


def error(state: bytes, severity: bytes = b"ERROR") -> bytes:
    """An ErrorResponse."""
    return message("E", b"S" + severity + b"\0V" + severity + b"\0C" + state + b"\0Msecret detail\0\0")


BIND, EXECUTE, SYNC, FLUSH = message("B", b"\0\0" + bytes(8)), message("E", b"\0\0\0\0\0"), message("S"), message("H")
READY = message("Z", b"I")
ROW = message("D", b"\0\1\0\0\0\6secret")
HELLO = message("R", b"\0\0\0\0") + message("S", b"TimeZone\0UTC\0") + message("K", bytes(8)) + READY


def done(tag: bytes) -> bytes:
    """CommandComplete and ReadyForQuery."""
    return message("C", tag + b"\0") + READY


def postgresql(*segments: Segment, port: int = 6432) -> Facts:
    """Facts of a conversation that begins with a startup."""
    begin: tuple[Segment, ...] = ((0.1, "c", startup()), (0.2, "s", HELLO))
    return talk(*begin, *segments, port=port)


STARTED: Counts = {"startup": (1, 1, {})}


def test_simple_query_with_rows_in_pieces() -> None:
    answer = message("T", bytes(30)) + ROW * 400 + done(b"SELECT 400")
    facts = postgresql(
        (1.0, "c", query(b"select secret from t")),
        (1.3, "s", answer[:1000]),
        (1.4, "s", answer[1000:1002]),
        (1.5, "s", answer[1002:]),
        (2.0, "c", query(b"/* trace */ -- why\n (UPDATE t SET a = 'secret'")),
        (2.1, "s", done(b"UPDATE 1")),
    )
    assert counts(facts) == {**STARTED, "SELECT": (1, 1, {}), "UPDATE": (1, 1, {})}
    group = groups(facts)["SELECT"]
    assert (group.protocol, group.server_port) == ("postgresql", 6432)
    assert group.latency.max == pytest.approx(0.3)
    assert group.slowest_frame == 7
    assert groups(facts)["startup"].latency.max == pytest.approx(0.1)
    assert "secret" not in repr(facts)
    assert facts.conversations[0].application == "postgresql"


def test_a_long_statement_counts_from_its_end() -> None:
    text = query(b"INSERT INTO t VALUES ('" + b"x" * 3000 + b"')")
    facts = postgresql(
        (1, "c", text[:1400]), (1.2, "c", text[1400:2800]), (1.4, "c", text[2800:]), (1.5, "s", done(b"I"))
    )
    assert groups(facts)["INSERT"].latency.max == pytest.approx(0.1)


def test_extended_query_is_one_request_up_to_its_sync() -> None:
    facts = postgresql(
        (1.0, "c", parse(b"BEGIN") + BIND + EXECUTE + parse(b"SELECT $1") + BIND + message("D", b"P\0")),
        (1.1, "c", EXECUTE + SYNC),
        (1.3, "s", message("1") + message("2") + done(b"SELECT 1")),
    )
    assert counts(facts) == {**STARTED, "SELECT": (1, 1, {})}
    assert groups(facts)["SELECT"].latency.max == pytest.approx(0.2)


def test_a_statement_parsed_before_is_named_by_its_tag() -> None:
    facts = postgresql(
        (1.0, "c", parse(b"DELETE FROM t", b"s1") + message("D", b"Ss1\0") + SYNC),
        (1.1, "s", message("1") + message("t", b"\0\0") + message("n") + READY),
        (2.0, "c", BIND + EXECUTE + SYNC),
        (2.1, "s", message("2") + done(b"DELETE 3")),
        (3.0, "c", BIND + EXECUTE + SYNC),
        (3.1, "s", error(b"40P01") + READY),
    )
    assert counts(facts) == {**STARTED, "DELETE": (2, 2, {}), "EXECUTE": (1, 1, {"40P01": 1})}


def test_pipelined_units_and_flush() -> None:
    unit = parse(b"SELECT 1") + BIND + EXECUTE
    facts = postgresql(
        (1.0, "c", unit + SYNC + parse(b"INSERT") + BIND + EXECUTE + SYNC),
        (1.1, "s", message("1") + message("2") + done(b"SELECT 1")),
        (1.3, "s", error(b"23505") + READY),
        (2.0, "c", unit + FLUSH),
        (2.2, "s", message("1") + message("2") + ROW),
        (2.4, "c", SYNC),
        (2.5, "s", READY),
    )
    assert counts(facts) == {**STARTED, "SELECT": (2, 2, {}), "INSERT": (1, 1, {"23505": 1})}
    assert groups(facts)["INSERT"].latency.max == pytest.approx(0.3)
    assert groups(facts)["SELECT"].latency.max == pytest.approx(0.2)


def test_what_the_server_need_not_answer_yet_is_not_unanswered() -> None:
    facts = talk(
        (0.1, "c", startup()), (0.2, "s", HELLO), (0.3, "c", parse(b"SELECT 1")), (9, "s", message("N")), port=1
    )
    assert counts(facts) == {**STARTED, "SELECT": (1, 0, {})}
    assert groups(facts)["SELECT"].unanswered.count == 0


def test_copy_and_function_call() -> None:
    facts = postgresql(
        (1.0, "c", query(b"COPY t FROM STDIN")),
        (1.1, "s", message("G", b"\0\0\0")),
        (1.2, "c", message("d", b"1\t2\n") * 9 + message("c")),
        (1.3, "s", done(b"COPY 9")),
        (2.0, "c", message("F", bytes(12))),
        (2.1, "s", message("V", b"\0\0\0\0") + READY),
        (3.0, "c", message("X")),
    )
    assert counts(facts) == {**STARTED, "COPY": (1, 1, {}), "FUNCTION": (1, 1, {})}


def test_replication_that_never_ends_was_answered() -> None:
    facts = postgresql(
        (1, "c", query(b"START_REPLICATION")), (1.1, "s", message("W", b"\0\0\0")), (60, "s", message("d", b"w"))
    )
    assert counts(facts) == {**STARTED, "other": (1, 1, {})}


def test_refused_login_has_no_ready_for_query() -> None:
    facts = talk(
        (0.1, "c", startup()),
        (0.2, "s", message("R", b"\0\0\0\5abcd")),
        (0.3, "c", message("p", b"md5secret\0")),
        (0.4, "s", error(b"28P01", b"FATAL")),
        port=5432,
    )
    assert counts(facts) == {"startup": (1, 1, {"28P01": 1})}
    assert groups(facts)["startup"].failed.count == 1


def test_errors_nobody_asked_for() -> None:
    facts = postgresql((9, "s", message("A", bytes(9)) + error(b"57P01", b"FATAL")))
    assert counts(facts) == {**STARTED, "": (0, 1, {"57P01": 1})}


def test_a_query_that_ends_with_the_connection_keeps_its_error() -> None:
    facts = postgresql((1, "c", query(b"SELECT pg_sleep(9)")), (2, "s", error(b"57P01", b"FATAL")))
    assert counts(facts) == {**STARTED, "SELECT": (1, 1, {"57P01": 1})}


@pytest.mark.parametrize("state", [b"secret", b"abcde", b"12"])
def test_a_code_that_is_no_sqlstate_is_not_told(state: bytes) -> None:
    assert counts(postgresql((1, "c", query(b"SELECT 1")), (2, "s", error(state))))["SELECT"] == (1, 1, {"other": 1})
    bare = message("E", b"SERROR\0\0")
    assert counts(postgresql((1, "c", query(b"SELECT 1")), (2, "s", bare)))["SELECT"] == (1, 1, {"other": 1})


def test_tls_begins_behind_the_answer_to_sslrequest() -> None:
    facts = talk((0.1, "c", SSL), (0.2, "s", b"S"), (0.3, "c", client_hello(b"db.shop")), port=5432)
    assert counts(facts) == {"ssl-request": (1, 1, {})}
    assert groups(facts)["ssl-request"].latency.max == pytest.approx(0.1)
    assert facts.tls.handshakes[0].sni == "db.shop"
    assert facts.conversations[0].application == "tls"


def test_tls_behind_an_sslrequest_whose_answer_is_not_there() -> None:
    facts = talk((0.1, "c", SSL), (0.2, "S", b"S"), (0.3, "c", client_hello(b"db.shop")), port=5432)
    assert counts(facts) == {"ssl-request": (1, 0, {})}
    assert facts.tls.handshakes[0].sni == "db.shop"
    assert groups(facts)["ssl-request"].unanswered.count == 0


def test_refused_encryption_goes_on_in_the_clear() -> None:
    facts = talk(
        (0.1, "c", GSS), (0.2, "s", b"N"), (0.3, "c", SSL), (0.4, "s", b"N"), (0.5, "c", startup()), (0.6, "s", HELLO),
        port=5432,
    )  # fmt: skip
    assert counts(facts) == {"gss-request": (1, 1, {}), "ssl-request": (1, 1, {}), "startup": (1, 1, {})}


def test_gss_encryption_is_not_read() -> None:
    facts = talk((0.1, "c", GSS), (0.2, "s", b"G"), (0.3, "c", bytes(99)), (0.4, "s", bytes(99)), port=5432)
    assert counts(facts) == {"gss-request": (1, 1, {})}


def test_an_old_server_answers_sslrequest_with_an_error() -> None:
    old = error(b"08P01")
    facts = talk((0.1, "c", SSL), (0.2, "s", old[:2]), (0.3, "s", old[2:]), port=5432)
    assert counts(facts) == {"ssl-request": (1, 1, {"08P01": 1})}


def test_nonsense_as_the_answer_to_sslrequest_is_given_up() -> None:
    facts = talk((0.1, "c", SSL), (0.2, "s", b"HELLO WORLD\n"), port=5432)
    assert facts.services.requests == 0


def test_cancel_is_never_answered() -> None:
    cancel = struct.pack(">II", 16, 80_877_102) + bytes(8)
    facts = talk((0.1, "c", cancel), (9, "s", b""), port=6432)
    assert counts(facts) == {"cancel": (1, 0, {})}
    assert groups(facts)["cancel"].unanswered.count == 0


def test_a_capture_that_begins_in_the_middle() -> None:
    asked = (
        (0.1, "c", query(b"SELECT 1")),
        (0.2, "s", ROW + done(b"SELECT 1")),
        (0.3, "c", query(b"COMMIT")),
        (0.4, "s", done(b"COMMIT")),
    )
    assert counts(talk(*asked, port=5432, handshake=False)) == {"SELECT": (1, 1, {}), "COMMIT": (1, 1, {})}
    assert counts(talk(*asked[1:], port=5432, handshake=False)) == {"": (0, 1, {}), "COMMIT": (1, 1, {})}
    assert talk(*asked, port=6432, handshake=False).services.requests == 0


def test_a_capture_that_begins_among_many_rows() -> None:
    facts = talk((0.1, "s", ROW * 20 + done(b"SELECT 20")), port=5432, handshake=False)
    assert counts(facts) == {"": (0, 1, {})}
    short = talk((0.1, "s", ROW + b"D\0\0"), (0.2, "c", b"?"), port=5432, handshake=False)
    assert short.services.responses == 0


@pytest.mark.parametrize("rows", [b"", ROW * 3])
def test_rows_of_impossible_size_lose_the_step(rows: bytes) -> None:
    facts = postgresql(
        (1.0, "c", query(b"SELECT 1")),
        (1.1, "s", message("T", b"\0\0") + rows + b"D\0\0\0\1secret"),
        (2.0, "c", query(b"SHOW x")),
        (2.1, "s", done(b"SHOW")),
    )
    assert counts(facts) == {**STARTED, "SELECT": (1, 1, {}), "SHOW": (1, 1, {})}


def test_a_message_of_impossible_size_is_no_beginning_behind_a_gap() -> None:
    """Else the gap would reach up to it, and what was asked before it may have been answered there."""
    facts = postgresql(
        (1.0, "c", query(b"SELECT 1")),
        (1.1, "S", bytes(50)),
        (1.2, "s", b"what is no message"),
        (1.25, "c", message("d", b"x")),
        (1.3, "c", query(b"SHOW x")),
        (1.4, "s", b"T\x7f\xff\xff\xff" + bytes(20)),
        (9.0, "c", FLUSH),
    )
    assert groups(facts)["SHOW"].unanswered.count == 1


def test_a_name_of_which_the_end_is_not_seen_is_no_statement() -> None:
    named = parse(b"DELETE FROM t", b"update " + b"x" * 300)
    facts = postgresql((1.0, "c", named + BIND + EXECUTE + SYNC), (1.1, "s", message("1") + done(b"DELETE 1")))
    assert counts(facts) == {**STARTED, "other": (1, 1, {})}


def test_gaps_in_rows_and_between_messages() -> None:
    facts = postgresql(
        (1.0, "c", query(b"SELECT 1")),
        (1.1, "s", message("D", bytes(2000))[:500]),
        (1.2, "S", bytes(700)),
        (1.3, "s", bytes(2005 - 1200) + done(b"SELECT 1")),
        (2.0, "c", query(b"SELECT 2")),
        (2.1, "S", ROW + done(b"SELECT 2")),
        (2.2, "C", query(b"SELECT 3")),
        (2.3, "s", done(b"SELECT 3")),
        (3.0, "c", query(b"DELETE FROM t")),
        (3.1, "s", done(b"DELETE 1")),
    )
    found = counts(facts)
    assert found["DELETE"] == (1, 1, {})
    assert groups(facts)["DELETE"].latency.max == pytest.approx(0.1)
    assert found["SELECT"][0] == 2
    assert groups(facts)["SELECT"].unanswered.count == 0


def test_bytes_that_do_not_add_up_later_lose_the_step_until_the_next_message() -> None:
    facts = postgresql(
        (1.0, "c", b"\x00garbage of nineteen"),
        (1.1, "s", b"\x00garbage of nineteen"),
        (2.0, "c", b"more of it"),
        (2.1, "s", b"more"),
        (3.0, "c", query(b"SHOW x")),
        (3.1, "s", done(b"SHOW")),
    )
    assert counts(facts) == {**STARTED, "SHOW": (1, 1, {})}


def test_startup_that_is_none_is_given_up() -> None:
    bad = struct.pack(">II", 30, 0x30000) + b"user\0x\0\0" + bytes(15)
    facts = talk((0.1, "c", bad), (0.2, "c", b"\xff" * 30), port=1)
    assert facts.services.requests == 0
    small = talk((0.1, "c", SSL), (0.2, "c", bytes(20)), port=1)
    assert small.services.requests == 0


def test_cut_by_the_snaplen_the_verbs_are_still_there() -> None:
    segments: tuple[Segment, ...] = (
        (0.1, "c", startup()),
        (0.2, "s", HELLO),
        (0.3, "c", query(b"SELECT " + b"x" * 500)),
        (0.4, "s", message("T", bytes(90))),
        (0.5, "c", query(b"INSERT INTO " + b"x" * 500)),
    )
    facts = conversation(*segments, port=5432, snaplen=90).facts()
    assert {"SELECT", "INSERT"} <= set(counts(facts))


@needs_pcaps
def test_public_captures() -> None:
    folder = "zeek/testing__btest__Traces__postgresql__psql-"
    assert counts(shared_facts(f"{folder}select-now.pcap"))["SELECT"] == (1, 1, {})
    assert counts(shared_facts(f"{folder}login-wrong.pcap"))["startup"] == (1, 1, {"28P01": 1})
    assert shared_facts(f"{folder}aws-ssl-require.pcap").tls.server_hellos == 1
    assert shared_facts("zeek/testing__btest__Traces__postgresql__bad-startup-message-1.pcap").services.requests == 0
