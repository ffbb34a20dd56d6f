"""HTTP where what is begun and not ended takes too much: bounded for all conversations together, and all given back."""

import struct

import pytest

from tests.unit.analysis.captures import ACK, PSH, Pcap, Tcp
from tests.unit.analysis.h2 import CONTINUATION, GRPC, HEADERS, PREFACE, RST_STREAM, SETTINGS, Peer, Talk, frame
from tests.unit.analysis.talks import Segment, conversation
from tests.unit.analysis.test_http_heads import GET, OK
from tests.unit.analysis.test_rare_http import asked, told, unkept
from workers.analysis import Analyser
from workers.analysis.http2 import MAX_MEMORY
from workers.contract.facts import Facts
from workers.core import BUILT
from workers.packets.room import HELD

MAX_PIPELINED = 8_192
FAILED = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HELLO = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"
REFUSED = "messages and segments let go because too many waited for their rest"
HEAVY = "HTTP/2 connections whose further headers were not read because their tables took too much: "


def facts(pcap: Pcap, *, room: int = HELD, tables: int = MAX_MEMORY, pipelined: int = 0) -> Facts:
    """Facts from both cores, for any chunking; where there is no more room than this, and all of it is given back."""
    capture, found = pcap.bytes(), []
    for compiled, size in ((BUILT, len(capture)), (False, len(capture)), (BUILT, 61)):
        analyser = Analyser(compiled=compiled)
        stages = analyser._stages
        http, http2 = stages.http, stages.applications.http2
        http.room.left, http2.room.left, http.pipelined = room, tables, pipelined
        for at in range(0, len(capture), size):
            analyser.feed(capture[at : at + size])
        found.append(analyser.finish())
        assert (http.room.left, http2.room.left, http.pipelined) == (room, tables, pipelined)
        assert all(one.left == HELD for one in stages.applications.rooms if one is not http.room)
    assert found[1:] == found[:1] * 2
    return found[0]


def http(*segments: Segment, room: int = HELD, pipelined: int = 0) -> Facts:
    return facts(conversation(*segments, port=80), room=room, pipelined=pipelined)


def refused(facts: Facts) -> int:
    return sum(int(text.rpartition(" ")[2]) for text in facts.approximations if text.startswith(REFUSED))


def test_a_head_that_finds_no_room_is_told_as_far_as_it_came_and_the_next_is_read() -> None:
    cut = b"GET /cut HTTP/1.1\r\nHost: shop\r\nCookie: "
    found = http((0.1, "c", cut), (0.2, "c", b"x=y\r\n\r\n"), (0.3, "s", OK), (0.4, "c", GET), (0.5, "s", OK), room=100)
    assert told(found) == {"/cut": (1, {"200": 1}, 0), "/a": (1, {"200": 1}, 0)}
    assert refused(found) == 1


def test_a_head_of_which_no_line_came_before_there_was_no_room_is_not_told() -> None:
    cut = (0.1, "c", b"GET /cut-in-two"), (0.2, "c", GET[4:]), (0.3, "s", OK)
    found = http(*cut, (0.4, "c", GET), (0.5, "s", OK), room=70)
    assert (told(found), unkept(found)) == ({"/a": (1, {"200": 1}, 0)}, 1)


def test_its_response_is_not_taken_for_the_next_requests() -> None:
    cut = (0.1, "c", b"GET /cut-in-two"), (0.2, "c", GET[4:]), (0.3, "c", asked("/b")), (0.4, "s", FAILED + OK)
    found = http(*cut, (0.5, "c", GET), (0.6, "s", OK), room=70)
    assert told(found) == {"/b": (1, {}, 0), "/a": (1, {"200": 1}, 0)}


def test_a_response_whose_first_line_finds_no_room_is_no_request() -> None:
    found = http((0.1, "c", GET), (0.2, "s", OK[:12]), (0.3, "s", OK[12:]), (0.4, "s", OK), room=70)
    assert told(found) == {"/a": (1, {"200": 1}, 0)}
    assert not any("not waited for" in text for text in found.approximations)


def test_room_is_taken_once_for_what_grows() -> None:
    pieces = [(0.1 + at / 100, "c", GET[at : at + 1]) for at in range(len(GET))]
    assert told(http(*pieces, (2, "s", OK), room=64 + len(GET) - 1)) == {"/a": (1, {"200": 1}, 0)}
    assert refused(http(*pieces, room=64 + len(GET) - 2)) == 1


