"""Client ports used again soon after their last connection: a client, or a NAT before it, that runs out of ports."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, finite, one_sided
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import duration, number, plural

RULE = "port-exhaustion"

TIME_WAIT = 60.0
"""Seconds Linux keeps a closed connection's ports from use (TIME-WAIT, RFC 9293 section 3.3.2)."""

LEAST = 5
"""Different client ports; a client that is bound to one port uses it again as a matter of course."""

SLOW = 0.2
"""Seconds of a handshake whose SYN had to be sent again."""


def check(case: Case) -> list[Finding]:
    """One finding for each server whose clients run out of ports."""
    opened = [t for t in case.talks if t.tcp.syns.count > 0]
    found = troubles(case, opened, _soon)
    return fold(_finding(t) for t in found if len({talk.flow.client_port for talk in t.bad}) >= LEAST)


def _soon(talk: Talk) -> bool:
    after = talk.tcp.reused_after
    return after is not None and 0 <= after < TIME_WAIT


def _failed(talk: Talk) -> bool:
    slow = talk.tcp.syns.count > 1 and (talk.tcp.handshake_rtt or 0.0) >= SLOW
    return slow or (talk.tcp.handshake in ("unanswered", "refused", "half-open") and not one_sided(talk.flow))


def _finding(trouble: Trouble) -> Finding:
    waits = finite(t.tcp.reused_after for t in trouble.bad)
    failed = sum(1 for t in trouble.bad if _failed(t))
    ports = len({t.flow.client_port for t in trouble.bad})
    outcome = f"{number(failed)} of these failed or had to wait" if failed else "they still came about"
    return Finding(
        RULE,
        Severity.WARNING if failed else Severity.NOTE,
        trouble.confidence(not failed),
        f"{trouble.who}: client ports run out, {trouble.of('connection')} took one again "
        f"{duration(waits[0] if waits else None)} or more after its last use ({plural(ports, 'port')}); {outcome}"
        f"{trouble.each}.",
        len(trouble.bad),
        trouble.refs(lambda t: t.tcp.syns.frames),
        "Keep connections open (keep-alive, a pool) rather than one a request; see `ss -tan state time-wait | wc -l`, "
        "ip_local_port_range, and the ports of NAT gateways on the way.",
        trouble.filter("tcp.flags.syn == 1"),
        figures=trouble.figures(ports=ports, failed=failed, shortest_s=waits[0] if waits else None),
        servers=trouble.servers,
        facts=trouble.links("tcp/reused_after"),
    )
