"""An MTU black hole: small packets pass, large ones vanish (RFC 2923 section 2.1), and the sender is not told the size
that fits, or does not obey it (RFC 1191, RFC 8201)."""

from collections.abc import Callable

from workers.contract.facts import IcmpError
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, pointers
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import listing, number, plural

RULE = "mtu-black-hole"

LARGE = 1200
"""Bytes. IPv6 asks for 1,280 everywhere (RFC 8200 section 5); tunnels over 1,500 leave 1,380 and more."""

REPEATS = 3
"""Times a large packet is sent again in vain."""

WINDOW = 16
"""Segments: the initial window (10, RFC 6928) and the small ones around it. More means that data got through."""

HEADERS = 60
"""Bytes of IPv6 and TCP headers beside a full segment."""

JUMBO = 9_216
"""Bytes of the largest packets networks carry; larger ones in a capture are cut up later (segmentation offload)."""

TOO_LARGE = ("fragmentation needed", "packet too big")


def check(case: Case) -> list[Finding]:
    """One finding for each server and direction that large packets don't survive."""
    opened = [t for t in case.talks if t.tcp.handshake in ("complete", "unseen") and t.target not in case.one_way]
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
        mine, _ = talk.ends(side)
        if mine.undelivered.count >= REPEATS and (_disobeys(talk, side) or _passes_small(talk, side)):
            return True
        again, largest, flying, segments = _side(talk, side)
        if talk.tcp.handshake != "complete" or flying < LARGE - 100 or segments > WINDOW:
            return False
        if again >= REPEATS and largest >= LARGE:
            return mine.largest_acknowledged < largest
        return again <= 0 and side == "server" and _missing(case, talk)

    return stuck


def _disobeys(talk: Talk, side: str) -> bool:
    """Whether a router told the sender a size, and it goes on with larger packets that nobody acknowledges."""
    mine, _ = talk.ends(side)
    return 0 < mine.told_mtu < mine.undelivered_size <= _largest(talk, side)


def _passes_small(talk: Talk, side: str) -> bool:
    """Whether smaller packets arrived while the large ones did not: the receiver has data behind the hole, or got the
    same bytes in smaller packets. Else the connection may just have died with a large packet under way."""
    mine, other = talk.ends(side)
    arrives = other.sacks > 0 or _late(talk, side)
    return arrives and mine.largest_acknowledged > 0 and LARGE <= mine.undelivered_size <= _largest(talk, side)


def _largest(talk: Talk, side: str) -> int:
    """Bytes of the largest packet that can be on the wire: what the receiver takes in, where that is known."""
    mss = talk.ends(side)[1].mss
    return min(mss + HEADERS, JUMBO) if mss > 0 else JUMBO


def _late(talk: Talk, side: str) -> bool:
    """Everything was acknowledged in the end, the largest packets only in pieces."""
    mine, _ = talk.ends(side)
    return mine.undelivered.count >= REPEATS and mine.largest_acknowledged > 0 and _side(talk, side)[2] <= 0


def _missing(case: Case, talk: Talk) -> bool:
    """Seen from the receiver: its small last segment arrives, the large ones before it never do."""
    waits = talk.tcp.lost_segments.count > 0 and talk.tcp.duplicate_acks.count > 0
    return waits and case.waited(talk.target, talk.flow.last_at if not talk.tcp.fins else talk.flow.first_at)


def _small(talk: Talk, side: str) -> bool:
    """Small packets vanish as well: an outage, whatever the size."""
    again, largest, flying, _ = _side(talk, side)
    return again >= REPEATS and flying > 0 and largest < LARGE and not _disobeys(talk, side)