def test_the_size_of_a_chunk_that_finds_no_room_ends_the_reading_until_the_next_head() -> None:
    said = ((0.1, "c", GET), (0.2, "s", CHUNKED + b"1"), (0.3, "s", b"0\r\n"), (0.4, "c", asked("/b")), (0.5, "s", OK))
    found = http(*said, room=64)
    assert told(found) == {"/a": (1, {"200": 1}, 0), "/b": (1, {"200": 1}, 0)}
    assert refused(found) == 1
    assert told(http(*said, room=65))["/b"][1] == {}  # within the chunk


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param(((0.1, "c", GET[:-2]),), id="a head"),
        pytest.param(((0.1, "c", GET[:-2]), (0.2, "C", b"x"), (0.3, "c", GET)), id="a head before a gap"),
        pytest.param(((0.1, "c", GET), (0.2, "s", CHUNKED + b"1")), id="a chunk's size"),
        pytest.param(((0.1, "c", GET), (0.2, "s", CHUNKED + b"1"), (0.3, "S", b"0")), id="a chunk's size before a gap"),
        pytest.param(((0.1, "c", GET * 3),), id="requests"),
        pytest.param(((0.1, "c", GET * 3), (0.2, "s", OK)), id="requests, one answered"),
        pytest.param(((0.1, "c", GET * 3), (0.2, "S", OK), (0.3, "c", GET)), id="requests whose answers are lost"),
        pytest.param(((0.1, "c", GET * 3), (0.2, "c", HELLO + bytes(194))), id="requests before TLS"),
    ],
)
def test_whatever_a_capture_ends_in_is_given_back(ends: tuple[Segment, ...]) -> None:
    http(*ends)


def test_requests_of_all_connections_that_wait_behind_others_are_bounded() -> None:
    found = http((0.1, "c", GET + asked("/b") + asked("/c")), (0.2, "s", OK * 3), pipelined=MAX_PIPELINED - 1)
    assert told(found) == {"/a": (1, {"200": 1}, 0), "/b": (1, {"200": 1}, 0), "/c": (1, {}, 0)}
    assert (found.http.statuses, unkept(found)) == ({"200": 3}, 1)


def full(*segments: Segment) -> Facts:
    """With room for no second request."""
    return http(*segments, pipelined=MAX_PIPELINED)


def test_no_request_is_remembered_before_those_that_are_not_are_answered() -> None:
    after = (0.4, "c", asked("/d")), (0.5, "s", OK), (0.6, "c", asked("/e")), (0.7, "s", OK)
    found = full((0.1, "c", GET + asked("/b")), (0.2, "s", OK), (0.3, "c", asked("/c")), (0.35, "s", OK), *after)
    answered = {path: one[1] for path, one in told(found).items()}
    assert answered == {"/a": {"200": 1}, "/b": {}, "/c": {}, "/d": {}, "/e": {}}
    assert found.http.statuses == {"200": 4}


def test_when_all_are_answered_requests_are_remembered_again() -> None:
    going_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/"
    said = (0.2, "s", OK + going_on + body), (0.3, "c", asked("/c")), (0.4, "s", FAILED)
    found = full((0.1, "c", GET + asked("/b")), *said)
    assert told(found) == {"/a": (1, {"200": 1}, 0), "/b": (1, {}, 0), "/c": (1, {"500": 1}, 0)}


@pytest.mark.parametrize("method", [b"HEAD", b"CONNECT"])
def test_a_response_that_may_be_to_a_head_or_connect_not_remembered_ends_the_reading_until_the_next(
    method: bytes,
) -> None:
    ask = GET + GET.replace(b"GET", method) + asked("/b")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"
    found = full((0.1, "c", ask), (0.2, "s", OK + answer), (0.3, "s", FAILED), (0.4, "c", asked("/c")), (0.5, "s", OK))
    assert found.http.statuses == {"200": 3, "500": 1}
    assert told(found)["/c"][1] == {"200": 1}


