"""Clients that send failed requests again: a service in trouble gets more to do, not less."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, refs, tally
from workers.findings.trouble import fold
from workers.findings.web import Site, mostly, sites
from workers.findings.words import figures, number, percent, ratio

RULE = "retries"

LEAST = 5
SHARE = 0.1
"""Part of all requests: common retry budgets allow 10 to 20 %."""


def check(case: Case) -> list[Finding]:
    """One finding for each server whose clients repeat themselves."""
    return fold(_finding(site) for site in sites(case, lambda g: g.repeats.count > 0) if _worth(site))


def _repeats(site: Site) -> int:
    return tally(w.group.repeats for w in site.bad)


def _worth(site: Site) -> bool:
    return _repeats(site) >= LEAST and ratio(_repeats(site), site.requests) >= SHARE


def _finding(site: Site) -> Finding:
    again, requests = _repeats(site), max(site.requests, _repeats(site))
    factor = ratio(requests, max(1, requests - again))
    worst = max(site.bad, key=lambda w: w.group.repeats.count).group
    return Finding(
        RULE,
        Severity.WARNING,
        site.confidence(),
        f"{site.who}: {number(again)} of {number(requests)} requests ({percent(again, requests)}) repeat one that "
        f"had failed or waits still{mostly(site.bad, worst)}; retries make the load {factor:.1f} times as high.",
        again,
        refs((w.target, w.group.repeats.frames) for w in site.bad),
        f"Find out first why {site.name} fails; give retries a budget, backoff and jitter, and let "
        "only one layer (client, mesh or gateway) retry.",
        site.filter("http.request"),
        figures=figures(repeats=again, requests=requests, share=ratio(again, requests), factor=factor),
        servers=site.servers,
        facts=site.links("repeats"),
    )
