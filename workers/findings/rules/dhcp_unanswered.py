"""Hosts that ask for an address by DHCP and get no offer (RFC 2131 section 3.1)."""

from workers.contract.facts_services import DhcpClient
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, pointers, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, number, plural, safe

RULE = "dhcp-unanswered"

LEAST = 2
"""Tries in vain; the first may have been lost."""


def check(case: Case) -> list[Finding]:
    """One finding for all clients of a capture that are left alone."""
    if case.selective:
        return []
    found: list[Finding] = []
    for index, facts in case.facts:
        alone = [(nth, client) for nth, client in enumerate(facts.dhcp.clients) if _alone(client)]
        if alone:
            found.append(_finding(case, index, alone))
    return fold(found)


def _alone(client: DhcpClient) -> bool:
    """Not a single answer, to a question asked in earnest."""
    answers = sum(client.messages.get(kind, 0) for kind in ("OFFER", "ACK", "NAK"))
    return client.unanswered.count > 0 and answers <= 0


def _tries(client: DhcpClient) -> int:
    return sum(max(0, client.messages.get(kind, 0)) for kind in ("DISCOVER", "REQUEST", "INFORM"))


def _finding(case: Case, index: int, alone: list[tuple[int, DhcpClient]]) -> Finding:
    tries = sum(_tries(client) for _, client in alone)
    who = safe(alone[0][1].client, 20) if len(alone) == 1 else plural(len(alone), "client")
    return Finding(
        RULE,
        Severity.WARNING if tries >= LEAST else Severity.NOTE,
        case.confidence([index], tries < LEAST),
        f"{who} asked {number(tries)} times for an address by DHCP and got no offer.",
        tries,
        refs((index, client.unanswered.frames) for _, client in alone),
        "Check that the DHCP server or relay is alive and on this network (VLAN), and that its range has addresses "
        "left.",
        "dhcp",
        figures=figures(clients=len(alone), tries=tries),
        facts=pointers((index, f"dhcp/clients/{nth}") for nth, _ in alone),
    )
