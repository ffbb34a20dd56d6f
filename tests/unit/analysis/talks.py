"""Conversations of services for tests: what each side says, in turn, as TCP segments."""

from tests.unit.analysis.captures import ACK, PSH, Pcap, Tcp, analyse
from workers.analysis import Analyser
from workers.contract.facts import Facts
from workers.contract.facts_services import ServiceGroup

Segment = tuple[float, str, bytes]
"""Time in seconds, side, payload. Sides: "c" client, "s" server; "C" and "S" are sent, but not captured."""


def conversation(*segments: Segment, port: int, snaplen: int = 262_144, handshake: bool = True) -> Pcap:
    """A conversation with these payloads; each acknowledges what the other side said before."""
    pcap = Pcap(snaplen=snaplen)
    tcp, sent = Tcp(pcap, server_port=port), {"c": 1, "s": 1}
    if handshake:
        tcp.handshake()
    for time, side, data in segments:
        me, other = side.lower(), "s" if side in "cC" else "c"
        if side == me:
            tcp.send(time, me, PSH | ACK, sent[me], sent[other], data)
        sent[me] += len(data)
    return pcap


def talk(*segments: Segment, port: int, snaplen: int = 262_144, handshake: bool = True) -> Facts:
    """Facts of such a conversation, the same for another chunking of the file and from both cores."""
    return checked(conversation(*segments, port=port, snaplen=snaplen, handshake=handshake))


def checked(pcap: Pcap) -> Facts:
    """Facts of a capture, the same for another chunking of the file and from both cores."""
    capture = pcap.bytes()
    facts, plain = analyse(capture), Analyser(compiled=False)
    plain.feed(capture)
    assert plain.finish() == facts
    assert analyse(capture, *range(0, len(capture), 61)) == facts
    return facts


def groups(facts: Facts) -> dict[str, ServiceGroup]:
    """Groups of a single server by operation."""
    found = {group.operation: group for group in facts.services.groups}
    assert len(found) == len(facts.services.groups)
    return found


Counts = dict[str, tuple[int, int, dict[str, int]]]
"""Operation -> requests, responses, errors."""


def counts(facts: Facts) -> Counts:
    """Operation -> requests, responses, errors."""
    return {name: (one.requests.count, one.responses, one.errors) for name, one in groups(facts).items()}
