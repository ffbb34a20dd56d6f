"""Kafka: requests and responses by correlation id, and the error codes near a response's beginning."""

import struct

import pytest

from tests.unit.analysis.talks import Segment, conversation, counts, groups, talk
from workers.analysis.kafka_names import error as error_name
from workers.contract.facts import Facts

PRODUCE, FETCH, LIST_OFFSETS, METADATA, COMMIT, COORDINATOR, JOIN, HEARTBEAT = 0, 1, 2, 3, 8, 10, 11, 12
SASL_HANDSHAKE, API_VERSIONS, INIT_PRODUCER, SASL, DESCRIBE_CLUSTER = 17, 18, 22, 36, 60


def request(key: int, version: int, number: int, body: bytes = b"", client: bytes | None = b"shop-1") -> bytes:
    """A request with its header; flexible ones hold their tags in the body."""
    name = struct.pack(">h", -1) if client is None else struct.pack(">h", len(client)) + client
    whole = struct.pack(">HHi", key, version, number) + name + body
    return struct.pack(">I", len(whole)) + whole


def response(number: int, body: bytes = bytes(8)) -> bytes:
    """A response with its header."""
    return struct.pack(">Ii", 4 + len(body), number) + body


def short(value: int) -> bytes:
    """An error code."""
    return struct.pack(">h", value)


def partition(code: int, topic: bytes = b"secret-topic", *, compact: bool = False) -> bytes:
    """An array of one topic with one partition."""
    if compact:
        return b"\2" + bytes([len(topic) + 1]) + topic + b"\2" + bytes(4) + short(code) + bytes(20)
    return struct.pack(">ih", 1, len(topic)) + topic + struct.pack(">ii", 1, 0) + short(code) + bytes(20)


def kafka(*segments: Segment, port: int = 9092, handshake: bool = True) -> Facts:
    """Facts of a conversation."""
    return talk(*segments, port=port, handshake=handshake)


def test_responses_are_paired_by_correlation_id() -> None:
    facts = kafka(
        (0.1, "c", request(API_VERSIONS, 3, 1, b"\0\x05java\x021\0")),
        (0.2, "s", response(1)),
        (1.0, "c", request(PRODUCE, 7, 2, short(-1) + short(1) + b"secret" * 900)[:1000]),
        (1.1, "c", request(PRODUCE, 7, 2, short(-1) + short(1) + b"secret" * 900)[1000:]),
        (1.2, "c", request(METADATA, 5, 3)),
        (1.5, "s", response(3, bytes(3000))[:1000]),
        (1.6, "s", response(3, bytes(3000))[1000:] + response(2, partition(0))[:6]),
        (1.7, "s", response(2, partition(0))[6:]),
        port=19092,
    )
    assert counts(facts) == {"ApiVersions": (1, 1, {}), "Produce": (1, 1, {}), "Metadata": (1, 1, {})}
    assert groups(facts)["Produce"].latency.max == pytest.approx(0.5)
    assert groups(facts)["Metadata"].latency.max == pytest.approx(0.3)
    assert groups(facts)["Metadata"].slowest_frame == 9
    assert groups(facts)["Metadata"].protocol == "kafka"
    assert "secret" not in repr(facts)


def test_produce_without_acks_is_not_answered() -> None:
    facts = kafka(
        (0.1, "c", request(PRODUCE, 2, 1, short(0) + bytes(40))),
        (0.2, "c", request(PRODUCE, 7, 2, short(2) + b"tx" + short(0) + bytes(40))),
        (0.3, "c", request(PRODUCE, 9, 3, b"\0\0" + short(0) + bytes(40))),
        (0.4, "c", request(PRODUCE, 9, 4, b"\0\3tx" + short(0) + bytes(40))),
        (9.0, "c", request(PRODUCE, 9, 5, b"\1\0" + short(0) + bytes(40))),
        (9.1, "s", response(5)),
    )
    assert counts(facts) == {"Produce": (5, 1, {})}
    assert groups(facts)["Produce"].unanswered.count == 0


THROTTLE = bytes(4)


