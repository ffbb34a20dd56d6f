"""Connections that only the client believes in: the server's pod was replaced, or lost its state, meanwhile."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, one_sided
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import number

RULE = "stale-connection"

REPEATS = 3
"""Times the same data goes unanswered before silence is no loss any more (over 1.4 s by RFC 6298)."""

LARGE = 1200
"""Bytes of a packet that may be too large for the way rather than unwelcome; another rule's matter."""

AT_ONCE = 0.5
LEAST = 2


def check(case: Case) -> list[Finding]:
    """One finding for each server that does not know connections its clients use."""
    found = troubles(case, [t for t in case.talks if t.target not in case.one_way], lambda t: _stale(t) != "")
    return fold(_finding(case, trouble) for trouble in found)


def _stale(talk: Talk) -> str:
    """ "reset" or "silent" when the server does not know the connection, else ""."""
    flow, tcp = talk.flow, talk.tcp
    if tcp.handshake not in ("unseen", "complete") or flow.client_packets <= 0:
        return ""
    first = tcp.resets[0] if tcp.resets else None
    if first is not None:
        unknown = tcp.handshake == "unseen" and flow.server_payload <= 0 and first.by == "server"
        return "reset" if unknown and first.stage == "before-response" and 0 <= first.waited <= AT_ONCE else ""
    again = tcp.retransmissions_client.count - max(0, tcp.syns.count - 1)
    if flow.server_packets <= 0:
        return "silent" if tcp.handshake == "unseen" and again >= REPEATS and not one_sided(flow) else ""
    stuck = again >= REPEATS and tcp.unacknowledged_client > 0
    return "silent" if stuck and tcp.largest_resent_client < LARGE and flow.server_payload > 0 else ""


def _finding(case: Case, trouble: Trouble) -> Finding:
    reset = sum(1 for t in trouble.bad if _stale(t) == "reset")
    count = len(trouble.bad)
    how = (
        "the server answers what they send with a RST"
        if reset == count
        else "the server says nothing to what they send"
        if not reset
        else f"the server answers {number(reset)} of them with a RST and the others not at all"
    )
    fresh = sum(1 for t in trouble.all if t.tcp.handshake == "complete" and _stale(t) == "")
    works = f" New connections work ({number(fresh)} seen)." if fresh else ""
    return Finding(
        RULE,
        Severity.WARNING if count >= LEAST else Severity.NOTE,
        trouble.confidence(not fresh),
        f"{trouble.who}: {trouble.of('connection')} {'is' if count == 1 else 'are'} dead and the client does not know; "
        f"{how}{trouble.each}.{works}",
        count,
        trouble.refs(lambda t: [r.frame for r in t.tcp.resets[:1]] or t.tcp.retransmissions_client.frames),
        "See whether the server's pod was replaced or its node lost before (rollout, eviction); set keep-alives and a "
        "maximum age for the client's connections so that it notices.",
        trouble.filter("(tcp.flags.reset == 1 || tcp.analysis.retransmission || tcp.analysis.keep_alive)"),
        figures=trouble.figures(reset=reset, fresh=fresh),
        servers=trouble.servers,
        facts=trouble.links("tcp"),
    )
