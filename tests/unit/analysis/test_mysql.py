"""MySQL: commands by packet number 0, responses from number 1 on, errors, and the hand-over to TLS."""

import struct

import pytest

from tests.unit.analysis.captures import needs_pcaps, shared_facts
from tests.unit.analysis.talks import Counts, Segment, conversation, counts, groups, talk
from tests.unit.analysis.test_applications import client_hello
from workers.contract.facts import Facts

SSL, PROTOCOL_41, COMPRESS = 0x800, 0x200, 0x20


def packet(number: int, body: bytes) -> bytes:
    """A packet with its header."""
    return len(body).to_bytes(3, "little") + bytes([number]) + body


GREETING = packet(0, b"\x0a8.0.36\0" + bytes(4) + b"salt1234\0" + bytes(31) + b"mysql_native_password\0")


def login(flags: int = PROTOCOL_41, number: int = 1) -> bytes:
    """A handshake response."""
    return packet(number, struct.pack("<IIB23x", flags, 1 << 24, 45) + b"secretuser\0\x14" + bytes(20))


def command(code: int, body: bytes = b"") -> bytes:
    """A command."""
    return packet(0, bytes([code]) + body)


def query(text: bytes) -> bytes:
    """COM_QUERY."""
    return command(3, text)


def ok(number: int = 1) -> bytes:
    """An OK packet."""
    return packet(number, b"\0\0\0\2\0\0\0")


def error(code: int, number: int = 1) -> bytes:
    """An error packet."""
    return packet(number, b"\xff" + struct.pack("<H", code) + b"#HY000secret text")


def rows(count: int, *, first: int = 1) -> bytes:
    """A result set with one column and so many rows."""
    parts = [b"\x01", b"\x03def" + bytes(20), *[b"\x06secret"] * count, b"\xfe\0\0\2\0"]
    return b"".join(packet((first + i) & 0xFF, part) for i, part in enumerate(parts))


START: tuple[Segment, ...] = ((0.1, "s", GREETING), (0.2, "c", login()), (0.25, "s", ok(2)))
LOGIN: Counts = {"login": (1, 1, {})}


def mysql(*segments: Segment, port: int = 13306) -> Facts:
    """Facts of a conversation that begins with a login."""
    return talk(*START, *segments, port=port)


def test_query_with_rows_in_pieces() -> None:
    answer = rows(300)
    facts = mysql(
        (1.0, "c", query(b"select secret from t")),
        (1.3, "s", answer[:1001]),
        (1.4, "s", answer[1001:1003]),
        (1.5, "s", answer[1003:]),
        (2.0, "c", query(b"\0\1-- c\nUPDATE t")),
        (2.2, "s", ok()),
        (3.0, "c", command(1)),
    )
    assert counts(facts) == {**LOGIN, "SELECT": (1, 1, {}), "UPDATE": (1, 1, {}), "COM_QUIT": (1, 0, {})}
    group = groups(facts)["SELECT"]
    assert (group.protocol, group.server_port) == ("mysql", 13306)
    assert group.latency.max == pytest.approx(0.3)
    assert group.slowest_frame == 8
    assert groups(facts)["login"].latency.max == pytest.approx(0.05)
    assert "secret" not in repr(facts)
    assert facts.conversations[0].application == "mysql"


def test_packet_numbers_begin_again_after_255() -> None:
    answer = rows(600)
    facts = mysql((1, "c", query(b"SELECT 1")), (1.1, "s", answer), (2, "c", command(14)), (2.1, "s", ok()))
    assert counts(facts) == {**LOGIN, "SELECT": (1, 1, {}), "COM_PING": (1, 1, {})}


def test_errors_at_once_and_behind_rows() -> None:
    facts = mysql(
        (1.0, "c", query(b"INSERT INTO t")),
        (1.1, "s", error(1062)),
        (2.0, "c", query(b"SELECT 1")),
        (2.1, "s", rows(1)[:-9]),
        (2.2, "s", error(1317, 4)),
        (3.0, "c", command(0x16, b"SELECT ?")),
        (3.1, "s", error(1146)),
    )
    assert counts(facts) == {
        **LOGIN,
        "INSERT": (1, 1, {"1062": 1}),
        "SELECT": (1, 1, {"1317": 1}),
        "COM_STMT_PREPARE": (1, 1, {"1146": 1}),
    }
    assert groups(facts)["INSERT"].failed.frames == (8,)


def test_prepared_statements_and_what_is_not_answered() -> None:
    facts = mysql(
        (1.0, "c", command(0x18, b"\1\0\0\0\0\0secret") + command(0x17, b"\1\0\0\0")),
        (1.2, "s", rows(2)),
        (2.0, "c", command(0x19, b"\1\0\0\0")),
        (9.0, "c", command(0x0D)),
        (9.1, "s", ok()),
    )
    assert counts(facts) == {
        **LOGIN,
        "COM_STMT_SEND_LONG_DATA": (1, 0, {}),
        "COM_STMT_EXECUTE": (1, 1, {}),
        "COM_STMT_CLOSE": (1, 0, {}),
        "COM_DEBUG": (1, 1, {}),
    }


