"""Packets and bytes over time are told by who sent them; what belongs to no conversation is told in neither."""

from tests.unit.analysis.captures import ACK, analyse
from tests.unit.findings.golden.traffic import LEDGER, PAYMENTS, Scene
from workers.contract.facts import Facts

ARP = bytes(12) + b"\x08\x06" + bytes(28)


def both(data: bytes) -> Facts:
    """The facts, which are the same by the plain core."""
    facts = analyse(data)
    assert analyse(data, compiled=False) == facts
    return facts


def test_both_directions_add_up_to_the_conversations() -> None:
    facts = both(Scene().normal().bytes())
    line, flows = facts.timeline, facts.conversations
    assert sum(line.client_packets) == sum(flow.client_packets for flow in flows)
    assert sum(line.server_packets) == sum(flow.server_packets for flow in flows)
    assert sum(line.client_packets) + sum(line.server_packets) == facts.packets
    assert sum(line.client_bytes) + sum(line.server_bytes) == facts.wire_bytes
    assert len(line.client_bytes) == len(line.server_bytes) == len(line.bytes)


def test_arp_has_no_direction() -> None:
    scene = Scene()
    scene.tcp(PAYMENTS, 8080, 0.0).syn()
    scene.add(0.5, ARP)
    line = both(scene.bytes()).timeline
    assert (sum(line.packets), sum(line.client_packets), sum(line.server_packets)) == (2, 1, 0)


def test_a_server_that_talks_first_is_none_once_its_answer_shows_it() -> None:
    """The SYN-ACK says who the server is, though its port is the higher one and it is seen first."""
    scene = Scene()
    link = scene.tcp(LEDGER, 50_000, 0.0, client_port=1_024)
    link.synack().wait(0.1).packet("c", ACK)
    line = both(scene.bytes()).timeline
    assert (sum(line.server_packets), sum(line.client_packets)) == (1, 1)


def test_directions_stay_in_their_bins_as_the_capture_grows() -> None:
    scene = Scene()
    for at in (0.0, 1.0, 600.0):
        scene.tcp(PAYMENTS, 8080, at).open().get("/a", body=bytes(3_000)).close()
    line = both(scene.bytes()).timeline
    assert line.width > 0.01
    used = [n for n, count in enumerate(line.packets) if count]
    assert used == [n for n, (c, s) in enumerate(zip(line.client_packets, line.server_packets, strict=True)) if c and s]
    assert all(c + s == n for n, c, s in zip(line.bytes, line.client_bytes, line.server_bytes, strict=True))