def _finding(case: Case, trouble: Trouble, side: str) -> Finding:
    told = _told(case, trouble)
    mtu = min(
        (fits for t in trouble.bad if (fits := t.ends(side)[0].told_mtu) > 0),
        default=min((error.mtu for _, _, error in told if error.mtu > 0), default=0),
    )
    again = sum(max(0, _side(t, side)[0]) for t in trouble.bad)
    largest = max(t.ends(side)[0].undelivered_size or _side(t, side)[1] for t in trouble.bad)
    passed = max(t.ends(side)[0].largest_acknowledged for t in trouble.bad)
    others = any(t.ends(side)[0].largest_acknowledged >= largest > 0 for t in trouble.all)
    follows = 0 < largest <= mtu
    size = f" below {number(largest)}" if follows else f" of at most {number(mtu)}" if mtu else " that fits"
    probe = f"`ping -M do -s {largest - 28 if LARGE <= largest <= JUMBO else 1472}`"
    return Finding(
        RULE,
        Severity.CRITICAL if len(trouble.bad) > 1 else Severity.WARNING,
        trouble.confidence(not again and not told, others),
        f"{trouble.who}: an MTU black hole swallows large packets from the {side} in {trouble.of('connection')}, small "
        f"ones pass{_tries(again, largest, passed)}; {_why(trouble, side, told, mtu, largest)}{trouble.each}."
        f"{_delay(trouble, side)}{trouble.one_pod}",
        len(trouble.bad),
        trouble.refs(lambda t: _frames(t, side)),
        f"{_obey(trouble, side) if 0 < mtu < largest else ''}Try {probe} towards the server; set an MTU{size} on the "
        "pod's interface or the tunnel, or clamp the MSS, and let ICMP pass.",
        trouble.filter("(tcp.analysis.retransmission || tcp.analysis.lost_segment || icmp.code == 4)"),
        figures=trouble.figures(
            resent=again, largest_bytes=largest or None, arrived_bytes=passed or None, mtu=mtu or None
        ),
        servers=trouble.servers,
        facts=(
            *pointers(((i, f"icmp_errors/{nth}") for i, nth, _ in told), 4),
            *trouble.links(f"tcp/{side}/undelivered", f"tcp/{side}/told_mtu", f"tcp/unacknowledged_{side}")[:16],
        ),
    )


def _frames(talk: Talk, side: str) -> list[int]:
    """What was sent again, the errors about it, or what is missing."""
    mine, _ = talk.ends(side)
    again = mine.undelivered.frames or getattr(talk.tcp, f"retransmissions_{side}").frames
    return [*mine.too_big.frames[:3], *(again or talk.tcp.lost_segments.frames)]


def _tries(again: int, largest: int, passed: int) -> str:
    """ " (up to 1,500 bytes sent again 12 times in vain, nothing over 240 bytes arrived)"."""
    if not again:
        return ""
    limit = f", nothing over {number(passed)} bytes arrived" if 0 < passed < largest else ""
    return f" (up to {number(largest)} bytes sent again {plural(again, 'time')} in vain{limit})"


def _why(trouble: Trouble, side: str, told: list[tuple[int, int, IcmpError]], mtu: int, largest: int) -> str:
    """Who told the sender what, and what it made of it."""
    if not told and not mtu:
        return "no ICMP error tells the sender"
    router = listing((trouble.case.name(error.sender) for _, _, error in told), 2) or "a router"
    if not mtu:
        return f"{router} says they are too large (ICMP), but not what fits"
    then = f", but packets of {number(largest)} vanish, too" if largest > 0 else ""
    then = f", it goes on with {number(largest)}" if largest > mtu else then
    return f"{router} told {trouble.side(side)} that at most {number(mtu)} bytes pass (ICMP){then}"


def _delay(trouble: Trouble, side: str) -> str:
    """Senders that search for a size that passes find one, after some seconds (RFC 4821)."""
    late = sum(1 for t in trouble.bad if _late(t, side))
    return f" {plural(late, 'connection')} got through late, in smaller packets." if late else ""


def _obey(trouble: Trouble, side: str) -> str:
    """What to ask of the sender, when its own capture shows that the error came in."""
    ips = ((t.target, t.flow.client if side == "client" else t.flow.server) for t in trouble.bad)
    if any(trouble.case.pods.get(ip) == target for target, ip in ips):
        return "The error did reach the pod: see what keeps it from the kernel there (a firewall that drops ICMP). "
    return "See whether the error reaches the sender. "


def _told(case: Case, trouble: Trouble) -> list[tuple[int, int, IcmpError]]:
    """ICMP errors about packets too large for these servers: (target, place in its facts, error)."""
    ends = {ip for t in trouble.bad for ip in (t.flow.server, t.flow.client)}
    return [
        (i, nth, error)
        for i, facts in case.facts
        for nth, error in enumerate(facts.icmp_errors)
        if error.kind in TOO_LARGE and error.about_server in ends and error.about_client in ends
    ]
