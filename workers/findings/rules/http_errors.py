"""HTTP responses with status 500 and above, by the server that sent them."""

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, refs, tally
from workers.findings.rules.health_check import is_probe
from workers.findings.trouble import fold
from workers.findings.web import Site, by_status, mostly, sites
from workers.findings.words import figures, of, ratio

RULE = "http-errors"

CRITICAL_SHARE = 0.05
"""One request in twenty failing is an incident for most services."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that answers with errors."""
    return fold(_finding(site) for site in sites(case, lambda g: g.errors.count > 0 and not is_probe(g)))


def _severity(errors: int, requests: int) -> Severity:
    if errors >= 3 and ratio(errors, requests) >= CRITICAL_SHARE:
        return Severity.CRITICAL
    # one error in a busy minute is in every service's error budget
    return Severity.WARNING if errors >= 3 or ratio(errors, requests) >= CRITICAL_SHARE else Severity.NOTE


def _finding(site: Site) -> Finding:
    errors = tally(w.group.errors for w in site.bad)
    requests = max(site.requests, errors)
    worst = max(site.bad, key=lambda w: w.group.errors.count).group
    statuses = by_status(site.bad)
    proxy = " 502, 503 and 504 often come from a proxy whose own upstream fails." if _proxied(site) else ""
    return Finding(
        RULE,
        _severity(errors, requests),
        site.confidence(),
        f"{site.who}: {of(errors, requests, 'request')} failed with a server error"
        f"{f' ({statuses})' if statuses else ''}{mostly(site.bad, worst)}.",
        errors,
        refs((w.target, w.group.errors.frames) for w in site.bad),
        f"Read the log of {site.name} for these requests.{proxy}",
        site.filter("http.response.code >= 500"),
        figures=figures(errors=errors, requests=requests, share=ratio(errors, requests)),
        servers=site.servers,
        facts=site.links("statuses", "errors"),
    )


def _proxied(site: Site) -> bool:
    return any(status in web.group.statuses for web in site.bad for status in ("502", "503", "504"))
