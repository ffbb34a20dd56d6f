"""Redis: commands and replies are paired in order, at any depth; values are skipped and never kept."""

import pytest

from tests.unit.analysis.captures import ACK, PSH, Pcap, Tcp, needs_pcaps, shared_facts
from tests.unit.analysis.talks import Segment, conversation, counts, groups, talk
from workers.analysis.redis_commands import command, error
from workers.contract.facts import Facts


def ask(*words: bytes) -> bytes:
    """A command as an array of strings."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def redis(*segments: Segment, port: int = 6379) -> Facts:
    """Facts of a conversation on Redis' port."""
    return talk(*segments, port=port)


def test_latency_is_from_the_end_of_the_command_to_the_first_byte_of_the_reply() -> None:
    facts = redis(
        (0.1, "c", ask(b"set", b"key", b"v" * 4000)[:1400]),
        (0.2, "c", ask(b"set", b"key", b"v" * 4000)[1400:]),
        (0.5, "s", b"+O"),
        (0.9, "s", b"K\r\n"),
        (1.0, "c", ask(b"GET", b"key")),
        (1.1, "s", b"$4000\r\n" + b"v" * 1000),
        (1.2, "s", b"v" * 3000 + b"\r\n"),
    )
    group = groups(facts)["SET"]
    assert (group.protocol, group.server, group.server_port) == ("redis", "198.18.0.2", 6379)
    assert group.latency.max == pytest.approx(0.3)
    assert group.slowest_frame == 7
    assert group.requests.frames == (4,)
    assert groups(facts)["GET"].latency.max == pytest.approx(0.1)
    assert facts.conversations[0].application == "redis"
    assert facts.services.protocols == {"redis": 2}
    assert (facts.services.requests, facts.services.responses) == (2, 2)


def test_pipelined_commands_on_another_port() -> None:
    facts = redis(
        (0.1, "c", ask(b"PING") + ask(b"INCR", b"n") + ask(b"LPOP", b"list") + ask(b"EXISTS", b"x")),
        (0.2, "s", b"+PONG\r\n:7\r\n-WRONGTYPE Operation against a key holding secret\r\n:0\r\n"),
        port=7777,
    )
    assert counts(facts) == {
        "LPOP": (1, 1, {"WRONGTYPE": 1}),
        "PING": (1, 1, {}),
        "INCR": (1, 1, {}),
        "EXISTS": (1, 1, {}),
    }
    assert groups(facts)["LPOP"].failed.frames == (5,)
    assert "secret" not in repr(facts)


@pytest.mark.parametrize(
    "reply",
    [
        b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"_\r\n", b"#t\r\n", b",3.14\r\n",
        b"(3492890328409238509324850943850943825\r\n",
        b"=7\r\ntxt:abc\r\n", b"*2\r\n$1\r\na\r\n*3\r\n:1\r\n+x\r\n$0\r\n\r\n", b"%1\r\n+a\r\n:1\r\n",
        b"~2\r\n:1\r\n:2\r\n", b"|1\r\n+ttl\r\n:3600\r\n*1\r\n:5\r\n",
    ],
)  # fmt: skip
def test_every_kind_of_reply_is_one_reply(reply: bytes) -> None:
    facts = redis((0.1, "c", ask(b"GET", b"k") + ask(b"PING")), (0.2, "s", reply), (0.3, "s", b"+PONG\r\n"))
    assert counts(facts) == {"GET": (1, 1, {}), "PING": (1, 1, {})}
    assert groups(facts)["PING"].latency.max == pytest.approx(0.2)


def test_errors_of_any_shape() -> None:
    facts = redis(
        (0.1, "c", ask(b"EVAL", b"x") + ask(b"GET", b"k") + ask(b"EXEC") + ask(b"GET", b"z")),
        (0.2, "s", b"-MYERR made up\r\n!21\r\nSYNTAX invalid syntax\r\n*2\r\n+OK\r\n-MOVED 1 198.18.0.9:1\r\n"),
        (0.3, "s", b"!10\r\nERR sorry!\r\n"),
    )
    assert counts(facts) == {
        "EVAL": (1, 1, {"other": 1}),
        "GET": (2, 2, {"other": 1, "ERR": 1}),
        "EXEC": (1, 1, {"MOVED": 1}),
    }


