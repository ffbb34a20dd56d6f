"""Services in what hardly any capture has: too much of one thing, and messages that come when they should not."""

import pytest

from tests.unit.analysis.talks import Segment, counts, groups, talk
from tests.unit.analysis.test_kafka import HEARTBEAT, METADATA, kafka, request, response, short
from tests.unit.analysis.test_postgresql import (
    BIND,
    EXECUTE,
    FLUSH,
    HELLO,
    READY,
    SSL,
    SYNC,
    done,
    message,
    parse,
    postgresql,
    query,
    startup,
)
from tests.unit.analysis.test_redis import ask, redis
from workers.analysis.sql import verb


@pytest.mark.parametrize("word", ["S" * 32, "S" * 33, "SELECTS", "SELEC"])
def test_what_is_no_word_of_the_protocol_is_other(word: str) -> None:
    assert verb(word.encode() + b" 1") == "other"
    assert counts(redis((0.1, "c", ask(word.encode())), (0.2, "s", b"+OK\r\n"))) == {"other": (1, 1, {})}


def test_answers_beyond_those_kept_on_the_timeline_are_thinned() -> None:
    said = []
    for number in range(30):
        said += [(number, "c", ask(b"PING") * 100), (number + 0.5, "s", b"+PONG\r\n" * 100)]
    facts = redis(*said)
    assert counts(facts) == {"PING": (3_000, 3_000, {})}
    told = [at - facts.first_at for at, _, kind in facts.timeline.latency if kind == "redis"]
    assert 700 < len(told) <= 752
    assert sum(at < 15 for at in told) / len(told) == pytest.approx(0.5, abs=0.01)


def test_bytes_to_be_skipped_when_the_protocol_was_given_up_are_nobodys() -> None:
    """The client's do not add up while the server is amidst a long row."""
    facts = talk(
        (0.1, "c", startup()),
        (0.2, "s", message("D", bytes(900))[:500]),
        (0.3, "c", b"what is no message at all"),
        (0.4, "s", bytes(404)),
        (0.5, "s", bytes(10)),
        port=6432,
    )
    assert (facts.services.requests, facts.conversations[0].application) == (0, "")


def test_a_unit_that_was_ready_before_its_sync_is_not_taken_for_the_next_request() -> None:
    facts = postgresql(
        (1.0, "c", parse(b"SELECT 1") + BIND + EXECUTE + FLUSH),
        (1.1, "s", message("1") + message("2") + done(b"SELECT 1")),
        (1.2, "c", SYNC),
        (1.3, "c", query(b"UPDATE t SET a = 1")),
        (1.4, "s", done(b"UPDATE 1")),
    )
    assert counts(facts) == {"startup": (1, 1, {}), "SELECT": (1, 1, {}), "UPDATE": (1, 1, {})}


def test_an_answer_about_encryption_whose_request_fell_into_a_gap() -> None:
    facts = talk(
        (0.1, "c", SSL),
        (0.2, "C", bytes(9)),
        (0.3, "c", startup()),
        (0.4, "s", b"N"),
        (0.5, "c", query(b"SELECT 1")),
        (0.6, "s", HELLO),
        (0.7, "c", query(b"SELECT 1")),
        (0.8, "s", READY),
        port=6432,
    )
    assert counts(facts)["ssl-request"] == (1, 0, {})
    assert counts(facts)["SELECT"] == (2, 2, {})


def test_requests_that_always_overlap_stay_in_their_order() -> None:
    """The places of those that are over are taken again."""
    said: list[Segment] = [(0, "c", ask(b"PING"))]
    replies = [b"+PONG\r\n", *[b"$1\r\nv\r\n", b"-ERR no\r\n"] * 1_500]
    for number in range(30):
        said.append((number + 0.1, "c", (ask(b"GET", b"k") + ask(b"SET", b"k", b"v")) * 50))
        said.append((number + 0.5, "s", b"".join(replies[100 * number : 100 * number + 100])))
    facts = redis(*said, (40, "s", replies[-1]))
    assert counts(facts) == {"PING": (1, 1, {}), "GET": (1_500, 1_500, {}), "SET": (1_500, 1_500, {"ERR": 1_500})}
    assert groups(facts)["SET"].latency.max == pytest.approx(10.9)


def test_a_request_that_is_never_answered_stays_the_first_of_many() -> None:
    said: list[Segment] = [(0, "c", request(METADATA, 1, 7_000))]
    for number in range(0, 3_000, 100):
        said.append((number, "c", b"".join(request(HEARTBEAT, 1, number + one) for one in range(100))))
        failed = (response(number + one, bytes(4) + short(27 * (one & 1))) for one in range(100))
        said.append((number + 0.5, "s", b"".join(failed)))
    facts = kafka(*said)
    assert counts(facts) == {
        "Metadata": (1, 0, {}),
        "Heartbeat": (3_000, 3_000, {"REBALANCE_IN_PROGRESS": 1_500}),
    }
    assert groups(facts)["Metadata"].unanswered.frames == (4,)


def test_numbers_beyond_those_remembered_are_not_waited_for() -> None:
    every = range(1_030)
    facts = kafka(
        (0.1, "c", b"".join(request(METADATA, 1, number) for number in every)),
        (0.2, "c", request(HEARTBEAT, 1, 1_029)),
        (0.3, "s", b"".join(response(number) for number in (*every, 1_029))),
        (5, "c", request(METADATA, 1, 1_029)),
        (5.1, "s", response(1_029)),
    )
    assert counts(facts) == {"Metadata": (1_031, 1_025, {}), "Heartbeat": (1, 0, {})}
    assert groups(facts)["Metadata"].unanswered.count == 0