def test_pipelined_commands() -> None:
    facts = mysql(
        (1.0, "c", query(b"INSERT 1") + query(b"DELETE 1") + command(14)),
        (1.1, "s", ok() + error(1213)),
        (1.3, "s", ok()),
    )
    assert counts(facts) == {**LOGIN, "INSERT": (1, 1, {}), "DELETE": (1, 1, {"1213": 1}), "COM_PING": (1, 1, {})}
    assert groups(facts)["COM_PING"].latency.max == pytest.approx(0.3)


def test_login_in_several_steps_and_refused() -> None:
    facts = talk(
        (0.1, "s", GREETING),
        (0.2, "c", login()),
        (0.3, "s", packet(2, b"\xfecaching_sha2_password\0" + bytes(20))),
        (0.4, "c", packet(3, bytes(32))),
        (0.5, "s", packet(4, b"\1\4")),
        (0.6, "c", packet(5, b"secret\0")),
        (0.7, "s", error(1045, 6)),
        port=3306,
    )
    assert counts(facts) == {"login": (1, 1, {"1045": 1})}
    assert groups(facts)["login"].latency.max == pytest.approx(0.1)


def test_a_server_that_refuses_instead_of_greeting() -> None:
    refusal = packet(0, b"\xff\x10\x04Too many connections")
    assert counts(talk((0.1, "s", refusal), port=3306)) == {"": (0, 1, {"1040": 1})}
    assert talk((0.1, "s", refusal), port=13306).services.responses == 0


def test_change_user_goes_on_behind_the_clients_packet() -> None:
    facts = mysql(
        (1.0, "c", command(0x11, b"root\0")),
        (1.1, "s", packet(1, b"\xfemysql_native_password\0")),
        (1.2, "c", packet(2, bytes(20))),
        (1.3, "s", error(1045, 3)),
    )
    assert counts(facts) == {**LOGIN, "COM_CHANGE_USER": (1, 1, {"1045": 1})}


def test_a_local_file_is_no_command() -> None:
    facts = mysql(
        (1.0, "c", query(b"LOAD DATA LOCAL INFILE")),
        (1.1, "s", packet(1, b"\xfb/secret")),
        (1.2, "c", packet(2, b"1,2\n") + packet(0, b"\x0e,3\n") + packet(3, b"")),
        (1.3, "s", ok(4)),
        (2.0, "c", command(14)),
        (2.1, "s", ok()),
    )
    assert counts(facts) == {**LOGIN, "LOAD": (1, 1, {}), "COM_PING": (1, 1, {})}


def test_packets_of_the_greatest_length_go_on() -> None:
    whole = b"\xff\xff\xff\x00\x03INSERT INTO t" + bytes(0xFFFFFF - 14) + b"\x02\0\0\1\0\0"
    cut = [(1.0 + at / 1e8, "c", whole[at : at + 60_000]) for at in range(0, len(whole), 60_000)]
    answer = b"\xff\xff\xff\x01\xfe" + bytes(0xFFFFFF - 1) + packet(2, b"\xff\1\0")
    back = [(3.0 + at / 1e8, "s", answer[at : at + 60_000]) for at in range(0, len(answer), 60_000)]
    facts = conversation(*START, *cut, *back, port=3306).facts()
    assert counts(facts) == {**LOGIN, "INSERT": (1, 1, {})}
    assert groups(facts)["INSERT"].latency.max == pytest.approx(3 - cut[-1][0])


def test_tls_begins_behind_the_sslrequest() -> None:
    request = packet(1, struct.pack("<IIB23x", SSL | PROTOCOL_41, 1 << 24, 45))
    facts = talk((0.1, "s", GREETING), (0.2, "c", request), (0.3, "c", client_hello(b"db.shop")), port=3306)
    assert facts.services.requests == 0
    assert facts.tls.handshakes[0].sni == "db.shop"
    assert facts.conversations[0].application == "tls"
    together = talk((0.1, "s", GREETING), (0.2, "c", login(SSL | PROTOCOL_41)), (0.3, "s", ok(2)), port=3306)
    assert counts(together) == LOGIN


def test_compressed_packets_are_not_read() -> None:
    facts = talk(
        (0.1, "s", GREETING),
        (0.2, "c", login(PROTOCOL_41 | COMPRESS)),
        (0.3, "s", ok(2)),
        (0.4, "c", b"\x0a\0\0\0\x30\0\0" + bytes(10)),
        (0.5, "s", b"\x0a\0\0\1\x30\0\0" + bytes(10)),
        port=3306,
    )
    assert counts(facts) == LOGIN