def test_inline_commands_on_its_port() -> None:
    facts = redis(
        (0.1, "c", b"PING hello there\r\n"), (0.2, "s", b"$11\r\nhello there\r\n"), (0.3, "c", b"\r\nQUIT\r\n")
    )
    assert counts(facts) == {"PING": (1, 1, {}), "QUIT": (1, 0, {})}
    assert facts.services.requests == 2


def test_subscriptions_answer_nothing_further() -> None:
    message = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
    facts = redis(
        (0.1, "c", ask(b"SUBSCRIBE", b"c")),
        (0.2, "s", b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"),
        (5.0, "s", message),
        (6.0, "c", ask(b"PING")),
        (6.1, "s", b"*2\r\n$4\r\npong\r\n$0\r\n\r\n" + message),
    )
    assert counts(facts) == {"SUBSCRIBE": (1, 1, {}), "PING": (1, 0, {})}
    assert all(group.unanswered.count == 0 for group in facts.services.groups)


def test_pushes_of_resp3_are_no_replies() -> None:
    push = b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n"
    facts = redis(
        (0.1, "c", ask(b"HELLO", b"3")),
        (0.2, "s", b"%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n"),
        (0.3, "c", ask(b"SUBSCRIBE", b"c") + ask(b"GET", b"k")),
        (0.4, "s", b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n" + push + b"$1\r\nv\r\n" + push),
        (0.5, "c", ask(b"GET", b"k")),
        (0.7, "s", push + b"$1\r\nv\r\n"),
    )
    assert counts(facts) == {"HELLO": (1, 1, {}), "SUBSCRIBE": (1, 1, {}), "GET": (2, 2, {})}
    assert groups(facts)["GET"].latency.max == pytest.approx(0.2)


def test_a_replica_is_not_read() -> None:
    facts = redis(
        (0.1, "c", ask(b"PSYNC", b"?", b"-1")),
        (0.2, "s", b"+FULLRESYNC 8de1787ba490483314a4d30f1c628bc5025eb761 0\r\n"),
        (0.3, "s", b"$5\r\nREDIS" + ask(b"SET", b"a", b"b")),
        (0.4, "c", ask(b"REPLCONF", b"ACK", b"5")),
        (9.0, "s", ask(b"PING")),
    )
    assert counts(facts) == {"PSYNC": (1, 0, {})}
    assert groups(facts)["PSYNC"].unanswered.count == 0


def test_shutdown_is_not_answered_but_the_conversation_goes_on() -> None:
    facts = redis((0.1, "c", ask(b"SHUTDOWN") + ask(b"PING")), (0.2, "s", b"+PONG\r\n"))
    assert counts(facts) == {"SHUTDOWN": (1, 0, {}), "PING": (1, 1, {})}


def test_silence_is_told_when_it_had_time() -> None:
    young = conversation((0.1, "c", ask(b"GET", b"k")), port=6379).facts()
    assert young.counts["services_unjudged"] == 1
    assert groups(young)["GET"].unanswered.count == 0
    late = conversation((0.1, "c", ask(b"GET", b"k")), port=6379).add(2, bytes(60)).facts()
    assert groups(late)["GET"].unanswered.frames == (4,)


def test_a_value_with_a_hole_keeps_the_step() -> None:
    facts = redis(
        (0.1, "c", ask(b"GET", b"k")),
        (0.2, "s", b"$3000\r\n" + bytes(1000)),
        (0.3, "S", bytes(1000)),
        (0.4, "s", bytes(1000) + b"\r\n"),
        (0.5, "c", ask(b"PING")),
        (0.6, "s", b"+PONG\r\n"),
    )
    assert counts(facts) == {"GET": (1, 1, {}), "PING": (1, 1, {})}
    assert facts.counts["services_unjudged"] == 0


def test_replies_in_a_gap_are_not_captured_and_the_next_one_is_paired() -> None:
    facts = redis(
        (0.1, "c", ask(b"PING")),
        (0.2, "s", b"+PONG\r\n"),
        (0.3, "c", ask(b"GET", b"a")),
        (0.4, "S", b"$1\r\nv\r\n"),
        (0.5, "c", ask(b"TTL", b"a")),
        (0.7, "s", b":12\r\n"),
    )
    assert counts(facts) == {"PING": (1, 1, {}), "GET": (1, 0, {}), "TTL": (1, 1, {})}
    assert groups(facts)["TTL"].latency.max == pytest.approx(0.2)
    assert any("responses of services in gaps" in sentence for sentence in facts.approximations)


def test_commands_in_a_gap_leave_their_replies_alone() -> None:
    facts = redis(
        (0.1, "c", ask(b"PING")),
        (0.2, "s", b"+PONG\r\n"),
        (0.3, "C", ask(b"GET", b"a")),
        (0.4, "s", b"$1\r\nv\r\n"),
        (0.5, "c", ask(b"TTL", b"a")),
        (0.7, "s", b":12\r\n"),
    )
    assert counts(facts) == {"PING": (1, 1, {}), "": (0, 1, {}), "TTL": (1, 1, {})}
    assert groups(facts)["TTL"].latency.max == pytest.approx(0.2)


def test_a_gap_inside_a_reply_finds_back_in_at_the_next_one() -> None:
    facts = redis(
        (0.1, "c", ask(b"LRANGE", b"l", b"0", b"-1")),
        (0.2, "s", b"*3\r\n$1\r\na\r\n"),
        (0.3, "S", b"$1\r\nb\r\n"),
        (0.4, "s", b"junk that is no reply"),
        (0.5, "c", ask(b"PING")),
        (0.6, "s", b"+PONG\r\n"),
    )
    assert counts(facts)["PING"] == (1, 1, {})
    assert counts(facts)["LRANGE"] == (1, 1, {})


def test_a_capture_that_begins_in_the_middle() -> None:
    facts = talk(
        (0.1, "s", b"v" * 100 + b"\r\n"),
        (0.2, "c", ask(b"GET", b"k")),
        (0.3, "s", b"$1\r\nv\r\n"),
        port=6379,
        handshake=False,
    )
    assert counts(facts) == {"GET": (1, 1, {})}


def test_one_side_only() -> None:
    asked = talk((0.1, "c", ask(b"GET", b"k")), (3, "c", ask(b"PING")), port=6379, handshake=False)
    assert counts(asked) == {"GET": (1, 0, {}), "PING": (1, 0, {})}
    assert all(group.unanswered.count == 0 for group in asked.services.groups)
    answered = talk((0.1, "s", b"+OK\r\n"), (3, "s", b"-LOADING wait\r\n"), port=6379, handshake=False)
    assert counts(answered) == {"": (0, 2, {"LOADING": 1})}


@pytest.mark.parametrize(
    "first",
    [
        b"*1\r\n$4\r\nNOPE\r\n",
        b"*2\r\n$3\r\nGET\r\n$x\r\n",
        b"*1\r\n+PING\r\n",
        b"* not redis at all\r\n",
        b"*1\r\n$-1\r\n",
    ],
)
def test_what_only_looks_like_redis_is_given_up(first: bytes) -> None:
    facts = redis((0.1, "c", first), (0.2, "s", b"220 hello\r\n"), (0.3, "c", b"EHLO a\r\n"), port=7777)
    assert facts.services.requests == 0
    assert facts.conversations[0].application == ""


def test_a_server_that_does_not_reply_in_resp_is_given_up() -> None:
    facts = redis((0.1, "c", ask(b"GET", b"k")), (0.2, "s", b"500 what?\r\n"), (3, "c", ask(b"GET", b"k")), port=7777)
    assert facts.services.requests == 0
    assert facts.conversations[0].application == ""


@pytest.mark.parametrize(
    "noise",
    [b"$12x\r\n", b"*" + b"1" * 300, b"*9999999999999999\r\n", b"FOO bar\r\n", b"$5\r\n"],
)
def test_noise_within_a_conversation_is_passed_over(noise: bytes) -> None:
    facts = redis(
        (0.1, "c", ask(b"PING")),
        (0.2, "s", b"+PONG\r\n"),
        (0.3, "c", noise),
        (0.4, "s", b"?" + noise),
        (0.5, "c", ask(b"PING")),
        (0.6, "s", b"+PONG\r\n"),
    )
    assert counts(facts)["PING"] == (2, 2, {})


@pytest.mark.parametrize("noise", [b"$12x\r\n", b"*\r\n", b"!two\r\n"])
def test_a_reply_of_no_length_is_passed_over(noise: bytes) -> None:
    facts = redis(
        (0.1, "c", ask(b"PING")),
        (0.2, "s", b"+PONG\r\n"),
        (0.3, "c", ask(b"GET", b"k") + ask(b"TTL", b"k")),
        (0.4, "s", noise),
        (0.5, "s", b":1\r\n"),
    )
    assert counts(facts) == {"PING": (1, 1, {}), "GET": (1, 0, {}), "TTL": (1, 1, {})}


def test_empty_arrays_and_unknown_commands() -> None:
    facts = redis((0.1, "c", ask(b"PING") + b"*0\r\n" + ask(b"JSON.GET", b"k")), (0.2, "s", b"+PONG\r\n$-1\r\n"))
    assert counts(facts) == {"PING": (1, 1, {}), "other": (1, 1, {})}


def test_a_long_status_line_is_one_reply() -> None:
    line = b"+" + b"x" * 5000
    facts = redis((0.1, "c", ask(b"INFO") + ask(b"PING")), (0.2, "s", line), (0.3, "s", line + b"\r\n+PONG\r\n"))
    assert counts(facts) == {"INFO": (1, 1, {}), "PING": (1, 1, {})}


def test_command_name_over_two_segments() -> None:
    whole = ask(b"PING") + ask(b"GETRANGE", b"k", b"0", b"1")
    facts = redis((0.1, "c", whole[:23]), (0.2, "c", whole[23:]), (0.3, "s", b"+PONG\r\n$2\r\nab\r\n"))
    assert counts(facts) == {"PING": (1, 1, {}), "GETRANGE": (1, 1, {})}


@pytest.mark.parametrize("missing", [2, 6])
def test_command_name_with_a_hole_is_some_command(missing: int) -> None:
    whole = ask(b"PING") + ask(b"GETRANGE", b"k", b"0", b"1")
    facts = redis(
        (0.1, "c", whole[:26]),
        (0.2, "C", whole[26 : 26 + missing]),
        (0.3, "s", b"+PONG\r\n"),
        (0.4, "c", whole[26 + missing :]),
        (0.5, "s", b"$2\r\nab\r\n"),
    )
    assert counts(facts) == {"PING": (1, 1, {}), "other": (1, 1, {})}


def test_monitor_goes_on_without_requests() -> None:
    facts = redis((0.1, "c", ask(b"MONITOR")), (0.2, "s", b"+OK\r\n"), (1, "s", b'+1700000000.1 [0 x] "GET" "k"\r\n'))
    assert counts(facts) == {"MONITOR": (1, 1, {})}


def test_words_are_those_of_redis() -> None:
    assert (command(b"hgetall"), command(b"\xff\x00")) == ("HGETALL", "other")
    assert (error(b"NOAUTH Authentication required."), error(b"secret")) == ("NOAUTH", "other")


@needs_pcaps
def test_public_captures() -> None:
    pings = shared_facts("zeek/testing__btest__Traces__pop3__redis-50-pings.pcap")
    assert counts(pings)["PING"] == (50, 50, {})
    cloud = shared_facts("zeek/testing__btest__Traces__redis__django-cloud.pcapng")
    assert counts(cloud) == {"SET": (152, 152, {}), "GET": (6, 6, {})}


def test_segments_that_wait_for_a_lost_one_keep_their_pairs() -> None:
    pcap, words = Pcap(), [ask(b"GET", b"a"), ask(b"TTL", b"b")]
    tcp = Tcp(pcap, server_port=6379).handshake()
    tcp.send(0.1, "c", PSH | ACK, 1 + len(words[0]), 1, words[1]).send(0.2, "c", PSH | ACK, 1, 1, words[0])
    tcp.send(0.3, "s", PSH | ACK, 1, 1 + len(b"".join(words)), b"$1\r\nx\r\n:-1\r\n")
    assert counts(pcap.facts()) == {"GET": (1, 1, {}), "TTL": (1, 1, {})}
