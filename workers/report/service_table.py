"""A report's figures of databases, caches and brokers as rows of plain text."""

from workers.contract.facts_services import ServiceGroup
from workers.contract.report import Table
from workers.findings.case import Case
from workers.findings.words import duration, number, safe

_COLUMNS = ("Server", "Request", "Count", "Errors", "Median", "p95", "Unanswered")


def service_table(case: Case) -> Table:
    """Groups by server and operation, those with errors or silence first."""
    groups = [one.group for one in case.served]
    groups.sort(key=lambda group: (-group.failed.count - group.unanswered.count, -group.requests.count))
    return Table("Services", _COLUMNS, tuple(_row(case, group) for group in groups), 0, (2, 4, 5, 6))


def _row(case: Case, group: ServiceGroup) -> tuple[str, ...]:
    latency = group.latency
    errors = sorted(group.errors.items(), key=lambda item: (-item[1], item[0]))[:4]
    return (
        case.server(group.server, group.server_port),
        safe(f"{group.protocol} {group.operation or '(not asked in this capture)'}", 60),
        number(group.requests.count),
        ", ".join(f"{safe(code, 40)} x{number(n)}" for code, n in errors),
        *((duration(latency.p50), duration(latency.p95)) if latency.count > 0 else ("", "")),
        number(group.unanswered.count) if group.unanswered.count else "",
    )