def test_losing_step_so_is_no_gap_that_swallowed_responses() -> None:
    ask = GET + GET.replace(b"GET", b"HEAD") + asked("/b") + asked("/c")
    answers = (0.2, "s", OK + b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"), (0.3, "s", FAILED)
    later = (0.4, "c", asked("/d")), (0.5, "s", FAILED), (0.6, "s", OK), (0.7, "c", asked("/e")), (0.8, "s", OK)
    found = told(full((0.1, "c", ask), *answers, *later))
    assert (found["/d"][1], found["/e"][1]) == ({}, {"200": 1})


def test_a_response_that_has_no_body_in_any_case_does_not() -> None:
    ask = GET + GET.replace(b"GET", b"HEAD") + asked("/b")
    found = full((0.1, "c", ask), (0.2, "s", OK + b"HTTP/1.1 304 Not Modified\r\n\r\n" + FAILED))
    assert found.http.statuses == {"200": 1, "304": 1, "500": 1}


def test_a_later_run_of_requests_knows_nothing_of_an_earlier_ones_methods() -> None:
    first = (0.1, "c", GET + GET.replace(b"GET", b"HEAD")), (0.2, "s", OK * 2)
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    found = full(*first, (0.3, "c", GET + asked("/b")), (0.4, "s", body + body + OK))
    assert found.http.statuses == {"200": 5}


def test_behind_a_gap_the_next_response_is_to_the_latest_request_not_remembered() -> None:
    found = full(
        (0.1, "c", GET + asked("/b") + asked("/c")),
        (0.2, "S", OK),
        (0.3, "s", FAILED),
        (0.4, "c", asked("/d")),
        (0.5, "s", OK),
    )
    assert told(found) == {"/a": (1, {}, 0), "/b": (1, {}, 0), "/c": (1, {}, 0), "/d": (1, {"200": 1}, 0)}
    assert "HTTP responses in gaps of the capture (status and latency not visible): 1" in found.approximations


def test_a_request_that_is_not_waited_for_was_not_tried_in_vain() -> None:
    with_id = GET[:-2] + b"X-Request-Id: one\r\n\r\n"
    found = full((0.1, "c", asked("/b") + with_id), (0.2, "s", OK * 2), (0.5, "c", with_id), (0.6, "s", OK))
    assert {group.path: group.repeats.count for group in found.http.groups} == {"/b": 0, "/a": 0}


def test_an_upgrade_that_is_not_remembered_is_followed_by_something_else() -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    found = full((0.1, "c", GET + asked("/b")), (0.2, "s", OK + switch), (0.3, "s", bytes(100)))
    assert found.http.statuses == {"101": 1, "200": 1}


# -- HTTP/2 ------------------------------------------------------------------------------------------------------


def block(path: str) -> bytes:
    return Peer().block((":method", "GET"), (":scheme", "http"), (":path", path))


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param((frame(HEADERS, 1, block("/a"), 5)[:15],), id="a frame"),
        pytest.param((frame(RST_STREAM, 1, bytes(4))[:11],), id="a short frame"),
        pytest.param((frame(HEADERS, 1, block("/a"), 1),), id="a header block"),
        pytest.param((frame(HEADERS, 1, block("/a"), 1), frame(CONTINUATION, 1, bytes(9))[:12]), id="both"),
        pytest.param((frame(HEADERS, 1, block("/a"), 5),), id="a stream"),
    ],
)
def test_whatever_a_connection_ends_in_is_given_back(ends: tuple[bytes, ...]) -> None:
    talk = Talk().begin().say(0.1, "c", *ends)
    facts(talk.pcap)
    facts(talk.say(0.2, "c", block("/b")).pcap)
    facts(talk.lose("c", bytes(5)).say(0.3, "c", frame(SETTINGS, 0)).pcap)


def test_a_header_block_that_finds_no_room_is_lost_and_the_next_is_read() -> None:
    client, talk = Peer(), Talk().begin()
    parts = frame(HEADERS, 1, block("/a"), 1), frame(CONTINUATION, 1, b"\0\1a\1b", 4)
    talk.say(0.1, "c", parts[0]).say(0.2, "c", parts[1]).say(0.3, "c", client.get(3, "/b"))
    found = facts(talk.pcap, room=20)
    assert (told(found), refused(found)) == ({"/b": (1, {}, 0)}, 1)
    assert told(facts(talk.pcap)) == {"/a": (1, {}, 0), "/b": (1, {}, 0)}


def test_a_gap_in_a_header_block_gives_back_what_it_held() -> None:
    client, talk = Peer(), Talk().begin()
    whole = client.get(1, "/" + "a" * 50)
    talk.say(0.1, "c", whole[:30]).lose("c", whole[30:40]).say(0.2, "c", whole[40:]).say(0.3, "c", Peer().get(3, "/b"))
    assert "/b" in told(facts(talk.pcap))


def test_a_connection_whose_tables_find_no_room_is_not_read_on_and_nothing_of_it_is_unanswered() -> None:
    pcap = Pcap()
    for number in range(2):
        client, server = Peer(), Peer()
        talk = Talk(50_051 + number, pcap=pcap).begin()
        talk.say(0.1, "c", client.get(1, f"/{number}a")).say(0.2, "c", client.get(3, f"/{number}b"))
        talk.say(5, "s", server.response(1)).say(9, "s", server.response(3))
    found = facts(pcap, tables=5_500)
    assert (found.http.requests, found.http.responses) == (3, 2)
    assert all(group.unanswered.count == 0 for group in found.http.groups)
    assert HEAVY + "1" in found.approximations


