"""HTTP requests that never got a response although the capture went on."""

from workers.contract.report import Finding, Severity
from workers.findings.case import ANSWER_WAIT, Case, one_sided, refs, tally
from workers.findings.trouble import fold
from workers.findings.web import Site, mostly, sites
from workers.findings.words import figures, of, ratio

RULE = "http-unanswered"

CRITICAL_SHARE = 0.1
"""A tenth of the requests left hanging is an incident."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that leaves requests without a response."""
    found = sites(case, lambda g: g.unanswered.count > 0)
    return fold(_finding(site, count) for site in found if (count := _judged(site)) > 0 and not _gaps(site, count))


def _gaps(site: Site, count: int) -> bool:
    return site.case.may_be_gaps((w.target for w in site.bad), count, site.requests)


def _judged(site: Site) -> int:
    """Unanswered requests, less those in flight when the capture ended and those a RST cut off (another rule's)."""
    if site.bad[0].target in site.case.one_way:
        return 0
    silent = [t for t in site.talks if t.flow.server_payload <= 0 and not one_sided(t.flow)]
    if len(silent) < len(site.talks) and not any(any(w.group.statuses.values()) for w in site.all):
        return len(silent)  # it did answer, only not in HTTP that we can read
    flying = sum(
        1 for t in site.talks if not _ended(t.tcp.fins, t.tcp.resets) and _late(site.case, t.target, t.flow.last_at)
    )
    cut = sum(1 for t in site.talks if any(r.stage == "before-response" for r in t.tcp.resets))
    return tally(w.group.unanswered for w in site.bad) - flying - cut


def _ended(fins: int, resets: tuple[object, ...]) -> bool:
    return fins > 0 or bool(resets)


def _late(case: Case, target: int, last_at: float) -> bool:
    facts = case.targets[target].facts
    return facts is not None and facts.last_at - last_at < ANSWER_WAIT


def _finding(site: Site, count: int) -> Finding:
    requests = max(site.requests, count)
    share = ratio(count, requests)
    worst = max(site.bad, key=lambda w: w.group.unanswered.count).group
    many = count >= 3 and share >= CRITICAL_SHARE
    some = count >= 3 or count == requests or (count == 2 and share >= CRITICAL_SHARE)
    lost = any(t.tcp.lost_segments.count > 0 for t in site.talks)
    return Finding(
        RULE,
        Severity.CRITICAL if many else Severity.WARNING if some else Severity.NOTE,
        site.confidence(lost, count < 3),
        f"{site.who}: {of(count, requests, 'request')} got no response{mostly(site.bad, worst)}.",
        count,
        refs((w.target, w.group.unanswered.frames) for w in site.bad),
        f"Look for blocked or crashed workers in {site.name}, and at what it waits for itself.",
        site.filter("http.request && !http.response_in"),
        figures=figures(unanswered=count, requests=requests, share=share),
        servers=site.servers,
        facts=site.links("unanswered"),
    )
