"""HTTP responses that take long, and whether the server or the network takes the time."""

from workers.contract.facts import HttpGroup, Spread
from workers.contract.report import Finding, Severity
from workers.findings.case import MANY_DROPS, Case, Web, refs
from workers.findings.sides import lossy
from workers.findings.trouble import fold
from workers.findings.web import Site, request, sites
from workers.findings.words import duration, figures, plural

RULE = "http-slow"

SLOW_P95 = 0.5
"""Seconds. Inside a cluster a call takes milliseconds; at half a second callers pile up and people notice."""

CRITICAL_P50 = 1.0
"""When half of all calls are that slow it is no tail any more."""

LEAST = 5
"""Samples from which a 95th percentile means anything."""

SERVER_STEP = "Read the server's own timings for these requests and what it waits for: database, upstream, CPU limit."
NETWORK_STEP = "Check where both ends run and what lies between, for distance and loss, before the server itself."

MANY = 20
"""Samples of which more than one lies beyond the 95th percentile."""

SERVER_SHARE = 0.5
"""Round trip over response time below which the server takes the time."""


def check(case: Case) -> list[Finding]:
    """One finding for each server with slow responses."""
    found = sites(case, _slow)
    return fold(_finding(site) for site in found if any(_credible(case, web) for web in site.bad))


def _credible(case: Case, web: Web) -> bool:
    """Where packets are missing, responses may be taken for those of earlier requests: one or two prove nothing."""
    latency = web.group.latency
    enough = latency.count >= MANY or (latency.count >= LEAST and latency.p50 >= SLOW_P95)
    return enough or case.gaps(web.target) <= MANY_DROPS


def _slow(group: HttpGroup) -> bool:
    few = group.latency.count < LEAST
    return group.latency.count > 0 and (group.latency.p50 if few else group.latency.p95) >= SLOW_P95


def _severity(group: HttpGroup) -> Severity:
    if group.latency.count < LEAST:
        return Severity.WARNING if group.latency.count >= 3 else Severity.NOTE
    return Severity.CRITICAL if group.latency.p50 >= CRITICAL_P50 else Severity.WARNING


def _finding(site: Site) -> Finding:
    worst = max((w.group for w in site.bad), key=lambda g: (g.latency.count >= LEAST, g.latency.p95))
    latency = worst.latency
    return Finding(
        RULE,
        _severity(worst),
        site.confidence(latency.count < LEAST),
        f"{site.who}: {request(worst)} is slow, 95 % within {duration(latency.p95)} (median {duration(latency.p50)}, "
        f"worst {duration(latency.max)}, {plural(latency.count, 'response')})."
        f"{_blame(site, latency)}",
        sum(w.group.latency.count for w in site.bad),
        refs((w.target, [w.group.slowest_frame]) for w in site.bad if w.group.slowest_frame > 0),
        NETWORK_STEP if _far(site, latency) or lossy(site.talks) else SERVER_STEP,
        site.filter(f"http.time > {SLOW_P95:g}"),
        figures=figures(p50_s=latency.p50, p95_s=latency.p95, max_s=latency.max, rtt_s=site.rtt),
        servers=site.servers,
        facts=site.links("latency"),
    )


def _far(site: Site, latency: Spread) -> bool:
    """Whether round trips alone take that long."""
    return site.rtt is not None and site.rtt >= SERVER_SHARE * latency.p95


def _blame(site: Site, latency: Spread) -> str:
    rtt = site.rtt
    if rtt is None:
        return ""
    if _far(site, latency):
        return f" The network's round trip alone is {duration(rtt)}, so look at the network first."
    if lossy(site.talks):
        return f" The network's round trip is {duration(rtt)}, but packets are lost and sent again: look there first."
    text = f" The network's round trip is {duration(rtt)}, so the time is spent in {site.name}"
    return (
        f"{text}; half of the calls are quick, so one of its pods may be at fault."
        if _split(site, latency)
        else f"{text}."
    )


def _split(site: Site, latency: Spread) -> bool:
    """A service whose quick half and slow half are far apart."""
    named = site.case.names.get(site.end[0])
    return named is not None and named.kind == "service" and latency.p50 * 10 < latency.p95
