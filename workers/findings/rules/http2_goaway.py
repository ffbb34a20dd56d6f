"""HTTP/2 connections that a side ends with an error, or with requests under way (GOAWAY, RFC 9113 section 6.8)."""

from collections import defaultdict

from workers.contract.facts import Conversation
from workers.contract.facts_http import Goaway
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.case import Case, pointers, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, plural, safe

RULE = "http2-goaway"

Seen = tuple[int, int, Goaway, Conversation | None]
"""Target, place in its facts, GOAWAY, its conversation when that was kept."""

LEAST = 3

MEANING = {
    "ENHANCE_YOUR_CALM": "the other side asks too much, often by keep-alive pings",
    "PROTOCOL_ERROR": "the other side broke the protocol",
    "INTERNAL_ERROR": "it failed itself",
    "SETTINGS_TIMEOUT": "the other side did not answer its settings",
    "INADEQUATE_SECURITY": "it wants stronger TLS",
    "COMPRESSION_ERROR": "headers could not be read",
}


def check(case: Case) -> list[Finding]:
    """One finding for each server, side and error."""
    groups: dict[tuple[str, int, str, str], list[Seen]] = defaultdict(list)
    for index, facts in case.facts:
        flows = {flow.id: flow for flow in facts.conversations}
        for nth, goaway in enumerate(facts.http.h2.goaways):
            flow = flows.get(goaway.conversation)
            if goaway.error != "NO_ERROR" or goaway.unprocessed > 0:
                end = (flow.server, flow.server_port) if flow else ("", 0)
                groups[(*end, goaway.by, goaway.error)].append((index, nth, goaway, flow))
    return fold(_finding(case, seen) for seen in groups.values())


def _finding(case: Case, seen: list[Seen]) -> Finding:
    _, _, first, flow = seen[0]
    lost = sum(max(0, goaway.unprocessed) for _, _, goaway, _ in seen)
    orderly = first.error == "NO_ERROR"
    side = first.by if first.by in ("client", "server") else "other side"
    why = MEANING.get(first.error, "")
    how = "" if orderly else f" with {safe(first.error, 40)}{f' ({why})' if why else ''}"
    left = f"; {plural(lost, 'request')} under way {'was' if lost == 1 else 'were'} not processed" if lost else ""
    return Finding(
        RULE,
        Severity.NOTE if orderly and lost < LEAST else Severity.WARNING,
        case.confidence({index for index, *_ in seen}, flow is None),
        f"{_who(case, seen)}: the {side} ended {plural(len(seen), 'HTTP/2 connection')}{how}{left}.",
        len(seen),
        refs((index, [goaway.frame]) for index, _, goaway, _ in seen),
        _next_step(first, side),
        filters.both("tcp.len > 0", filters.endpoint(flow.server, flow.server_port) if flow else ""),
        figures=figures(goaways=len(seen), unprocessed=lost),
        servers=(filters.end(flow.server, flow.server_port),) if flow else (),
        facts=pointers((index, f"http/h2/goaways/{nth}") for index, nth, _, _ in seen),
    )


def _who(case: Case, seen: list[Seen]) -> str:
    flows = [flow for *_, flow in seen if flow is not None]
    if not flows:
        return "HTTP/2"
    clients = listing((case.name(flow.client, flow.first_at) for flow in flows), 2)
    return f"{clients} → {case.server(flows[0].server, flows[0].server_port, flows)}"


def _next_step(first: Goaway, side: str) -> str:
    if first.error == "ENHANCE_YOUR_CALM":
        return "Compare the client's keep-alive (ping) interval with the least the server permits."
    if first.error == "NO_ERROR":
        return "A restart, rollout or maximum connection age: see that the client sends such requests again."
    return f"Read the log of the {side} at that time; versions of the two libraries may not fit."
