"""A gateway that passes on failures: its 502, 503 and 504 beside the trouble with its own upstream."""

from collections import Counter

from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, Talk, Web, links, refs, tally
from workers.findings.trouble import fold
from workers.findings.web import Site, by_status, sites
from workers.findings.words import figures, of, plural, ratio

RULE = "http-upstream"

GATEWAY = ("502", "503", "504")
"""Status codes by which a gateway speaks of its upstream (RFC 9110 section 15.6)."""

LEAST = 2
CRITICAL_SHARE = 0.05


def check(case: Case) -> list[Finding]:
    """One finding for each gateway whose upstream is seen to fail in the same capture."""
    found = sites(case, lambda g: any(g.statuses.get(code, 0) > 0 for code in GATEWAY))
    return fold(finding for site in found if (finding := _finding(case, site)) is not None)


def _failures(case: Case, gateway: str, target: int) -> dict[tuple[str, int], Counter[str]]:
    """Troubles of what the gateway itself calls, by server and kind."""
    found: dict[tuple[str, int], Counter[str]] = {}
    for talk in case.talks:
        kind = _kind(talk)
        if talk.flow.client == gateway and talk.flow.server != gateway and kind:
            found.setdefault((talk.flow.server, talk.flow.server_port), Counter())[kind] += 1
    called = {(t.flow.server, t.flow.server_port) for t in case.talks if t.flow.client == gateway}
    for web in case.webs:
        end = (web.group.server, web.group.server_port)
        if web.target == target and web.group.server != gateway and end in called:
            counts = found.setdefault(end, Counter())
            counts["answers with an error"] += max(0, web.group.errors.count)
            counts["does not answer"] += max(0, web.group.unanswered.count)
    return {end: +counts for end, counts in found.items() if +counts}


def _kind(talk: Talk) -> str:
    if talk.tcp.handshake == "refused":
        return "refuses the connection"
    if talk.tcp.handshake == "unanswered":
        return "does not answer the SYN"
    cut = any(r.by == "server" and r.stage == "before-response" for r in talk.tcp.resets)
    return "resets the connection" if cut else ""


def _finding(case: Case, site: Site) -> Finding | None:
    gateway, _ = site.end
    errors = sum(max(0, w.group.statuses.get(code, 0)) for w in site.bad for code in GATEWAY)
    failing = _failures(case, gateway, site.bad[0].target)
    end = max(failing, key=lambda one: failing[one].total(), default=None)
    if end is None or errors < LEAST or failing[end].total() < LEAST:
        return None
    kind, count = failing[end].most_common(1)[0]
    share = ratio(errors, max(site.requests, errors))
    return Finding(
        RULE,
        Severity.CRITICAL if share >= CRITICAL_SHARE else Severity.WARNING,
        site.confidence(len(failing) > 1),
        f"{site.server} passes on a failure: its upstream {case.server(*end)} {kind} "
        f"({plural(count, 'time')}), so {of(errors, max(site.requests, errors), 'request')} failed "
        f"({by_status(_only(site.bad), 502)}).",
        errors,
        refs(
            [
                *((w.target, w.group.errors.frames) for w in site.bad),
                *((t.target, [t.flow.first_frame]) for t in _bad(case, gateway, end)),
            ]
        ),
        f"Look at {case.name(end[0])}: its pods, readiness and port; {case.name(gateway)} itself only reports it.",
        filters.any_of([filters.endpoint(*site.end), filters.endpoint(*end)]),
        figures=figures(errors=errors, requests=site.requests, share=share, upstream_failures=failing[end].total()),
        servers=site.servers,
        facts=(*site.links("statuses")[:10], *links(_bad(case, gateway, end), "tcp/handshake")[:10]),
    )


def _only(webs: tuple[Web, ...]) -> tuple[Web, ...]:
    return tuple(w for w in webs if tally([w.group.errors]) > 0)


def _bad(case: Case, gateway: str, end: tuple[str, int]) -> list[Talk]:
    return [t for t in case.talks_by_end.get(end, []) if t.flow.client == gateway and _kind(t)]