@pytest.mark.parametrize(("tables", "read"), [(8_000, 32), (4_800, 32), (3_000, 1)])
def test_blocks_said_before_are_forgotten_sooner_than_a_connection(tables: int, read: int) -> None:
    client, server, talk = Peer(), Peer(), Talk().begin()
    for n in range(1, 64, 2):
        talk.say(n, "c", client.get(n, f"/{n % 5}")).say(n + 0.5, "s", server.response(n))
    assert facts(talk.pcap, tables=tables).http.statuses == {"200": read}


def test_a_table_that_shrinks_gives_room_back() -> None:
    client, talk = Peer(), Talk().begin()
    client.encoder.header_table_size = 4_096
    talk.say(0.1, "c", *(client.get(n, "/a", "shop", (f"x-{n}", "y" * 200)) for n in range(1, 31, 2)))
    for n in range(1, 31, 2):
        talk.say(1 + n, "s", frame(RST_STREAM, n, bytes(4)))
    client.encoder.header_table_size = 0
    found = facts(talk.say(40, "c", client.get(31, "/b")).say(41, "c", client.get(33, "/c")).pcap)
    assert [told(found)[path][0] for path in ("/a", "/b", "/c")] == [15, 1, 1]


@pytest.mark.parametrize(("index", "hidden"), [(62, 0), (63, 1), (62 + 510, 1), (62 + 511, 2)])
def test_what_is_behind_any_table_is_no_reference(index: int, hidden: int) -> None:
    """Nothing is known of the table any more, then, nor of what the next block refers to: of 16,384 bytes, an entry
    that was read takes 39, each before it 32.
    """
    rest = index - 127
    refers = bytes([0x80 | index]) if rest < 0 else b"\xff" + bytes([rest & 127 | 128, rest >> 7])
    talk = Talk(handshake=False).say(0.1, "c", frame(HEADERS, 1, b"\x82\x44\2/a" + refers, 5), frame(SETTINGS, 0))
    found = facts(talk.say(0.2, "c", frame(HEADERS, 3, b"\x82\xbe", 5), frame(SETTINGS, 0)).pcap)
    assert found.http.h2.hidden_headers == hidden


def test_codes_beyond_those_counted_of_all_groups_go_together() -> None:
    talk = Talk().begin()
    for number in range(172):
        streams = range(1 + 48 * number, 49 + 48 * number, 2)
        head = b"\x82\x04\4/%03d" % number
        talk.say(1 + number, "c", *(frame(HEADERS, stream, head, 5) for stream in streams))
        resets = (frame(RST_STREAM, stream, struct.pack("!I", 1_000 + stream % 48)) for stream in streams)
        talk.say(1.5 + number, "s", *resets)
    found = {
        group.path: {code: one.count for code, one in group.resets.items()} for group in facts(talk.pcap).http.groups
    }
    assert all(len(found[f"/{number:03}"]) == 24 for number in range(170))
    assert found["/170"].pop("other") == 8
    assert (set(found["/170"].values()), len(found["/170"]), found["/171"]) == ({1}, 16, {"other": 24})


def test_grpc_statuses_and_http_statuses_of_a_group_are_bounded_too() -> None:
    client, server, talk = Peer(), Peer(), Talk().begin()
    for number in range(30):
        stream = 1 + 2 * number
        talk.say(1 + number, "c", client.call(stream, "/a.B/c"))
        fields = (":status", str(400 + number)), GRPC[0], ("grpc-status", str(100 + number))
        talk.say(1.5 + number, "s", server.headers(stream, *fields, end=True))
    found = facts(talk.pcap).http
    (group,) = found.groups
    assert (group.grpc_statuses["other"], len(group.grpc_statuses)) == (6, 25)
    assert (group.statuses["other"], len(group.statuses), len(found.statuses)) == (6, 25, 30)


def test_a_preface_and_frames_of_many_connections_do_not_keep_what_they_read() -> None:
    pcap = Pcap()
    for number in range(40):
        tcp = Tcp(pcap, client_port=40_000 + number, server_port=80).handshake(number)
        said = PREFACE + frame(SETTINGS, 0) + frame(HEADERS, 1, block("/a"), 5)
        tcp.send(number + 0.1, "c", PSH | ACK, 1, 1, said)
    found = facts(pcap, room=0)
    assert (told(found)["/a"][0], refused(found)) == (40, 0)
