"""RSTs that the named sender did not send: their TTL says they come from another distance.

Evidence as in Weaver, Sommer and Paxson, "Detecting Forged TCP Reset Packets" (NDSS 2009): TTL and IP identification.
"""

from collections.abc import Callable

from workers.contract.facts import Reset
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, median
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import number, plural

RULE = "reset-middlebox"

HOPS = 2
"""Ways of one hop more or less happen among equal paths; from two on it is another host."""

FIRST_TTLS = (32, 64, 128, 255)
"""What stacks start from (RFC 1700 recommends 64); some use another for RSTs than for data."""


def check(case: Case) -> list[Finding]:
    """One finding for each server and side in whose name something else resets."""
    found: list[Finding] = []
    for side in ("server", "client"):
        found += [_finding(t, side) for t in troubles(case, case.talks, _forged_by(side))]
    return fold(found)


def _forged_by(side: str) -> Callable[[Talk], bool]:
    return lambda talk: _first(talk, side) is not None


def _first(talk: Talk, side: str) -> Reset | None:
    first = next((r for r in talk.tcp.resets if r.by == side and r.stage != "after-fin"), None)
    return first if first is not None and abs(_nearer(first)) >= HOPS else None


def _nearer(reset: Reset) -> int:
    """How many hops nearer than the handshake's sender the RST was sent; 0 when it can't be told."""
    if not (0 < reset.ttl < 256 and 0 < reset.handshake_ttl < 256):
        return 0
    return _distance(reset.handshake_ttl) - _distance(reset.ttl)


def _distance(ttl: int) -> int:
    return next(first for first in FIRST_TTLS if ttl <= first) - ttl


def _finding(trouble: Trouble, side: str) -> Finding:
    forged = [r for t in trouble.bad if (r := _first(t, side)) is not None]
    typical = sorted(forged, key=_nearer)[len(forged) // 2]
    hops = _nearer(typical)
    away = f"{plural(abs(hops), 'hop')} {'nearer' if hops > 0 else 'farther away'}"
    one = len(forged) >= 3 and len({r.ip_id for r in forged}) == 1 and typical.ip_id > 0
    same = f" All carry the same IP-ID {number(typical.ip_id)}, as no host would." if one else ""
    return Finding(
        RULE,
        Severity.WARNING,
        trouble.confidence(len({_nearer(r) for r in forged}) > 2),
        f"{trouble.who}: {trouble.of('connection')} {'was' if len(trouble.bad) == 1 else 'were'} reset in the name of "
        f"the {side} by something else; the RSTs have TTL {typical.ttl}, the {side}'s own "
        f"{'SYN-ACKs' if side == 'server' else 'SYNs'} {typical.handshake_ttl}, "
        f"so they come from {away}.{same}",
        len(forged),
        trouble.refs(lambda t: [r.frame for r in t.tcp.resets[:1]]),
        "Look for a firewall, proxy, load balancer or service mesh on the way, and what it has against these "
        "connections (idle limit, policy, SNI).",
        trouble.filter("tcp.flags.reset == 1"),
        figures=trouble.figures(
            ttl=typical.ttl,
            handshake_ttl=typical.handshake_ttl,
            ip_id=typical.ip_id,
            handshake_ip_id=typical.handshake_ip_id,
            after_s=median(sorted(r.after for r in forged)),
        ),
        servers=trouble.servers,
        facts=trouble.links("tcp/resets"),
    )
