"""Keep-alive mismatch: a request on a connection that was quiet for long meets a RST, the server closed it."""

from workers.contract.facts import Reset
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, finite
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import duration

RULE = "idle-reset"

IDLE = 1.0
"""Seconds of quiet before the request; common keep-alive timeouts are 5 s (Node.js, Apache) to 75 s (nginx)."""

AT_ONCE = 0.5
"""Seconds the RST may take: no application answers it, only the kernel and the way there and back."""

LEAST = 2


def check(case: Case) -> list[Finding]:
    """One finding for each server that resets connections when they are used again."""
    return fold(_finding(trouble) for trouble in troubles(case, case.talks, lambda t: _first(t) is not None))


def _first(talk: Talk) -> Reset | None:
    first = next((r for r in talk.tcp.resets if r.stage not in ("refused", "handshake")), None)
    if first is None or first.by != "server" or talk.flow.client_payload <= 0:
        return None
    return first if first.idle >= IDLE and 0 <= first.waited <= AT_ONCE else None


def _finding(trouble: Trouble) -> Finding:
    resets = [r for t in trouble.bad if (r := _first(t)) is not None]
    quiet = finite(r.idle for r in resets)
    shortest = quiet[0] if quiet else None
    return Finding(
        RULE,
        Severity.WARNING if len(resets) >= LEAST else Severity.NOTE,
        trouble.confidence(),
        f"{trouble.who}: {trouble.of('connection')} {'was' if len(resets) == 1 else 'were'} reset as soon as a request "
        f"came after {duration(shortest)} or more of quiet; the server drops idle connections before the client does"
        f"{trouble.each}.{trouble.one_pod}",
        len(resets),
        trouble.refs(lambda t: [r.frame for r in t.tcp.resets[:1]]),
        "Make the client's (or proxy's) idle timeout shorter than the server's keep-alive timeout, and let it repeat "
        "such requests. A firewall or NAT that forgets idle connections looks the same.",
        trouble.filter("tcp.flags.reset == 1"),
        figures=trouble.figures(shortest_idle_s=shortest, longest_idle_s=quiet[-1] if quiet else None),
        servers=trouble.servers,
        facts=trouble.links("tcp/resets"),
    )
