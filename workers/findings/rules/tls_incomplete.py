"""TLS handshakes that stop after the ClientHello, without an alert."""

from collections import defaultdict

from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, Hello, links, one_sided
from workers.findings.tls import for_name, refs_of, server_of, servers, who
from workers.findings.trouble import fold
from workers.findings.words import figures, number, of, ratio

RULE = "tls-incomplete"

CRITICAL_SHARE = 0.2
LEAST = 2


def check(case: Case) -> list[Finding]:
    """One finding for each server that leaves ClientHellos without a ServerHello."""
    every: dict[tuple[str, int], list[Hello]] = defaultdict(list)
    for hello in case.hellos:
        if hello.flow is not None:
            every[server_of(hello)].append(hello)
    found = (([h for h in hellos if _stopped(case, h)], len(hellos)) for hellos in every.values())
    return fold(_finding(case, bad, count) for bad, count in found if bad and not _gaps(case, bad, count))


def _gaps(case: Case, bad: list[Hello], count: int) -> bool:
    return case.may_be_gaps((h.target for h in bad), len(bad), count)


def _stopped(case: Case, hello: Hello) -> bool:
    """A ClientHello the server took note of or not, no ServerHello, no alert, and time enough for either."""
    tls, flow = hello.tls, hello.flow
    if flow is None or flow.tcp is None or not tls.client_hello_frame or tls.server_hello_frame or tls.alerts:
        return False
    # it did answer, only not in a way we could read, or not past this capture
    unseen = flow.tcp.lost_segments.count > 0 or flow.server_payload > 0 or one_sided(flow)
    return not unseen and hello.target not in case.one_way and case.waited(hello.target, flow.first_at)


def _finding(case: Case, bad: list[Hello], count: int) -> Finding:
    critical = len(bad) >= LEAST and ratio(len(bad), count) >= CRITICAL_SHARE
    reset = sum(1 for h in bad if h.flow and h.flow.tcp and h.flow.tcp.resets)
    how = f", {number(reset)} of them reset" if reset else ""
    return Finding(
        RULE,
        Severity.CRITICAL if critical else Severity.WARNING if len(bad) >= LEAST else Severity.NOTE,
        case.confidence({h.target for h in bad}, len(bad) < LEAST),
        f"{who(case, bad)}: {of(len(bad), count, 'TLS handshake')}{for_name(bad)} stopped after the "
        f"ClientHello, the server said nothing{how}.",
        len(bad),
        refs_of((h, h.tls.client_hello_frame) for h in bad),
        "Check that the port speaks TLS, and for middleboxes that drop ClientHellos by name or size (MTU).",
        filters.both("tls.handshake.type == 1", filters.endpoint(*server_of(bad[0]))),
        figures=figures(cases=len(bad), of=count, share=ratio(len(bad), count), reset=reset),
        servers=servers(bad),
        facts=links(bad),
    )
