"""DHCP servers that refuse an address (DHCPNAK), and clients that find theirs in use (DHCPDECLINE); RFC 2131."""

from workers.contract.facts_services import DhcpClient
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, pointers, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, plural, safe

RULE = "dhcp-refused"

LEAST = 2
"""One NAK is how a host learns that it moved to another network; then it gets an address, and all is well."""


def check(case: Case) -> list[Finding]:
    """One finding for each client whose address is refused or in use."""
    found = [
        (index, nth, client)
        for index, facts in case.facts
        for nth, client in enumerate(facts.dhcp.clients)
        if _refused(client)
    ]
    return fold(_finding(case, *one) for one in found)


def _refused(client: DhcpClient) -> bool:
    moved = client.messages.get("ACK", 0) > 0 and client.naks.count < LEAST
    return client.declines.count > 0 or (client.naks.count > 0 and not moved)


def _finding(case: Case, index: int, nth: int, client: DhcpClient) -> Finding:
    naks, declines = max(0, client.naks.count), max(0, client.declines.count)
    settled = client.messages.get("ACK", 0) > 0
    server = f" by {case.server(client.server)}" if client.server else ""
    parts = [
        *([f"was refused its address {plural(naks, 'time')}{server} (DHCPNAK)"] if naks else []),
        *([f"found the address it was given in use {plural(declines, 'time')} (DHCPDECLINE)"] if declines else []),
    ]
    end = "; later it got one" if settled else "; it has none"
    return Finding(
        RULE,
        Severity.NOTE if settled else Severity.WARNING,
        case.confidence([index]),
        f"{safe(client.client, 20)} {' and '.join(parts)}{end}.",
        naks + declines,
        refs([(index, client.naks.frames), (index, client.declines.frames)]),
        "Look for a second DHCP server on this network, an address set by hand within the server's range, or leases "
        "the server forgot.",
        "dhcp",
        figures=figures(naks=naks, declines=declines),
        facts=pointers([(index, f"dhcp/clients/{nth}")]),
    )