@pytest.mark.parametrize(
    ("key", "version", "body", "name"),
    [
        (API_VERSIONS, 3, short(35), "UNSUPPORTED_VERSION"),
        (FETCH, 11, THROTTLE + short(6), "NOT_LEADER_OR_FOLLOWER"),
        (FETCH, 12, b"\0" + THROTTLE + short(71), "INVALID_FETCH_SESSION_EPOCH"),
        (FETCH, 4, THROTTLE + short(6), ""),
        (COORDINATOR, 0, short(15), "COORDINATOR_NOT_AVAILABLE"),
        (COORDINATOR, 4, b"\0" + THROTTLE + short(15), ""),
        (JOIN, 5, THROTTLE + short(79), "MEMBER_ID_REQUIRED"),
        (HEARTBEAT, 0, short(27), "REBALANCE_IN_PROGRESS"),
        (HEARTBEAT, 3, THROTTLE + short(16), "NOT_COORDINATOR"),
        (HEARTBEAT, 4, b"\0" + THROTTLE + short(25), "UNKNOWN_MEMBER_ID"),
        (HEARTBEAT, 4, b"\1\0\0" + THROTTLE + short(25), ""),
        (SASL_HANDSHAKE, 1, short(33), "UNSUPPORTED_SASL_MECHANISM"),
        (SASL, 2, b"\0" + short(58), "SASL_AUTHENTICATION_FAILED"),
        (INIT_PRODUCER, 1, THROTTLE + short(51), "CONCURRENT_TRANSACTIONS"),
        (DESCRIBE_CLUSTER, 0, b"\0" + THROTTLE + short(31), "CLUSTER_AUTHORIZATION_FAILED"),
        (PRODUCE, 3, partition(10), "MESSAGE_TOO_LARGE"),
        (PRODUCE, 9, b"\0" + partition(3, compact=True), "UNKNOWN_TOPIC_OR_PARTITION"),
        (PRODUCE, 3, struct.pack(">i", 0), ""),
        (PRODUCE, 3, struct.pack(">ih", 1, 200), ""),
        (PRODUCE, 9, b"\0\xff\xff\xff\xff\xff\xff", ""),
        (PRODUCE, 9, b"\0\x82", ""),
        (LIST_OFFSETS, 5, THROTTLE + partition(74), "FENCED_LEADER_EPOCH"),
        (COMMIT, 8, b"\0" + THROTTLE + partition(22, compact=True), "ILLEGAL_GENERATION"),
        (HEARTBEAT, 1, THROTTLE + short(-1), "UNKNOWN_SERVER_ERROR"),
        (HEARTBEAT, 1, THROTTLE + short(2000), "error 2000"),
        (HEARTBEAT, 1, THROTTLE + short(0), ""),
        (HEARTBEAT, 1, THROTTLE, ""),
        (METADATA, 1, bytes(20), ""),
    ],
)
def test_errors_near_the_beginning(key: int, version: int, body: bytes, name: str) -> None:
    produce = (b"\0\0" if version >= 9 else short(-1)) + short(1) if key == PRODUCE else b""
    facts = kafka((0.1, "c", request(key, version, 77, produce)), (0.2, "s", response(77, body)))
    (group,) = facts.services.groups
    assert group.errors == ({name: 1} if name else {})
    assert group.failed.count == bool(name)


def test_error_names() -> None:
    known = {
        -1: "UNKNOWN_SERVER_ERROR",
        3: "UNKNOWN_TOPIC_OR_PARTITION",
        41: "NOT_CONTROLLER",
        56: "KAFKA_STORAGE_ERROR",
    }
    known |= {76: "UNSUPPORTED_COMPRESSION_TYPE", 89: "THROTTLING_QUOTA_EXCEEDED", 113: "STALE_MEMBER_EPOCH"}
    assert {code: error_name(code) for code in (*known, 114, -2)} == known | {114: "error 114", -2: "error -2"}


def test_client_id_may_be_missing_on_its_port() -> None:
    facts = kafka((0.1, "c", request(METADATA, 1, -5, client=None)), (0.2, "s", response(-5)))
    assert counts(facts) == {"Metadata": (1, 1, {})}
    assert kafka((0.1, "c", request(METADATA, 1, 1, client=None)), port=1).services.requests == 0


def test_what_begins_like_kafka_is_given_up() -> None:
    zookeeper = struct.pack(">IIQIQI", 44, 0, 0, 30_000, 0, 16) + bytes(16)
    assert kafka((0.1, "c", zookeeper), (0.2, "s", struct.pack(">I", 36) + bytes(36)), port=2181).services.requests == 0
    facts = kafka((0.1, "c", request(METADATA, 1, 7)), *[(0.2 + n, "s", response(n + 20)) for n in range(6)], port=1)
    assert facts.services.requests == 0
    assert facts.conversations[0].application == ""
    facts = kafka((0.1, "c", request(METADATA, 1, 7)), (0.2, "c", b"\xff" * 20), (0.3, "s", response(7)), port=1)
    assert facts.services.requests == 0


