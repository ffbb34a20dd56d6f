"""A scan: one client tries many ports, or many hosts, and next to nothing of it comes about."""

from collections import defaultdict

from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, Talk, links, one_sided, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, number, plural, ratio

RULE = "port-scan"

LEAST = 30
"""Different servers or ports that a client tries in vain; a service with so many dead dependencies is not up at all."""

SHARE = 0.8
"""Part of its attempts that fail, or that it breaks off itself (a RST after the SYN-ACK, as port checks do)."""


def check(case: Case) -> list[Finding]:
    """One finding for each client that scans."""
    attempts: dict[str, list[Talk]] = defaultdict(list)
    for talk in case.talks:
        if talk.tcp.syns.count > 0 and talk.target not in case.one_way:
            attempts[talk.flow.client].append(talk)
    found = ((client, talks, [t for t in talks if _in_vain(t)]) for client, talks in attempts.items())
    return fold(_finding(case, *one) for one in found if _scans(one[1], one[2]))


def _in_vain(talk: Talk) -> bool:
    checked = talk.tcp.handshake == "half-open" and any(r.by == "client" for r in talk.tcp.resets)
    return checked or (talk.tcp.handshake in ("unanswered", "refused") and not one_sided(talk.flow))


def _ends(talks: list[Talk]) -> dict[tuple[str, int], None]:
    return dict.fromkeys((t.flow.server, t.flow.server_port) for t in talks)


def _scans(talks: list[Talk], bad: list[Talk]) -> bool:
    return len(_ends(bad)) >= LEAST and ratio(len(bad), len(talks)) >= SHARE


def _finding(case: Case, client: str, talks: list[Talk], bad: list[Talk]) -> Finding:
    ends = _ends(bad)
    hosts, ports = {ip for ip, _ in ends}, {port for _, port in ends}
    what = f"{plural(len(ports), 'port')} of {listing((case.name(ip) for ip in hosts), 1)}"
    if len(hosts) > 1:
        what = f"{plural(len(ports), 'port')} on {plural(len(hosts), 'host')}"
    return Finding(
        RULE,
        Severity.NOTE if client in case.pods else Severity.WARNING,
        case.confidence({t.target for t in bad}),
        f"{case.name(client)} scans {what}; {number(len(bad))} of its {number(len(talks))} connection attempts came "
        "to nothing.",
        len(bad),
        refs((t.target, t.tcp.syns.frames[:1]) for t in bad),
        "Find out who owns that address: a security scanner of your own, or an intruder; network policies stop both.",
        filters.both("tcp.flags.syn == 1 && tcp.flags.ack == 0", filters.address(client)),
        figures=figures(in_vain=len(bad), attempts=len(talks), hosts=len(hosts), ports=len(ports)),
        servers=tuple(filters.end(*one) for one in ends),
        facts=links(bad, "tcp/handshake"),
    )
