"""Messages that services began and did not end: they have room together, and what has none goes on behind a gap."""

import pytest

from tests.unit.analysis.captures import ACK, PSH, Pcap, Tcp
from tests.unit.analysis.talks import Segment, conversation, counts
from tests.unit.analysis.test_kafka import HEARTBEAT, METADATA, request, response
from tests.unit.analysis.test_mongodb import msg
from tests.unit.analysis.test_mysql import ok
from tests.unit.analysis.test_mysql import query as com_query
from tests.unit.analysis.test_postgresql import HELLO, READY, message, query, startup
from tests.unit.analysis.test_redis import ask
from workers.analysis import Analyser
from workers.contract.facts import Facts
from workers.core import BUILT
from workers.packets.room import HELD

SELECT = com_query(b"SELECT 1 from a_table_with_a_long_name")
PING = msg({"ping": 1}, 1)
PONG = msg({"ok": 1.0}, 2, 1)
BEGUN: dict[int, list[Segment]] = {
    6379: [(0.1, "c", ask(b"GET", b"k")), (0.2, "c", b"*2\r\n$3"), (0.3, "s", b"$1\r\nv\r\n+OK")],
    5432: [(0.1, "c", startup()), (0.2, "s", HELLO), (0.3, "c", query(b"SELECT 1")[:9]), (0.4, "s", READY[:3])],
    3306: [(0.1, "c", SELECT), (0.2, "s", ok()), (0.3, "c", SELECT[:9]), (0.4, "s", b"\7\0")],
    27017: [(0.1, "c", PING), (0.2, "s", PONG), (0.3, "c", PING[:30]), (0.4, "s", PONG[:30])],
    9092: [
        (0.1, "c", request(METADATA, 1, 1)),
        (0.2, "s", response(1)),
        (0.3, "c", request(METADATA, 1, 2)[:13]),
        (0.4, "s", response(2)[:7]),
    ],
}
"""By port, with the beginning of a further message of each side."""


def facts_with(room: int, pcap: Pcap) -> tuple[Facts, int]:
    """The facts with so much room, the same for any chunks and from both cores; how often there was none."""
    capture, told = pcap.bytes(), []
    for compiled, chunk in ((BUILT, 1 << 20), (BUILT, 61), (False, 1 << 20)):
        analyser = Analyser(compiled=compiled)
        stage = analyser._stages.services
        stage.room.left = room
        for at in range(0, len(capture), chunk):
            analyser.feed(capture[at : at + chunk])
        told.append((analyser.finish(), stage.room.refused))
        assert stage.room.left == room
    assert told[0] == told[1] == told[2]
    return told[0]


@pytest.mark.parametrize("port", BEGUN)
def test_a_capture_that_ends_amidst_messages_gives_the_room_back(port: int) -> None:
    facts, refused = facts_with(HELD, conversation(*BEGUN[port], port=port))
    assert refused == 0
    assert facts.services.responses > 0


@pytest.mark.parametrize("port", BEGUN)
def test_what_has_no_room_is_let_go(port: int) -> None:
    facts, refused = facts_with(60, conversation(*BEGUN[port], port=port))
    assert refused == 2
    assert facts.services.responses > 0
    assert any(one.endswith("waited for their rest (told in part): 2") for one in facts.approximations)


def test_the_rest_of_what_was_let_go_is_passed_over() -> None:
    said = (
        (0.1, "c", startup()),
        (0.2, "s", HELLO),
        (0.3, "c", query(b"SELECT 1")[:9]),
        (0.4, "c", query(b"SELECT 1")[9:]),
        (0.5, "s", message("C", b"SELECT 1\0") + READY),
        (0.6, "c", query(b"UPDATE t")),
        (0.7, "s", message("C", b"UPDATE 1\0") + READY),
    )
    facts, refused = facts_with(60, conversation(*said, port=5432))
    assert refused == 1
    assert counts(facts) == {"startup": (1, 1, {}), "": (0, 1, {}), "UPDATE": (1, 1, {})}
    facts, _ = facts_with(HELD, conversation(*said, port=5432))
    assert counts(facts) == {"startup": (1, 1, {}), "SELECT": (1, 1, {}), "UPDATE": (1, 1, {})}


def test_lines_of_redis_grow_as_far_as_there_is_room() -> None:
    said = (
        (0.1, "c", ask(b"GET", b"k") * 3),
        (0.2, "s", b"+" + b"a" * 20),
        (0.3, "s", b"a" * 20),
        (0.4, "s", b"a\r\n"),
        (0.5, "s", b"+OK\r\n"),
    )
    whole, refused = facts_with(110, conversation(*said, port=6379))
    assert (counts(whole), refused) == ({"GET": (3, 2, {})}, 0)
    facts, refused = facts_with(100, conversation(*said, port=6379))
    assert refused == 1
    assert counts(facts) == {"GET": (3, 1, {})}


def test_conversations_share_the_room() -> None:
    pcap = Pcap()
    for number in range(4):
        tcp = Tcp(pcap, client_port=40_000 + number, server_port=6379).handshake(number)
        tcp.send(number + 0.1, "c", PSH | ACK, 1, 1, ask(b"GET", b"k") + b"*2\r\n$3")
    _, refused = facts_with(140, pcap)
    assert refused == 2


def test_what_turns_out_to_be_another_protocol_gives_the_room_back() -> None:
    """The client's do not add up while the server is amidst a message; another protocol begins behind it."""
    said = ((0.1, "c", startup()), (0.2, "s", b"N\0"), (0.3, "c", b"what is no message at all"), (0.4, "s", bytes(9)))
    facts, _ = facts_with(HELD, conversation(*said, port=6432))
    assert facts.conversations[0].application == ""


@pytest.mark.parametrize("many", [17, 300])
def test_numbers_of_the_few_that_still_wait_are_known_among_many_that_are_over(many: int) -> None:
    every = range(many)
    last = every[-1]
    asked = b"".join(request(METADATA, 1, number) for number in every) + request(HEARTBEAT, 1, many)
    facts, _ = facts_with(
        HELD,
        conversation(
            (0.1, "c", asked),
            (0.2, "s", b"".join(response(number) for number in every[1:-1])),
            (0.3, "s", response(last) + response(0)),
            (0.4, "s", response(many)),
            (0.5, "c", request(HEARTBEAT, 1, 0)),
            (0.6, "s", response(0)),
            port=9092,
        ),
    )
    assert counts(facts) == {"Metadata": (many, many, {}), "Heartbeat": (2, 2, {})}