def test_many_requests_at_once() -> None:
    asks = b"".join(request(METADATA, 1, number) for number in range(7))
    facts = kafka((0.1, "c", asks), (0.2, "s", b"".join(response(number) for number in range(7))), port=1)
    assert counts(facts) == {"Metadata": (7, 7, {})}
    assert kafka((0.1, "c", request(METADATA, 1, 1) + request(99, 1, 1)), port=1).services.requests == 0
    assert kafka((0.1, "c", request(METADATA, 1, 1, client=b"\xff\xfe"))).services.requests == 0


def test_produce_cut_before_its_acks_is_waited_for() -> None:
    sent: tuple[Segment, ...] = ((0.1, "c", request(PRODUCE, 7, 1, bytes(90))), (0.2, "s", response(1)))
    assert counts(conversation(*sent, port=9092, snaplen=75).facts()) == {"Produce": (1, 1, {})}


@pytest.mark.parametrize(
    "first", [b"\0\0\0\5abcdefghijkl", request(99, 1, 1), request(3, 99, 1), request(3, 1, 1)[:13]]
)
def test_what_is_no_request(first: bytes) -> None:
    assert kafka((0.1, "c", first), (0.2, "s", response(1))).services.requests == 0


def test_the_same_number_twice_and_responses_to_none() -> None:
    facts = kafka(
        (0.1, "c", request(FETCH, 4, 1)),
        (0.2, "c", request(FETCH, 4, 1)),
        (0.3, "s", response(1)),
        (0.4, "s", response(1)),
    )
    assert counts(facts) == {"Fetch": (2, 1, {}), "": (0, 1, {})}
    assert any("no longer waited for" in sentence for sentence in facts.approximations)


def test_gaps_on_both_sides() -> None:
    facts = kafka(
        (0.1, "c", request(FETCH, 4, 1) + request(FETCH, 4, 2)),
        (0.2, "s", response(1, bytes(2000))[:400]),
        (0.3, "S", bytes(900)),
        (0.4, "s", bytes(2008 - 1300)),
        (0.5, "C", request(HEARTBEAT, 1, 3)),
        (0.6, "S", response(3)),
        (0.7, "c", request(METADATA, 1, 4)),
        (0.8, "s", response(2)),
        (0.9, "s", response(4)),
        (20, "c", request(HEARTBEAT, 1, 9)),
        (29, "c", request(HEARTBEAT, 1, 10)),
    )
    found = counts(facts)
    assert (found["Fetch"], found["Metadata"]) == ((2, 2, {}), (1, 1, {}))
    assert groups(facts)["Heartbeat"].unanswered.count == 1


def test_behind_a_gap_only_a_response_that_is_waited_for_begins_again() -> None:
    facts = kafka(
        (0.1, "c", request(FETCH, 4, 1)),
        (0.2, "s", response(1)),
        (0.3, "c", request(FETCH, 4, 2)),
        (0.4, "s", b"\0\0\0\0junk"),
        (0.5, "s", response(77)),
        (0.6, "s", b"abc"),
        (0.7, "s", response(2)),
        (0.8, "c", b"\xffjunk that is no request"),
        (0.9, "c", request(METADATA, 1, 3)),
        (1.0, "s", response(3)),
    )
    assert counts(facts) == {"Fetch": (2, 2, {}), "Metadata": (1, 1, {})}


def test_a_capture_that_begins_in_the_middle_and_one_side_only() -> None:
    segments: tuple[Segment, ...] = (
        (0.1, "s", response(6)),
        (0.2, "c", request(FETCH, 4, 8)),
        (0.3, "s", response(7)),
        (0.4, "s", response(8)),
    )
    assert counts(kafka(*segments, handshake=False)) == {"Fetch": (1, 1, {}), "": (0, 1, {})}
    asked = [segment for segment in segments if segment[1] == "c"]
    facts = conversation(*asked, port=9092, handshake=False).add(5, bytes(60)).facts()
    assert counts(facts) == {"Fetch": (1, 0, {})}
    assert groups(facts)["Fetch"].unanswered.count == 0


def test_cut_by_the_snaplen_names_are_still_there() -> None:
    segments: tuple[Segment, ...] = (
        (0.1, "c", request(PRODUCE, 7, 1, short(-1) * 300)),
        (0.2, "s", response(1, bytes(600))),
        (0.3, "c", request(FETCH, 7, 2, bytes(600))),
        (0.5, "s", response(2, bytes(600))),
    )
    facts = conversation(*segments, port=9092, snaplen=96).facts()
    assert counts(facts) == {"Produce": (1, 1, {}), "Fetch": (1, 1, {})}
    assert groups(facts)["Fetch"].latency.max == pytest.approx(0.2)
