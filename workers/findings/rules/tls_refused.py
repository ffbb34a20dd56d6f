"""TLS to a port that does not speak it: a plain answer to a ClientHello, or "no" to PostgreSQL's request for it."""

from collections import defaultdict

from workers.contract.facts import Conversation
from workers.contract.report import Finding, Severity
from workers.findings import filters
from workers.findings.backends import called
from workers.findings.case import Case, Talk, links, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, listing, of, plural, ratio, safe

RULE = "tls-refused"

LEAST = 2
CRITICAL_SHARE = 0.2

LEAST_HELLO = 47
"""Bytes of the shortest ServerHello in its record (RFC 5246 sections 6.2.1, 7.4.1.3)."""

PROTOCOLS = {"http": "HTTP"}
"""Beside those of databases, caches and brokers."""

SSL_REQUEST, REFUSAL = 8, 1
"""Bytes of PostgreSQL's SSLRequest and of its answer "N"; a client that insists on TLS says no more after that."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that TLS was tried with in vain."""
    plain = _answered_plainly(case)
    bad: dict[tuple[str, int], list[Talk]] = defaultdict(list)
    for talk in case.talks:
        if talk.target not in case.one_way and ((talk.target, talk.flow.id) in plain or _insisted(talk)):
            bad[talk.flow.server, talk.flow.server_port].append(talk)
    return fold(_finding(case, talks, plain) for talks in bad.values())


def _answered_plainly(case: Case) -> dict[tuple[int, int], int]:
    """(target, conversation) of ClientHellos that got bytes for an answer which are no TLS, and the hellos' frames."""
    return {
        (hello.target, hello.flow.id): hello.tls.client_hello_frame
        for hello in case.hellos
        if hello.flow is not None
        and hello.tls.transport == "tcp"
        and hello.tls.client_hello_frame > 0
        and not hello.tls.server_hello_frame
        and not hello.tls.alerts
        and _other(hello.flow)
        and _whole(case, hello.target)
    }


def _other(flow: Conversation) -> bool:
    """Whether the answer surely is no ServerHello: another protocol's, or too short for one."""
    return flow.application not in ("", "tls") or 0 < flow.server_payload < LEAST_HELLO


def _whole(case: Case, target: int) -> bool:
    """Whether an answer would have been read had it been TLS: nothing is cut, nothing is missing."""
    facts = case.targets[target].facts
    return facts is not None and facts.cut_packets <= 0 and case.gaps(target) <= 0


def _insisted(talk: Talk) -> bool:
    flow = talk.flow
    asked = flow.application == "postgresql" and talk.tcp.handshake == "complete" and talk.tcp.fins > 0
    return asked and (flow.client_payload, flow.server_payload) == (SSL_REQUEST, REFUSAL)


def _answers(bad: list[Talk], hellos: dict[tuple[int, int], int]) -> str:
    """What the server said instead."""
    greeted = [t for t in bad if (t.target, t.flow.id) in hellos]
    if len(greeted) < len(bad):
        return f", it said no to {plural(len(bad) - len(greeted), 'request')} for it (PostgreSQL)"
    spoken = sorted({t.flow.application for t in greeted if t.flow.application not in ("", "tls")})
    named = listing((PROTOCOLS.get(name) or called(name) for name in spoken), 2)
    return f", it answered {plural(len(greeted), 'TLS hello')} in plain {safe(named, 40)}" if spoken else ""


def _finding(case: Case, bad: list[Talk], hellos: dict[tuple[int, int], int]) -> Finding:
    flow = bad[0].flow
    every = case.talks_by_end[flow.server, flow.server_port]
    clients = listing((case.name(t.flow.client, t.flow.first_at) for t in bad), 2)
    server = case.server(flow.server, flow.server_port, (t.flow for t in bad))
    share = ratio(len(bad), len(every))
    critical = len(bad) >= LEAST and share >= CRITICAL_SHARE
    return Finding(
        RULE,
        Severity.CRITICAL if critical else Severity.WARNING if len(bad) >= LEAST else Severity.NOTE,
        case.confidence({t.target for t in bad}, len(bad) < LEAST),
        f"{clients} → {server}: the server does not do TLS on this port{_answers(bad, hellos)}; "
        f"{of(len(bad), len(every), 'connection')} asked for it in vain.",
        len(bad),
        refs((t.target, [hellos.get((t.target, t.flow.id)) or t.flow.first_frame]) for t in bad),
        "Compare the client's setting (https, sslmode, rediss) and port with what the server listens for; or switch "
        "TLS on at the server.",
        filters.both("tcp.len > 0", filters.endpoint(flow.server, flow.server_port)),
        figures=figures(cases=len(bad), of=len(every), share=share),
        servers=(filters.end(flow.server, flow.server_port),),
        facts=links(bad),
    )
