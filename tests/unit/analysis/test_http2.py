"""HTTP/2 and gRPC in the clear, told as transactions; what the capture does not hold is told as not visible."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.analysis.captures import ACK, FIN, PSH, Pcap, Tcp, analyse
from tests.unit.analysis.h2 import (
    CONTINUATION,
    DATA,
    GOAWAY,
    GRPC,
    HEADERS,
    PING,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    Peer,
    Talk,
    data,
    frame,
)
from tests.unit.analysis.oracle import tshark
from workers.analysis import Analyser, http2
from workers.contract.codec import decode, encode
from workers.contract.facts import Facts, HttpGroup
from workers.contract.facts_http import HIDDEN, Goaway

LAST = 5.0
"""Late enough that silence before it is judged."""


def facts(talk: Talk) -> Facts:
    """Facts, the same in odd chunks."""
    capture = talk.pcap.bytes()
    told = analyse(capture)
    assert analyse(capture, *range(0, len(capture), 7)) == told
    assert analyse(capture, compiled=False) == told
    assert decode(Facts, encode(told)) == told
    return told


def groups(talk: Talk) -> dict[str, HttpGroup]:
    """Groups by path."""
    return {group.path: group for group in facts(talk).http.groups}


def test_a_request_and_its_response() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", client.get(1, "/pay?card=1#x", "shop:8080", ("cookie", "secret")))
    told = facts(talk.say(0.35, "s", server.response(1, 503, end=False), data(1, b"secret", end=True)))
    (group,) = told.http.groups
    assert (group.protocol, group.method, group.path, group.host) == ("h2", "GET", "/pay", "shop:8080")
    assert (group.statuses, group.errors.count, group.unanswered.count) == ({"503": 1}, 1, 0)
    assert group.latency.p50 == pytest.approx(0.25)
    assert (group.requests.frames, group.slowest_frame) == ((6,), 7)
    assert (told.http.requests, told.http.responses, told.http.statuses) == (1, 1, {"503": 1})
    assert (told.http.h2.connections, told.http.h2.begun_before, told.http.h2.hidden_headers) == (1, 0, 0)
    assert told.conversations[0].application == "http2"
    assert "secret" not in str(told)


def test_grpc_status_of_trailers_and_of_a_response_without_a_body() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin()
    for number, status in ((1, 0), (3, 14), (5, 99)):
        talk.say(number, "c", client.call(number, "/pay.Cards/Charge"))
        talk.say(number + 0.1, "s", server.result(number, status))
    talk.say(7, "c", client.call(7, "/pay.Cards/Charge"))
    talk.say(7.1, "s", server.headers(7, (":status", "200"), GRPC[0], ("grpc-status", "12"), end=True))
    told = facts(talk)
    (group,) = told.http.groups
    assert (group.protocol, group.method, group.path) == ("grpc", "POST", "/pay.Cards/Charge")
    assert group.grpc_statuses == {"OK": 1, "UNAVAILABLE": 1, "UNIMPLEMENTED": 1, "status 99": 1}
    assert (group.grpc_errors.count, group.statuses, group.latency.count) == (3, {"200": 4}, 4)
    assert told.conversations[0].application == "grpc"
    assert "secret" not in str(told)


def test_requests_at_once_are_told_apart() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", *(client.get(n, f"/{n}") for n in (1, 3, 5)))
    talk.say(0.2, "s", server.response(5)).say(0.3, "s", server.response(1)).say(LAST, "c", frame(PING, 0, bytes(8)))
    told = groups(talk)
    assert [told[f"/{n}"].latency.p50 for n in (1, 5)] == pytest.approx([0.2, 0.1])
    assert (told["/3"].unanswered.count, told["/3"].unanswered.frames) == (1, (6,))


def test_a_request_that_is_not_complete_need_not_be_answered() -> None:
    client = Peer()
    talk = Talk().begin().say(0.1, "c", client.headers(1, (":method", "POST"), (":path", "/watch"), *GRPC))
    told = facts(talk.say(LAST, "c", frame(PING, 0, bytes(8))))
    assert (told.http.groups[0].unanswered.count, told.counts["http_unjudged"]) == (0, 1)


def test_latency_counts_from_the_end_of_the_request() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", client.headers(1, (":method", "PUT"), (":path", "/a")))
    body = data(1, bytes(9_000), end=True)
    for at in range(0, len(body), 1_000):
        talk.say(0.2 + at / 10_000, "c", body[at : at + 1_000])
    assert groups(talk.say(1.5, "s", server.response(1)))["/a"].latency.p50 == pytest.approx(0.4)


def test_interim_responses_and_trailers_of_requests() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", client.headers(1, (":method", "PUT"), (":path", "/a")))
    talk.say(0.2, "s", server.response(1, 100, end=False))
    talk.say(0.3, "c", data(1, b"x"), client.headers(1, ("checksum", "1"), end=True))
    group = groups(talk.say(0.5, "s", server.response(1, 201)))["/a"]
    assert group.statuses == {"201": 1}
    assert group.latency.p50 == pytest.approx(0.2)


def test_padding_priority_and_continuation() -> None:
    client, server = Peer(), Peer()
    block = client.block((":method", "GET"), (":path", "/long"), ("x", "y" * 90))
    first = b"\x04" + struct.pack("!IB", 3, 15) + block[:10] + b"pad!"
    frames = frame(HEADERS, 1, first, 0x29), frame(CONTINUATION, 1, block[10:40]), frame(CONTINUATION, 1, b"")
    talk = Talk().begin().say(0.1, "c", *frames[:2]).say(0.2, "c", frames[2], frame(CONTINUATION, 1, block[40:], 4))
    assert groups(talk.say(0.5, "s", server.response(1)))["/long"].latency.p50 == pytest.approx(0.3)


def test_resets_and_goaway_by_name() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", *(client.get(n, f"/{n}") for n in (1, 3, 5, 7)))
    talk.say(0.2, "c", frame(RST_STREAM, 1, struct.pack("!I", 8)))
    talk.say(0.3, "s", frame(RST_STREAM, 3, struct.pack("!I", 7)))
    talk.say(0.4, "s", frame(GOAWAY, 0, struct.pack("!II", 5, 11) + b"too many"), frame(PING, 0, bytes(8)))
    talk.say(0.5, "s", server.response(5)).say(LAST, "c", frame(RST_STREAM, 5, struct.pack("!I", 0xABC)))
    told = facts(talk)
    by_path = {group.path: group for group in told.http.groups}
    assert {path: dict(group.resets) for path, group in by_path.items() if group.resets}.keys() == {"/1", "/3", "/7"}
    assert by_path["/1"].resets["CANCEL"].frames == (7,)
    assert by_path["/3"].resets["REFUSED_STREAM"].count == 1
    assert by_path["/7"].resets["GOAWAY"].frames == (9,)
    assert (by_path["/5"].statuses, by_path["/1"].unanswered.count) == ({"200": 1}, 0)
    assert told.http.h2.resets == {"CANCEL": 1, "REFUSED_STREAM": 1, "0xabc": 1}
    assert told.http.h2.goaways == (Goaway(1, 9, "server", "ENHANCE_YOUR_CALM", 5, 1),)


def test_a_connection_that_began_before_the_capture_hides_what_was_said_before() -> None:
    client, server = Peer(), Peer()
    client.call(1, "/pay.Cards/Charge"), server.response(1)
    talk = Talk(handshake=False)
    talk.say(0.1, "c", client.call(3, "/pay.Cards/Charge")).say(0.2, "s", server.result(3))
    talk.say(0.3, "c", client.call(5, "/pay.Cards/Refund")).say(0.4, "s", server.result(5, 14))
    talk.say(0.5, "c", client.call(7, "/pay.Cards/Refund")).say(0.6, "s", server.result(7, 14))
    told = facts(talk)
    by_path = {group.path: group for group in told.http.groups}
    assert by_path.keys() == {HIDDEN, "/pay.Cards/Refund"}
    assert (by_path[HIDDEN].requests.count, by_path[HIDDEN].method, by_path[HIDDEN].host) == (1, "POST", "")
    assert (by_path["/pay.Cards/Refund"].requests.count, by_path["/pay.Cards/Refund"].protocol) == (2, "h2")
    assert by_path["/pay.Cards/Refund"].grpc_statuses == {"UNAVAILABLE": 2}
    assert by_path[HIDDEN].grpc_statuses == {"OK": 1}
    assert (told.http.h2.begun_before, told.http.h2.connections) == (1, 1)
    assert any("HTTP/2 header blocks" in text for text in told.approximations)


def test_a_grpc_status_that_refers_to_an_earlier_one_is_not_guessed() -> None:
    client, server = Peer(), Peer()
    client.call(1, "/pay.Cards/Charge"), server.result(1, 14)
    for status in (14, 0):
        talk = Talk(handshake=False).say(0.1, "c", client.call(3, "/a.B/c")).say(0.2, "s", server.result(3, status))
        (group,) = facts(talk).http.groups
        assert (group.statuses, group.grpc_statuses, group.unanswered.count) == ({"200": 1}, {}, 0)


def test_a_gap_in_the_responses_is_no_silence() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", client.get(1, "/a"), client.get(3, "/b"))
    talk.lose("s", server.response(1)).say(0.2, "s", server.response(3, end=False), data(3, b"x", end=True))
    talk.tcp.send(0.3, "c", ACK, talk.sent["c"], talk.sent["s"])
    told = facts(talk.say(LAST, "c", client.get(5, "/c")))
    by_path = {group.path: group for group in told.http.groups}
    assert (by_path["/a"].unanswered.count, by_path["/b"].statuses) == (0, {"200": 1})
    assert any("in gaps of the capture" in text for text in told.approximations)


def test_a_gap_in_a_body_hides_nothing() -> None:
    client, server = Peer(), Peer()
    body = data(1, bytes(5_000), end=True)
    talk = Talk().begin().say(0.1, "c", client.get(1, "/a")).say(0.2, "s", server.response(1, end=False), body[:100])
    talk.lose("s", body[100:4_000]).say(0.3, "s", body[4_000:])
    talk.say(0.4, "c", client.get(3, "/b")).say(0.5, "s", server.response(3))
    told = facts(talk)
    assert {group.path: group.statuses for group in told.http.groups} == {"/a": {"200": 1}, "/b": {"200": 1}}
    assert told.http.h2.hidden_headers == 0


def test_headers_lost_in_a_gap_are_never_guessed() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", client.get(1, "/a")).say(0.2, "s", server.response(1))
    talk.lose("c", client.get(3, "/b")).say(0.4, "c", client.get(5, "/a"), frame(PING, 0, bytes(8)))
    talk.say(0.5, "c", client.get(7, "/b"), frame(PING, 0, bytes(8)))
    talk.say(0.7, "c", client.get(9, "/c"), frame(PING, 0, bytes(8)))
    for number in (5, 7, 9):
        talk.say(0.7 + number / 100, "s", server.response(number))
    assert {path: group.requests.count for path, group in groups(talk).items()} == {"/a": 1, HIDDEN: 2, "/c": 1}


@pytest.mark.parametrize("together", [True, False])
def test_upgrade_from_http_1(together: bool) -> None:
    client, server = Peer(), Peer()
    ask = b"GET /old HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    answer = frame(SETTINGS, 0, struct.pack("!HI", 3, 100)) + server.response(1, 204)
    talk = Talk(8080).say(0.1, "c", ask)
    talk = talk.say(0.2, "s", switch, answer) if together else talk.say(0.2, "s", switch).say(0.25, "s", answer)
    talk.say(0.3, "c", PREFACE, frame(SETTINGS, 0), client.get(3, "/new")).say(0.4, "s", server.response(3))
    told = facts(talk)
    assert {group.path: group.statuses for group in told.http.groups} == {
        "/old": {"101": 1, "204": 1},
        "/new": {"200": 1},
    }
    assert (told.http.h2.upgraded, told.http.h2.connections, told.http.h2.begun_before) == (1, 1, 0)


def test_a_pushed_stream_is_no_transaction_but_its_headers_count_for_later_ones() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", client.get(1, "/a"))
    promise = struct.pack("!I", 2) + server.block((":method", "GET"), (":path", "/pushed"), ("x-a", "b"))
    pushed = frame(PUSH_PROMISE, 1, promise, 4), server.response(2, 299)
    talk.say(0.2, "s", *pushed, server.response(1, 298)).say(0.3, "c", client.get(3, "/b"))
    told = facts(talk.say(0.4, "s", server.response(3, 298)))
    assert {group.path: group.statuses for group in told.http.groups} == {"/a": {"298": 1}, "/b": {"298": 1}}
    assert told.http.h2.hidden_headers == 0


def test_streams_beyond_the_bound_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2, "MAX_STREAMS", 2)
    client = Peer()
    told = facts(Talk().begin().say(0.1, "c", *(client.get(n, "/a") for n in (1, 3, 5))))
    assert told.http.groups[0].requests.count == 3
    assert "HTTP/2 streams no longer waited for because too many were open: 1" in told.approximations


def test_connections_beyond_the_bound_are_told_and_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2, "MAX_CONNECTIONS", 0)
    client = Peer()
    talk = Talk().begin().say(0.1, "c", client.get(1, "/a")).say(LAST, "s", frame(RST_STREAM, 1, b"\0\0\0\2"))
    told = facts(talk)
    assert (told.http.requests, told.http.h2.resets) == (0, {"INTERNAL_ERROR": 1})
    text = "HTTP/2 connections whose headers were not read because too many were open at once: 1"
    assert text in told.approximations


def test_headers_beyond_the_bound_are_told_and_nothing_is_called_unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", client.get(1, "/a"), client.get(3, "/b")).say(0.2, "s", server.response(1))
    talk.say(0.3, "c", client.get(5, "/c")).say(LAST, "c", frame(PING, 0, bytes(8)))
    monkeypatch.setattr(http2, "MAX_READ", 170)
    told = facts(talk)
    assert (told.http.requests, told.http.responses) == (2, 0)
    assert all(group.unanswered.count == 0 for group in told.http.groups)
    assert (
        "HTTP/2 connections whose further headers were not read because there were too many: 1" in told.approximations
    )


@pytest.mark.parametrize("size", [1, 3, 7, 8, 12, 23])
def test_a_preface_in_two_segments(size: int) -> None:
    client = Peer()
    talk = Talk().say(0.02, "c", PREFACE[:size]).say(0.03, "c", PREFACE[size:], frame(SETTINGS, 0))
    told = facts(talk.say(0.1, "c", client.get(1, "/a")))
    assert (told.http.groups[0].path, told.http.h2.begun_before) == ("/a", 0)


def test_the_same_block_says_another_thing_once_the_table_has_changed() -> None:
    client, talk = Peer(), Talk().begin()
    newest = b"\x82\xbe"  # GET, and the newest entry of the table
    for number, path in enumerate(("/a", "/b", "/b"), 1):
        block = client.block((":method", "GET"), (":path", path))
        talk.say(number, "c", frame(HEADERS, 6 * number - 5, block, 5))
        for again in (1, 2):
            talk.say(number + again / 10, "c", frame(HEADERS, 6 * number - 5 + 2 * again, newest, 5))
    assert {path: group.requests.count for path, group in groups(talk).items()} == {"/a": 3, "/b": 6}


def test_a_header_block_too_long_is_hidden_and_the_next_is_read() -> None:
    client, server = Peer(), Peer()
    parts = [frame(HEADERS, 1, bytes(16_000))] + [frame(CONTINUATION, 1, bytes(16_000), 4 * (n == 4)) for n in range(5)]
    talk = Talk().begin()
    for number, part in enumerate(parts):
        talk.say(0.1 + number / 100, "c", part)
    talk.say(0.5, "c", client.get(3, "/b")).say(0.6, "s", server.response(3))
    assert groups(talk)["/b"].statuses == {"200": 1}


def test_conversations_so_far_can_be_told_while_it_goes_on() -> None:
    client, server = Peer(), Peer()
    talk = Talk().begin().say(0.1, "c", client.get(1, "/a"))
    early = talk.pcap.bytes()
    whole = talk.say(0.2, "s", server.response(1)).say(0.3, "c", client.get(3, "/a")).pcap.bytes()
    analyser = Analyser()
    analyser.feed(early)
    assert analyser.peek().http.requests == 1
    analyser.feed(whole[len(early) :])
    assert analyser.finish() == analyse(whole)


def test_silence_at_the_end_of_a_connection_is_unanswered() -> None:
    client = Peer()
    talk = Talk().begin().say(0.1, "c", client.get(1, "/a"))
    talk.tcp.send(0.2, "s", FIN | ACK, talk.sent["s"], talk.sent["c"])
    assert groups(talk)["/a"].unanswered.count == 1


def test_more_goaways_than_are_told_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2, "MAX_GOAWAYS", 2)
    talk = Talk().begin().say(0.1, "s", *[frame(GOAWAY, 0, bytes(8))] * 5)
    told = facts(talk).http.h2
    assert (len(told.goaways), told.more_goaways) == (2, 3)


def test_what_is_not_the_preface_after_all_is_given_up() -> None:
    talk = Talk().say(0.1, "c", PREFACE[:16]).say(0.2, "c", b"X-Header: 1\r\n\r\n")
    told = facts(talk.say(0.3, "c", Peer().get(1, "/a"), frame(PING, 0, bytes(8))))
    assert told.http.groups[0].path == "/a"


def test_a_frame_that_cannot_be_one_ends_the_walk_until_frames_fit_again() -> None:
    client = Peer()
    talk = Talk().begin().say(0.1, "c", frame(PING, 0, bytes(3)), client.get(1, "/a"))
    told = facts(talk.say(0.2, "c", client.get(3, "/b"), frame(PING, 0, bytes(8))))
    assert [group.path for group in told.http.groups] == ["/b"]


def test_headers_interrupted_by_another_frame_are_not_read() -> None:
    client = Peer()
    block = client.block((":method", "GET"), (":path", "/a"))
    broken = frame(HEADERS, 1, block[:2], 1), frame(PING, 0, bytes(8)), frame(CONTINUATION, 1, block[2:], 4)
    told = facts(Talk().begin().say(0.1, "c", *broken, client.get(3, "/b")))
    assert [group.path for group in told.http.groups] == ["/b"]


def test_malformed_padding_hides_the_block() -> None:
    client = Peer()
    bad = frame(HEADERS, 1, b"\xff" + client.block((":method", "GET"), (":path", "/a")), 0x0D)
    told = facts(Talk().begin().say(0.1, "c", bad, client.get(3, "/b")))
    assert [group.path for group in told.http.groups] == ["/b"]


def test_an_answer_to_a_request_from_before_the_capture_is_counted() -> None:
    client, server = Peer(), Peer()
    client.get(1, "/a")
    talk = Talk(handshake=False).say(0.1, "s", server.response(1, 404, end=False), data(1, b"x", end=True))
    told = facts(talk)
    assert (told.http.responses, told.http.statuses, told.http.groups) == (1, {"404": 1}, ())


@pytest.mark.parametrize(
    "payload",
    [
        bytes(30),
        b"\0\0\0\4\0\0\0\0\0\0\0",
        frame(DATA, 0, b"x") + frame(DATA, 0, b"x"),
        frame(SETTINGS, 1, bytes(6)),
        frame(PING, 0, bytes(7)),
        b"PRI * HTTP/1.1\r\n\r\n",
    ],
)
def test_other_protocols_are_not_taken_for_it(payload: bytes) -> None:
    assert facts(Talk(handshake=False).say(0.1, "c", payload)).http.h2.connections == 0


_COMMON = st.sampled_from(
    [frame(k, s, bytes(n), f) for k in range(11) for s in (0, 1, 2) for n in (0, 4, 8, 9) for f in (0, 4, 5, 0x2D)]
)


@settings(deadline=None, max_examples=examples(100))
@given(
    st.lists(st.tuples(st.sampled_from("cs"), _COMMON | st.binary(min_size=1, max_size=60), st.booleans()), max_size=12)
)
def test_any_frames_give_facts(pieces: list[tuple[str, bytes, bool]]) -> None:
    talk = Talk().begin()
    for number, (side, piece, lost) in enumerate(pieces):
        if lost:
            talk.lose(side, piece)
        else:
            talk.say(0.1 + number / 10, side, piece)
    capture = talk.pcap.bytes()
    assert analyse(capture) == analyse(capture, compiled=False)


@settings(deadline=None, max_examples=examples(60))
@given(st.data())
def test_any_segments_give_the_same_transactions(drawn: st.DataObject) -> None:
    client, server = Peer(), Peer()
    asked = drawn.draw(st.lists(st.sampled_from(["/a.A/x", "/b.B/y"]), min_size=1, max_size=6))
    statuses = [drawn.draw(st.sampled_from([0, 5, 14])) for _ in asked]
    numbers = [2 * n + 1 for n in range(len(asked))]
    there = b"".join(client.call(n, path) for n, path in zip(numbers, asked, strict=True))
    back = b"".join(server.result(n, status) for n, status in zip(numbers, statuses, strict=True))
    talk, time = Talk().begin(), 0.1
    for side, stream in (("c", there), ("s", back)):
        cuts = sorted(drawn.draw(st.lists(st.integers(1, len(stream) - 1), max_size=8, unique=True)))
        for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            talk.say(time := time + 0.01, side, stream[start:stop])
    told = talk.pcap.facts().http
    assert {group.path: group.requests.count for group in told.groups} == {p: asked.count(p) for p in asked}
    assert sum(sum(group.grpc_statuses.values()) for group in told.groups) == len(asked)
    assert sum(group.grpc_errors.count for group in told.groups) == sum(status != 0 for status in statuses)
    assert all(group.unanswered.count == 0 and group.protocol == "grpc" for group in told.groups)


def test_transactions_equal_those_of_tshark(tmp_path: Path) -> None:
    client, server = Peer(), Peer()
    talk = Talk(8080).begin()
    for number in range(1, 40, 2):
        talk.say(number, "c", client.get(number, f"/p{number % 5}", "shop", ("x-token", f"secret{number}")))
        talk.say(number + 0.1, "s", server.response(number, 200 + number % 3))
    talk.say(50, "s", frame(GOAWAY, 0, struct.pack("!II", 39, 2)))
    path = tmp_path / "h2.pcap"
    path.write_bytes(talk.pcap.bytes())
    fields = ("http2.headers.method", "http2.headers.path", "http2.headers.status", "http2.goaway.error")
    rows = tshark(path, "http2.type == 1 or http2.type == 7", *fields)
    told = facts(talk).http
    asked = [(row[0], row[1]) for row in rows if row[0]]
    assert {(g.method, g.path): g.requests.count for g in told.groups} == {pair: asked.count(pair) for pair in asked}
    answered = [row[2] for row in rows if row[2]]
    assert told.statuses == {status: answered.count(status) for status in sorted(set(answered))}
    assert [row[3] for row in rows if row[3]] == ["2"]
    assert [goaway.error for goaway in told.h2.goaways] == ["INTERNAL_ERROR"]


def test_http_1_requests_that_begin_like_the_preface_stay_http_1() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap, server_port=8000).handshake()
    post = b"POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    for number in range(3):
        tcp.send(0.1 + number, "c", PSH | ACK, 1 + number * len(post), 1, post)
    (group,) = pcap.facts().http.groups
    assert (group.method, group.requests.count, group.protocol) == ("POST", 3, "http/1")
