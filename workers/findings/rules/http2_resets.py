"""HTTP/2 streams broken off by RST_STREAM, by error code (RFC 9113 sections 6.4 and 7)."""

from workers.contract.facts import HttpGroup, Tally
from workers.contract.report import Finding, Severity
from workers.findings.backends import by_name
from workers.findings.case import Case, refs, tally
from workers.findings.trouble import fold
from workers.findings.web import Site, request, sites
from workers.findings.words import figures, of, ratio

RULE = "http2-reset"

QUIET = frozenset({"NO_ERROR", "CANCEL", "GOAWAY"})
"""A response that needs no more of the request; a caller that lost interest; and what another rule tells."""

MEANING = {
    "REFUSED_STREAM": "not taken, safe to send again",
    "ENHANCE_YOUR_CALM": "too much asked",
    "INTERNAL_ERROR": "that side failed",
    "PROTOCOL_ERROR": "the protocol was broken",
    "FLOW_CONTROL_ERROR": "flow control was broken",
    "STREAM_CLOSED": "the stream was closed before",
    "CONNECT_ERROR": "the tunnel broke",
    "HTTP_1_1_REQUIRED": "HTTP/1.1 wanted",
}

LEAST = 3
CRITICAL_SHARE = 0.05
GAVE_UP = 0.2
"""Part of all requests that callers cancel, from which on they give up rather than lose interest."""


def check(case: Case) -> list[Finding]:
    """One finding for each server with broken streams, or whose callers often cancel."""
    found = [_broken(site) for site in sites(case, lambda group: bool(_codes(group)))]
    cancelled = sites(case, lambda group: _cancels(group).count > 0)
    found += [_cancelled(site) for site in cancelled if _often(site)]
    return fold(found)


def _codes(group: HttpGroup) -> dict[str, Tally]:
    return {code: seen for code, seen in group.resets.items() if code not in QUIET and seen.count > 0}


def _cancels(group: HttpGroup) -> Tally:
    """Cancelled before an answer was whole; streams that go on until cancelled are told by their latency."""
    return group.resets.get("CANCEL", Tally())


def _often(site: Site) -> bool:
    count = tally(_cancels(w.group) for w in site.bad)
    answered = sum(w.group.latency.count for w in site.bad)
    asked = sum(max(0, w.group.requests.count) for w in site.bad)
    return count >= LEAST and ratio(count, asked) >= GAVE_UP and answered <= asked - count


def _broken(site: Site) -> Finding:
    counts: dict[str, int] = {}
    for web in site.bad:
        for code, seen in _codes(web.group).items():
            counts[code] = counts.get(code, 0) + seen.count
    total = sum(counts.values())
    requests = max(site.requests, total)
    worst = max(site.bad, key=lambda w: tally(_codes(w.group).values())).group
    critical = total >= LEAST and ratio(total, requests) >= CRITICAL_SHARE
    return Finding(
        RULE,
        Severity.CRITICAL if critical else Severity.WARNING if total >= LEAST else Severity.NOTE,
        site.confidence(total < LEAST),
        f"{site.who}: {of(total, requests, 'HTTP/2 stream')} broken off "
        f"({request(worst)}) with {by_name(counts.items(), MEANING)}.",
        total,
        refs((w.target, seen.frames) for w in site.bad for seen in _codes(w.group).values()),
        "Read the log of the side that sent RST_STREAM. REFUSED_STREAM and ENHANCE_YOUR_CALM: compare the client's "
        "concurrency with the server's limit of streams.",
        site.filter("tcp.len > 0"),
        figures=figures(resets=total, requests=requests, share=ratio(total, requests)),
        servers=site.servers,
        facts=site.links("resets"),
    )


def _cancelled(site: Site) -> Finding:
    total = tally(_cancels(w.group) for w in site.bad)
    requests = max(total, sum(max(0, w.group.requests.count) for w in site.bad))
    worst = max(site.bad, key=lambda w: _cancels(w.group).count).group
    return Finding(
        RULE,
        Severity.WARNING,
        site.confidence(True),
        f"{site.who}: {of(total, requests, 'HTTP/2 request')} cancelled by the caller before any answer "
        f"({request(worst)}).",
        total,
        refs((w.target, _cancels(w.group).frames) for w in site.bad),
        f"The caller gave up: compare its deadline with how long {site.name} takes.",
        site.filter("tcp.len > 0"),
        figures=figures(cancelled=total, requests=requests, share=ratio(total, requests)),
        servers=site.servers,
        facts=site.links("resets", "latency"),
    )
