"""A report's figures as rows of plain text: conversations, HTTP, services, DNS, TLS. The renderer decides the look."""

from msgspec.structs import replace

from workers.contract.facts import Conversation, HttpGroup
from workers.contract.report import Table
from workers.findings.case import Case, Hello, Query, Web
from workers.findings.words import duration, number, safe, size
from workers.report.service_table import service_table

MAX_ROWS = 20
"""Rows of a table; the rest is counted in `more`. The JSON report has them all."""


def summary_rows(case: Case) -> Table:
    """The conversations by client, server and port, those with trouble first, then the largest."""
    groups: dict[tuple[str, str, str], list[Conversation]] = {}
    for flow in _flows(case):
        server = case.server(flow.server, flow.server_port, [flow])
        key = (case.name(flow.client, flow.first_at), server, _protocol(flow))
        groups.setdefault(key, []).append(flow)
    rows = sorted(groups.items(), key=lambda item: _weight(item[1]), reverse=True)
    columns = ("From", "To", "Protocol", "Conversations", "Packets", "Bytes", "Trouble")
    table = Table("Conversations", columns, tuple((*key, *_row(flows)) for key, flows in rows), 0, (3, 4, 5))
    return _first(table, sum(facts.more_conversations for _, facts in case.facts))


def _flows(case: Case) -> list[Conversation]:
    tcp = [talk.flow for talk in case.talks]
    return tcp + [flow for _, facts in case.facts for flow in facts.conversations if flow.tcp is None]


def _protocol(flow: Conversation) -> str:
    return safe(flow.application or flow.protocol, 12).upper()


def _row(flows: list[Conversation]) -> tuple[str, str, str, str]:
    packets = sum(f.client_packets + f.server_packets for f in flows)
    octets = sum(f.client_bytes + f.server_bytes for f in flows)
    return number(len(flows)), number(packets), size(octets), _trouble(flows)


def troubles(flows: list[Conversation]) -> dict[str, int]:
    """What conversations suffer from, in words, and how often."""
    tcps = [f.tcp for f in flows if f.tcp is not None]
    return {
        "unanswered": sum(t.handshake == "unanswered" for t in tcps),
        "refused": sum(t.handshake == "refused" for t in tcps),
        "reset": sum(any(r.stage in ("before-response", "after-data") for r in t.resets) for t in tcps),
        "sent again": sum(t.retransmissions_client.count + t.retransmissions_server.count for t in tcps),
        "zero window": sum(t.zero_windows_client.count + t.zero_windows_server.count for t in tcps),
    }


def _trouble(flows: list[Conversation]) -> str:
    return ", ".join(f"{number(count)} {word}" for word, count in troubles(flows).items() if count > 0)


def _weight(flows: list[Conversation]) -> tuple[int, int]:
    return sum(troubles(flows).values()), sum(f.client_bytes + f.server_bytes for f in flows)


def tables(case: Case) -> list[Table]:
    """Every table that has rows, conversations first."""
    every = [
        summary_rows(case),
        *(_first(t) for t in (_http(case), service_table(case), _dns(case), _tls(case))),
    ]
    return [table for table in every if table.rows]


_PROTOCOLS = {"h2": "HTTP/2 ", "grpc": "gRPC "}


def _http(case: Case) -> Table:
    def row(web: Web) -> tuple[str, ...]:
        group, latency = web.group, web.group.latency
        grpc = group.protocol == "grpc"
        codes = (group.grpc_statuses or group.statuses) if grpc else group.statuses | group.grpc_statuses
        statuses = ", ".join(f"{safe(code, 20)} x{number(n)}" for code, n in sorted(codes.items())[:5])
        timed = (duration(latency.p50), duration(latency.p95)) if latency.count > 0 else ("", "")
        return (
            case.server(group.server, group.server_port),
            safe(f"{_PROTOCOLS.get(group.protocol, '')}{'' if grpc else group.method + ' '}{group.path}", 60),
            number(group.requests.count),
            statuses,
            *timed,
            number(group.unanswered.count) if group.unanswered.count else "",
        )

    columns = ("Server", "Request", "Count", "Status", "Median", "p95", "Unanswered")
    webs = sorted(case.webs, key=lambda w: (-_failed(w.group), -w.group.requests.count))
    return Table("HTTP", columns, tuple(row(web) for web in webs), 0, (2, 4, 5, 6))


def _failed(group: HttpGroup) -> int:
    return group.errors.count + group.unanswered.count + group.grpc_errors.count


def _dns(case: Case) -> Table:
    def row(query: Query) -> tuple[str, ...]:
        name = query.name
        codes = ", ".join(f"{safe(code, 12)} x{number(n)}" for code, n in sorted(name.rcodes.items())[:4])
        return (
            safe(name.name, 60),
            safe(name.qtype, 12),
            number(name.queries.count),
            codes,
            duration(name.latency.p95) if name.latency.count > 0 else "",
            number(name.unanswered.count) if name.unanswered.count else "",
        )

    queries = sorted(case.queries, key=lambda q: (-q.name.unanswered.count, -q.name.queries.count))
    columns = ("Name", "Type", "Queries", "Answers", "p95", "Unanswered")
    return Table("DNS", columns, tuple(row(query) for query in queries), 0, (2, 4, 5))


def _tls(case: Case) -> Table:
    groups: dict[tuple[str, ...], int] = {}
    for hello in case.hellos:
        key = _tls_key(case, hello)
        groups[key] = groups.get(key, 0) + 1
    rows = sorted(groups.items(), key=lambda item: (not item[0][3], -item[1]))
    columns = ("Server", "Name (SNI)", "Version", "Alert", "Handshakes")
    return Table("TLS", columns, tuple((*key, number(count)) for key, count in rows), 0, (4,))


def _tls_key(case: Case, hello: Hello) -> tuple[str, ...]:
    tls, flow = hello.tls, hello.flow
    alerts = ", ".join(dict.fromkeys(safe(a.description, 40) for a in tls.alerts if a.description != "close_notify"))
    return (
        case.server(flow.server, flow.server_port, [flow]) if flow else "",
        safe(tls.sni, 60),
        safe(tls.version, 12) if tls.server_hello_frame else "no answer",
        alerts,
    )


def _first(table: Table, left_out: int = 0) -> Table:
    return replace(table, rows=table.rows[:MAX_ROWS], more=max(0, len(table.rows) - MAX_ROWS) + max(0, left_out))
