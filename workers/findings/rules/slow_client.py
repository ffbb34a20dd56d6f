"""The client is what takes the time: it sends its request slowly, or does not read the response."""

from workers.contract.facts import HttpGroup
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, refs, tally
from workers.findings.trouble import fold
from workers.findings.web import Site, request, sites
from workers.findings.windows import limited
from workers.findings.words import duration, figures, plural, ratio

RULE = "client-slow"

SLOW = 1.0
"""Seconds half of the transfers take at least."""

LEAST = 3

LARGE = 1_000_000
"""Bytes a request: uploads that large take their time whoever sends them."""

LOSS = 0.03
"""Part of the client's data sent again, from which on the network is to blame."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that waits for its clients."""
    return fold(_finding(site) for site in sites(case, lambda g: _sends(g) or _reads(g)) if _to_blame(site))


def _sends(group: HttpGroup) -> bool:
    return group.upload.count >= LEAST and group.upload.p50 >= SLOW and group.upload.p50 > 2 * group.latency.p50


def _reads(group: HttpGroup) -> bool:
    return group.download.count >= LEAST and group.download.p50 >= SLOW and group.download.p50 > 2 * group.latency.p50


def _to_blame(site: Site) -> bool:
    """Whether it is the client, not a server that does not read, a lossy way, a small window or sheer size."""
    talks = site.talks
    if any(limited(t, "client") is not None for t in talks):
        return False
    if not any(_sends(w.group) for w in site.bad):
        return any(t.tcp.zero_windows_client.count > 0 for t in talks)
    again = tally(t.tcp.retransmissions_client for t in talks)
    sent = sum(max(0, t.tcp.data_segments_client) for t in talks)
    full = any(t.tcp.zero_windows_server.count > 0 for t in talks)
    payload = sum(max(0, t.flow.client_payload) for t in talks)
    return not full and ratio(again, sent) < LOSS and payload < LARGE * max(1, site.requests)


def _finding(site: Site) -> Finding:
    worst = max((w.group for w in site.bad), key=lambda g: max(g.upload.p50, g.download.p50))
    sends = _sends(worst)
    spread = worst.upload if sends else worst.download
    what = "send its request" if sends else "read the response"
    return Finding(
        RULE,
        Severity.WARNING,
        site.confidence(spread.count < 2 * LEAST),
        f"{site.who}: the client is slow, it takes {duration(spread.p50)} to {what}, the server "
        f"{duration(worst.latency.p50)} to answer (median of {plural(spread.count, 'transfer')}, {request(worst)}).",
        spread.count,
        refs((w.target, w.group.requests.frames) for w in site.bad),
        "Look at the client: CPU throttling, a blocked thread, a slow source or sink of the data behind it.",
        site.filter("http"),
        figures=figures(
            upload_s=worst.upload.p50, download_s=worst.download.p50, server_s=worst.latency.p50, rtt_s=site.rtt
        ),
        servers=site.servers,
        facts=site.links("upload", "download", "latency"),
    )
