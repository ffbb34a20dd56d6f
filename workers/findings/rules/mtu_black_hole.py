"""An MTU black hole: small packets pass, large ones vanish, and nobody tells the sender (RFC 2923 section 2.1)."""

from collections.abc import Callable

from workers.contract.facts import IcmpError
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, pointers
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import number

RULE = "mtu-black-hole"

LARGE = 1200
"""Bytes. IPv6 asks for 1,280 everywhere (RFC 8200 section 5); tunnels over 1,500 leave 1,380 and more."""

REPEATS = 3
"""Times a large packet is sent again in vain."""

WINDOW = 16
"""Segments: the initial window (10, RFC 6928) and the small ones around it. More means that data got through."""

TOO_LARGE = ("fragmentation needed", "packet too big")


def check(case: Case) -> list[Finding]:
    """One finding for each server and direction that large packets don't survive."""
    opened = [t for t in case.talks if t.tcp.handshake == "complete" and t.target not in case.one_way]
    found: list[Finding] = []
    for side in ("client", "server"):
        stuck = troubles(case, opened, _stuck(case, side))
        found += [_finding(case, t, side) for t in stuck if not any(_small(talk, side) for talk in t.all)]
    return fold(found)


def _side(talk: Talk, side: str) -> tuple[int, int, int, int]:
    """Of one sender: times it sent again, largest packet sent again, bytes never acknowledged, different segments."""
    tcp = talk.tcp
    if side == "server":
        again = tcp.retransmissions_server.count
        return again, tcp.largest_resent_server, tcp.unacknowledged_server, tcp.data_segments_server - again
    again = tcp.retransmissions_client.count - max(0, tcp.syns.count - 1)
    return again, tcp.largest_resent_client, tcp.unacknowledged_client, tcp.data_segments_client - again


def _stuck(case: Case, side: str) -> Callable[[Talk], bool]:
    def stuck(talk: Talk) -> bool:
        again, largest, flying, segments = _side(talk, side)
        if flying < LARGE - 100 or segments > WINDOW:
            return False
        return (again >= REPEATS and largest >= LARGE) or (again <= 0 and side == "server" and _missing(case, talk))

    return stuck


def _missing(case: Case, talk: Talk) -> bool:
    """Seen from the receiver: its small last segment arrives, the large ones before it never do."""
    waits = talk.tcp.lost_segments.count > 0 and talk.tcp.duplicate_acks.count > 0
    return waits and case.waited(talk.target, talk.flow.last_at if not talk.tcp.fins else talk.flow.first_at)


def _small(talk: Talk, side: str) -> bool:
    """Small packets vanish as well: an outage, whatever the size."""
    again, largest, flying, _ = _side(talk, side)
    return again >= REPEATS and flying > 0 and largest < LARGE


def _finding(case: Case, trouble: Trouble, side: str) -> Finding:
    told = _told(case, trouble)
    mtu = min((error.mtu for _, _, error in told if error.mtu > 0), default=0)
    again = sum(max(0, _side(t, side)[0]) for t in trouble.bad)
    largest = max(_side(t, side)[1] for t in trouble.bad)
    tries = f" (sent again {number(again)} times, up to {number(largest)} bytes)" if again else ""
    why = (
        f"a router asks for at most {number(mtu)} bytes (ICMP) and the sender does not follow"
        if mtu
        else "no ICMP error tells the sender"
    )
    size = f" of at most {number(mtu)}" if mtu else " that fits"
    return Finding(
        RULE,
        Severity.CRITICAL if len(trouble.bad) > 1 else Severity.WARNING,
        trouble.confidence(not again and not told),
        f"{trouble.who}: an MTU black hole swallows large packets from the {side} in {trouble.of('connection')}, small "
        f"ones pass{tries}; {why}{trouble.each}.{trouble.one_pod}",
        len(trouble.bad),
        trouble.refs(lambda t: getattr(t.tcp, f"retransmissions_{side}").frames or t.tcp.lost_segments.frames),
        f"Try `ping -M do -s 1472` towards the server; set an MTU{size} on the pod's interface or the tunnel, or clamp "
        "the MSS, and let ICMP pass.",
        trouble.filter("(tcp.analysis.retransmission || tcp.analysis.lost_segment || icmp.code == 4)"),
        figures=trouble.figures(resent=again, largest_bytes=largest or None, mtu=mtu or None),
        servers=trouble.servers,
        facts=(
            *pointers(((i, f"icmp_errors/{nth}") for i, nth, _ in told), 4),
            *trouble.links(f"tcp/largest_resent_{side}", f"tcp/unacknowledged_{side}")[:16],
        ),
    )


def _told(case: Case, trouble: Trouble) -> list[tuple[int, int, IcmpError]]:
    """ICMP errors about packets too large for these servers: (target, place in its facts, error)."""
    ends = {ip for t in trouble.bad for ip in (t.flow.server, t.flow.client)}
    return [
        (i, nth, error)
        for i, facts in case.facts
        for nth, error in enumerate(facts.icmp_errors)
        if error.kind in TOO_LARGE and error.about_server in ends and error.about_client in ends
    ]