def test_a_capture_that_begins_in_the_middle() -> None:
    asked: tuple[Segment, ...] = (
        (0.1, "c", query(b"SELECT 1")),
        (0.2, "s", rows(1)),
        (0.3, "c", query(b"COMMIT")),
        (0.4, "s", ok()),
    )
    assert counts(talk(*asked, port=3306, handshake=False)) == {"SELECT": (1, 1, {}), "COMMIT": (1, 1, {})}
    assert counts(talk(*asked[1:], port=3306, handshake=False)) == {"": (0, 1, {}), "COMMIT": (1, 1, {})}
    assert talk(*asked, port=13306, handshake=False).services.requests == 0
    many = ((0.1, "s", rows(30)), *asked[2:])
    assert counts(talk(*many, port=3306, handshake=False)) == {"": (0, 1, {}), "COMMIT": (1, 1, {})}
    late = ((0.05, "s", packet(7, b"\x06secret")), (0.06, "c", b"\1\0\0\0\0"), *asked)
    assert counts(talk(*late, port=3306, handshake=False))["SELECT"] == (1, 1, {})


def test_gaps() -> None:
    facts = mysql(
        (1.0, "c", query(b"SELECT 1")),
        (1.1, "s", rows(50)[:200]),
        (1.2, "S", rows(50)[200:]),
        (2.0, "c", query(b"DELETE FROM t")),
        (2.1, "S", ok()),
        (2.2, "C", query(b"SELECT 2")),
        (2.3, "s", ok()),
        (3.0, "c", query(b"INSERT INTO t")),
        (3.1, "s", ok()),
    )
    found = counts(facts)
    assert (found["SELECT"], found["INSERT"]) == ((1, 1, {}), (1, 1, {}))
    assert found["DELETE"][0] == 1
    assert groups(facts)["INSERT"].latency.max == pytest.approx(0.1)
    assert all(group.unanswered.count == 0 for group in facts.services.groups)


def test_unanswered_when_the_server_goes_away() -> None:
    facts = talk(*START, (1, "c", query(b"SELECT SLEEP(9)")), (9, "c", command(14)), (20, "c", command(14)), port=3306)
    assert groups(facts)["SELECT"].unanswered.frames == (7,)


@pytest.mark.parametrize("noise", [packet(0, b"\x77secret"), packet(0, b""), b"\1\0\0\0\0"])
def test_commands_that_are_none_lose_the_step_until_the_next_one(noise: bytes) -> None:
    facts = mysql((1, "c", noise), (1.1, "s", packet(99, b"?")), (2, "c", command(14)), (2.1, "s", ok()))
    assert counts(facts) == {**LOGIN, "COM_PING": (1, 1, {})}


def test_numbers_that_do_not_follow_lose_the_step() -> None:
    facts = mysql(
        (1, "c", query(b"SELECT 1")),
        (1.1, "s", packet(1, b"\1") + packet(9, b"\2")),
        (1.2, "s", packet(33, b"?")),
        (2, "c", command(14)),
        (2.1, "s", ok()),
    )
    assert counts(facts) == {**LOGIN, "SELECT": (1, 1, {}), "COM_PING": (1, 1, {})}


def test_a_greeting_of_something_else_is_given_up() -> None:
    facts = talk((0.1, "s", GREETING), (0.2, "c", packet(0, b"\x77" * 40)), (0.3, "s", b"x" * 40), port=7777)
    assert facts.services.requests == 0
    assert facts.conversations[0].application == ""


def test_tiny_packets() -> None:
    facts = mysql(
        (1, "c", query(b"")), (1.1, "s", packet(1, b"")), (2, "c", command(14)), (2.1, "s", packet(1, b"\xff"))
    )
    assert counts(facts) == {**LOGIN, "other": (1, 1, {}), "COM_PING": (1, 1, {})}
    old = talk((0.1, "s", GREETING), (0.2, "c", packet(1, b"ab")), (0.3, "s", ok(2)), port=3306)
    assert counts(old) == LOGIN


@needs_pcaps
def test_public_captures() -> None:
    folder = "zeek/testing__btest__Traces__mysql__"
    assert counts(shared_facts(f"{folder}auth.pcap"))["login"] == (10, 10, {"1045": 9})
    assert counts(shared_facts(f"{folder}auth.pcap"))[""] == (0, 3, {"1130": 3})
    assert counts(shared_facts(f"{folder}change-user-error.pcap"))["COM_CHANGE_USER"] == (1, 1, {"1045": 1})
    assert counts(shared_facts(f"{folder}many-query-attrs.pcap"))["COM_FIELD_LIST"] == (38, 38, {})
    for name in ("encrypted.pcap", "tls-12-amazon-rds.pcap"):
        assert shared_facts(folder + name).tls.server_hellos == 1
