"""ICMP errors: a router or host says why it does not deliver."""

from collections import defaultdict

from workers.contract.facts import IcmpError, TcpSide
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, pointers, refs, tally
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, number, plural, safe

RULE = "icmp-error"

Seen = tuple[int, int, IcmpError]
"""Target, place in its facts, error."""

LEAST = 3
"""One or two port-unreachables are late answers to sockets already closed."""

TOO_LARGE = "Packets are too large for the way: check the MTU of the pod's interface and of tunnels."

NEXT_STEP = {
    "fragmentation needed": TOO_LARGE,
    "packet too big": TOO_LARGE,
    "time exceeded": "Packets go in circles or too far: look for a routing loop.",
    "port unreachable": "Nothing listens on that port there: check the process, and the service's targetPort.",
}
OTHER_STEP = "Check routes, network policies and whether the destination is alive."


def check(case: Case) -> list[Finding]:
    """One finding for each kind, sender and destination, unless refused connections tell it already."""
    refused = {(t.flow.server, t.flow.server_port) for t in case.talks if t.tcp.refused_by == "icmp"}
    groups: dict[tuple[str, str, str, int], list[Seen]] = defaultdict(list)
    for index, facts in case.facts:
        for nth, error in enumerate(facts.icmp_errors):
            if (error.about_server, error.about_port) not in refused and not _late_answer(error):
                groups[(error.kind, error.sender, error.about_server, error.about_port)].append((index, nth, error))
    return fold(_finding(case, errors) for errors in groups.values() if _worth(errors))


def _late_answer(error: IcmpError) -> bool:
    """A resolver's client that closed its socket before the second answer came: noise in every capture."""
    return error.kind == "port unreachable" and error.about_port == 53 and error.sender == error.about_client


def _worth(errors: list[Seen]) -> bool:
    return (
        errors[0][2].kind in ("fragmentation needed", "packet too big") or tally(e.seen for _, _, e in errors) >= LEAST
    )


def _obeyed(case: Case, error: IcmpError) -> bool:
    """Whether every sender that was told a size sends what fits since, and that arrives (RFC 1191 section 3)."""
    talks = case.talks_by_end.get((error.about_server, error.about_port), [])
    senders = [(t.tcp.client, t.tcp.unacknowledged_client) for t in talks]
    senders += [(t.tcp.server, t.tcp.unacknowledged_server) for t in talks]
    told = [(side, flying) for side, flying in senders if side.too_big.count > 0]
    return bool(told) and all(_arrives(side, flying) for side, flying in told)


def _arrives(told: TcpSide, flying: int) -> bool:
    """Whether nothing was sent again in vain, and all arrived, or a packet of the very size that the sender was told:
    smaller ones may have arrived before it was told, and nothing since."""
    some = told.largest_acknowledged > 0 and (flying <= 0 or told.largest_acknowledged == told.told_mtu)
    return some and told.told_mtu > 0 and told.undelivered.count <= 0


def _finding(case: Case, errors: list[Seen]) -> Finding:
    first = errors[0][2]
    count = tally(e.seen for _, _, e in errors)
    mtu = min((e.mtu for _, _, e in errors if e.mtu > 0), default=0)
    clients = listing((case.name(e.about_client) for _, _, e in errors), 2)
    obeyed = _obeyed(case, first)
    follows = "; the sender obeys, as path MTU discovery has it" if obeyed else ""
    return Finding(
        RULE,
        Severity.NOTE if obeyed else Severity.WARNING,
        case.confidence({i for i, _, _ in errors}),
        f"{case.name(first.sender)} answers {clients} → {case.server(first.about_server, first.about_port)} with "
        f"{plural(count, 'ICMP error')}: {safe(first.kind, 40)}{f' (MTU {number(mtu)})' if mtu else ''}{follows}.",
        count,
        refs((i, e.seen.frames) for i, _, e in errors),
        NEXT_STEP.get(first.kind, OTHER_STEP),
        filters.both("(icmp || icmpv6)", filters.address(first.sender)),
        figures=figures(errors=count, mtu=mtu or None),
        servers=(filters.end(first.about_server, first.about_port),),
        facts=pointers((i, f"icmp_errors/{nth}") for i, nth, _ in errors),
    )
