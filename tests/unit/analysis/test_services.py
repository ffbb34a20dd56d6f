"""What all services share: recognition and giving up, bounds, any segmentation, hostile bytes, and no payload kept."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.analysis import test_kafka as kafka
from tests.unit.analysis import test_mongodb as mongodb
from tests.unit.analysis import test_mysql as mysql
from tests.unit.analysis import test_postgresql as postgresql
from tests.unit.analysis import test_redis as redis
from tests.unit.analysis.captures import ACK, FIN, PSH, Pcap, Tcp, analyse
from tests.unit.analysis.talks import Segment, checked, conversation, counts, groups, talk
from workers.analysis import Analyser, service_groups, services
from workers.contract.codec import decode, encode
from workers.contract.facts import Facts

_PROPERTY = settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
TALKS: dict[int, tuple[tuple[str, bytes], ...]] = {
    6379: (
        ("c", redis.ask(b"GET", b"k")),
        ("s", b"$-1\r\n"),
        ("c", redis.ask(b"LPUSH", b"k", b"v" * 300) + redis.ask(b"HGETALL", b"h")),
        ("s", b"-WRONGTYPE no\r\n*2\r\n$1\r\na\r\n$200\r\n" + b"x" * 200 + b"\r\n"),
    ),
    5432: (
        ("c", postgresql.startup()),
        ("s", postgresql.HELLO),
        ("c", postgresql.query(b"SELECT 1")),
        ("s", postgresql.ROW * 9 + postgresql.done(b"SELECT 9")),
        ("c", postgresql.parse(b"INSERT INTO t") + postgresql.BIND + postgresql.EXECUTE + postgresql.SYNC),
        ("s", postgresql.error(b"23505") + postgresql.READY),
    ),
    3306: (
        ("s", mysql.GREETING),
        ("c", mysql.login()),
        ("s", mysql.ok(2)),
        ("c", mysql.query(b"SELECT 1")),
        ("s", mysql.rows(30)),
        ("c", mysql.query(b"UPDATE t")),
        ("s", mysql.error(1205)),
    ),
    9092: (
        ("c", kafka.request(kafka.API_VERSIONS, 3, 1)),
        ("s", kafka.response(1)),
        ("c", kafka.request(kafka.HEARTBEAT, 1, 2) + kafka.request(kafka.FETCH, 4, 3, bytes(300))),
        ("s", kafka.response(3, bytes(500)) + kafka.response(2, bytes(4) + kafka.short(27))),
    ),
    27017: (
        ("c", mongodb.msg({"hello": 1}, 1)),
        ("s", mongodb.msg({"x": "y" * 200, "ok": 1.0}, 9, 1)),
        ("c", mongodb.msg({"insert": "t", "documents": [{"a": "b" * 300}]}, 2)),
        ("s", mongodb.msg({"ok": 0.0, "code": 11000}, 10, 2)),
    ),
}


def segments(port: int) -> list[Segment]:
    """One of the conversations, a message each 0.1 s."""
    return [(0.1 + n / 10, side, data) for n, (side, data) in enumerate(TALKS[port])]


WHOLE = {port: counts(talk(*segments(port), port=port)) for port in TALKS}


def test_the_conversations_have_errors_and_answers() -> None:
    for port, found in WHOLE.items():
        assert sum(bool(errors) for _, _, errors in found.values()) == 1, port
        assert all(requests == responses for requests, responses, _ in found.values()), port


@pytest.mark.parametrize("port", TALKS)
@_PROPERTY
@given(data=st.data())
def test_any_segmentation_gives_the_same_requests_and_errors(port: int, data: st.DataObject) -> None:
    cut: list[Segment] = []
    for time, side, whole in segments(port):
        first = not any(one[1] == side for one in cut)
        places = [] if first else data.draw(st.lists(st.integers(1, max(1, len(whole) - 1)), max_size=6))
        edges = [0, *sorted(set(places)), len(whole)]
        cut += [(time + i / 1e3, side, whole[a:b]) for i, (a, b) in enumerate(pairwise(edges)) if a < b]
    assert counts(talk(*cut, port=port)) == WHOLE[port]


@pytest.mark.parametrize("port", TALKS)
def test_one_byte_a_segment(port: int) -> None:
    cut: list[Segment] = []
    for time, side, whole in segments(port):
        first = not any(one[1] == side for one in cut)
        pieces = [whole] if first else [whole[i : i + 1] for i in range(len(whole))]
        cut += [(time + i / 1e5, side, piece) for i, piece in enumerate(pieces)]
    assert counts(conversation(*cut, port=port).facts()) == WHOLE[port]


@pytest.mark.parametrize("port", TALKS)
@_PROPERTY
@given(data=st.data())
def test_mutated_conversations_never_raise_and_count_what_they_pair(port: int, data: st.DataObject) -> None:
    capture = bytearray(conversation(*segments(port), port=data.draw(st.sampled_from((port, 7777)))).bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        capture[data.draw(st.integers(24, len(capture) - 1))] = data.draw(st.integers(0, 255))
    facts, plain = analyse(bytes(capture)), Analyser(compiled=False)
    plain.feed(bytes(capture))
    assert plain.finish() == facts
    for group in facts.services.groups:
        assert group.latency.count <= group.responses
        assert group.failed.count == sum(group.errors.values()) <= group.responses
        assert group.latency.count + group.unanswered.count <= group.requests.count


@pytest.mark.parametrize("port", TALKS)
@_PROPERTY
@given(
    st.lists(st.tuples(st.sampled_from("csCS"), st.binary(min_size=1, max_size=60)), max_size=8), st.integers(60, 200)
)
def test_random_bytes_behind_a_good_beginning_never_raise(
    port: int, noise: list[tuple[str, bytes]], snaplen: int
) -> None:
    sent = [*segments(port), *[(2 + n, side, data) for n, (side, data) in enumerate(noise)], *segments(port)]
    assert talk(*sent, port=port).services.requests >= 1
    talk(*sent, port=port, snaplen=snaplen)
    talk(*sent[1:], port=port, handshake=False)
    talk(*sent[1:], port=7777)


@pytest.mark.parametrize("port", TALKS)
def test_any_lost_segment_leaves_the_rest(port: int) -> None:
    for lost in range(1, len(TALKS[port])):
        sent = [(t, side.upper() if n == lost else side, data) for n, (t, side, data) in enumerate(segments(port))]
        more = [(t + 2, side, data) for t, side, data in segments(port) if side == "c" or port != 3306][-2:]
        facts = talk(*sent, *more, port=port)
        assert facts.services.responses >= 1
        assert all(group.unanswered.count == 0 for group in facts.services.groups)


def test_segments_out_of_order_pair_all_the_same() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap, server_port=6379).handshake()
    ask, reply = redis.ask(b"GET", b"a"), b"$1\r\nx\r\n"
    tcp.send(0.1, "c", PSH | ACK, 1, 1, ask)
    tcp.send(0.3, "s", PSH | ACK, 1 + 3, 1 + len(ask), reply[3:]).send(0.4, "s", PSH | ACK, 1, 1 + len(ask), reply[:3])
    facts = checked(pcap)
    assert groups(facts)["GET"].latency.max == pytest.approx(0.3)


@pytest.mark.parametrize("alone", [True, False], ids=["with a packet of its own", "with the replies"])
@pytest.mark.parametrize("behind", [1, 2, 9])
def test_what_an_acknowledgment_proves_lost_is_not_waited_for(behind: int, alone: bool) -> None:
    pcap = Pcap()
    tcp = Tcp(pcap, server_port=6379).handshake()
    ask = redis.ask(b"GET", b"a")
    for number in range(behind):
        tcp.send(0.1, "c", PSH | ACK, 101 + len(ask) * number, 1, ask)
    end = 101 + len(ask) * behind
    if alone:
        tcp.send(0.15, "s", ACK, 1, end)
    tcp.send(0.2, "s", PSH | ACK, 1, end, b"$-1\r\n" * behind)
    assert counts(checked(pcap)) == {"GET": (behind, behind, {})}


@pytest.mark.parametrize("behind", [1, 2, 9])
def test_requests_that_the_capture_lacks_leave_later_replies_to_their_own(behind: int) -> None:
    pcap = Pcap()
    tcp = Tcp(pcap, server_port=6379).handshake()
    ping, get, ttl = redis.ask(b"PING"), redis.ask(b"GET", b"k"), redis.ask(b"TTL", b"k")
    begin = 1 + len(ping) + 30
    end, replies = begin + len(get) * behind, b"+PONG\r\n+OK\r\n" + b"$-1\r\n" * behind
    tcp.send(0.1, "c", PSH | ACK, 1, 1, ping)
    for number in range(behind):
        tcp.send(0.2, "c", PSH | ACK, begin + len(get) * number, 1, get)
    tcp.send(0.3, "s", ACK, 1, 1 + len(ping)).send(0.4, "s", PSH | ACK, 1, end, replies)
    tcp.send(1, "c", PSH | ACK, end, 1 + len(replies), ttl)
    tcp.send(1.001, "s", PSH | ACK, 1 + len(replies), end + len(ttl), b":1\r\n")
    facts = checked(pcap)
    assert counts(facts)["GET"] == (behind, behind, {})
    assert groups(facts)["TTL"].latency.max == pytest.approx(0.001)


def test_silence_that_ends_with_the_connection_is_told_though_young() -> None:
    pcap = conversation((0.1, "c", redis.ask(b"GET", b"k")), port=6379)
    tcp = Tcp(pcap, server_port=6379)
    end = 1 + len(redis.ask(b"GET", b"k"))
    tcp.send(0.2, "s", FIN | ACK, 1, end).send(0.21, "c", FIN | ACK, end, 2)
    assert groups(pcap.facts())["GET"].unanswered.count == 1


def test_more_requests_than_are_remembered_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_WAITING", 4)
    asks = redis.ask(b"GET", b"k") * 10 + redis.ask(b"TTL", b"k")
    facts = talk(
        (0.1, "c", asks),
        (0.2, "s", b"$-1\r\n" * 10 + b"-ERR x\r\n"),
        (0.3, "c", redis.ask(b"INCR", b"k")),
        (0.4, "s", b":1\r\n"),
        port=6379,
    )
    assert counts(facts) == {"GET": (10, 4, {}), "TTL": (1, 0, {}), "INCR": (1, 1, {})}
    assert any("no longer waited for" in sentence and ": 7" in sentence for sentence in facts.approximations)


def test_open_requests_of_all_conversations_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_OPEN", 3)
    pcap = Pcap()
    for n in range(5):
        tcp = Tcp(pcap, client_port=40_000 + n, server_port=6379).handshake(n)
        tcp.send(n + 0.1, "c", PSH | ACK, 1, 1, redis.ask(b"GET", b"k"))
    facts = pcap.facts()
    assert counts(facts)["GET"][0] == 5
    assert any("no longer waited for" in sentence and ": 2" in sentence for sentence in facts.approximations)


def test_groups_are_bounded_and_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_groups, "MAX_GROUPS", 2)
    monkeypatch.setattr(services, "TOLD_GROUPS", 1)
    asks = redis.ask(b"GET", b"k") * 3 + redis.ask(b"SET", b"k", b"v") + redis.ask(b"TTL", b"k")
    facts = talk((0.1, "c", asks), (0.2, "s", b"$-1\r\n" * 3 + b"-OOM\r\n:1\r\n" + b":1\r\n"), port=6379)
    assert list(counts(facts)) == ["SET"]
    assert facts.services.more_groups == 1
    assert facts.services.requests == 5
    assert any("beyond the groups kept" in sentence and ": 1" in sentence for sentence in facts.approximations)


def test_groups_beyond_the_bound_are_counted_whatever_their_fate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_groups, "MAX_GROUPS", 1)
    facts = talk(
        (0.1, "c", redis.ask(b"GET", b"k")),
        (0.2, "s", b"$-1\r\n:1\r\n"),
        (0.3, "c", redis.ask(b"TTL", b"k")),
        (9, "c", redis.ask(b"PING")),
        (20, "c", redis.ask(b"PING")),
        port=6379,
    )
    assert counts(facts) == {"GET": (1, 1, {})}
    assert (facts.services.requests, facts.services.responses) == (4, 2)


def test_servers_beyond_the_bound_are_counted_as_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    pcap = Pcap()
    for n, port in enumerate((6379, 6380, 6380)):
        tcp = Tcp(pcap, client_port=40_000 + n, server_port=port).handshake(n / 10)
        tcp.send(1 + n, "c", PSH | ACK, 1, 1, redis.ask(b"GET", b"k") + redis.ask(b"TTL", b"k"))
        tcp.send(1.5 + n, "s", PSH | ACK, 1, 1 + len(redis.ask(b"GET", b"k") * 2), b"$-1\r\n:1\r\n")
    facts = checked(pcap).services.groups
    monkeypatch.setattr(service_groups, "MAX_SERVERS", 1)
    assert checked(pcap).services.groups == facts
    assert {(group.server_port, group.operation): group.requests.count for group in facts} == {
        (6379, "GET"): 1, (6379, "TTL"): 1, (6380, "GET"): 2, (6380, "TTL"): 2,
    }  # fmt: skip


def test_a_response_from_before_a_request_is_not_its_answer() -> None:
    pcap = Pcap()
    tcp = Tcp(pcap, server_port=6379).handshake()
    tcp.send(0.1, "s", PSH | ACK, 101, 1, b"+OK\r\n").send(0.2, "c", PSH | ACK, 1, 1, redis.ask(b"GET", b"a"))
    facts = checked(pcap)
    assert counts(facts) == {"GET": (1, 0, {}), "": (0, 1, {})}
    assert groups(facts)["GET"].unanswered.count == 0


def test_a_gap_in_the_requests_while_a_reply_comes() -> None:
    facts = talk(
        (0.1, "c", redis.ask(b"GET", b"a")),
        (0.2, "s", b"$5\r\nhe"),
        (0.3, "C", redis.ask(b"GET", b"b")),
        (0.4, "s", b"l"),
        (0.5, "c", redis.ask(b"PING")),
        (0.6, "s", b"lo\r\n$-1\r\n"),
        port=6379,
    )
    assert counts(facts)["GET"] == (1, 1, {})
    assert facts.services.requests == 2


def test_error_codes_of_a_group_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_groups, "MAX_ERRORS", 2)
    sent: list[Segment] = [(0.1, "c", postgresql.startup()), (0.2, "s", postgresql.HELLO)]
    for n in range(5):
        sent += [(n + 1, "c", postgresql.query(b"SELECT 1"))]
        sent += [(n + 1.1, "s", postgresql.error(b"2300%d" % n) + postgresql.READY)]
    assert counts(talk(*sent, port=5432))["SELECT"] == (5, 5, {"23000": 1, "23001": 1, "other": 3})


@pytest.mark.parametrize("size", [42, 0x2A2A])
def test_a_first_byte_that_may_be_several_protocols(size: int) -> None:
    greeting = mysql.GREETING[4:].ljust(size, b"x")[:size]
    facts = talk((0.1, "s", size.to_bytes(3, "little") + b"\0" + greeting), (0.2, "c", mysql.login()), port=7777)
    assert counts(facts)["login"][0] == 1
    hello = mongodb.msg({"hello": 1, "x" * (size - 39): None})
    assert len(hello) == size
    assert counts(talk((0.1, "c", hello), (0.2, "s", mongodb.msg(mongodb.OK, 2, 1)), port=7777))["hello"] == (1, 1, {})


def test_a_conversation_given_up_may_be_another_one() -> None:
    facts = talk(
        (0.1, "c", kafka.request(kafka.METADATA, 1, 7)),
        (0.2, "c", b"\xff" * 20),
        (0.3, "c", redis.ask(b"GET", b"k")),
        (0.4, "s", b"$-1\r\n"),
        (0.5, "c", kafka.request(kafka.METADATA, 1, 8)),
        port=7777,
    )
    assert counts(facts) == {"GET": (1, 1, {})}


def test_first_bytes_in_two_segments() -> None:
    facts = talk(
        (0.1, "c", redis.ask(b"GET", b"k")[:5]),
        (0.2, "c", redis.ask(b"GET", b"k")[5:]),
        (0.3, "s", b"$-1\r\n"),
        port=6379,
    )
    assert counts(facts) == {"GET": (1, 1, {})}


@pytest.mark.parametrize("port", TALKS)
def test_facts_so_far_and_through_json(port: int) -> None:
    capture = conversation(*segments(port), port=port).bytes()
    analyser = Analyser()
    for at in range(0, len(capture), 50):
        analyser.feed(capture[at : at + 50])
        so_far = analyser.peek()
        assert so_far.services.responses <= sum(responses for _, responses, _ in WHOLE[port].values())
    facts = analyser.finish()
    assert facts == analyse(capture)
    assert decode(Facts, encode(facts)) == facts
