"""A database or cache that takes no more connections: it says so itself."""

from workers.contract.facts_services import ServiceGroup
from workers.contract.report import Finding, Severity
from workers.findings.backends import FULL, Backend, backends, by_code
from workers.findings.case import Case, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, number, plural

RULE = "connections-full"

LEAST = 2
MEANING = {
    "53300": "too many connections",
    "1040": "too many connections",
    "1203": "too many connections of this user",
    "1226": "this user's limit is reached",
    "MAXCLIENTS": "max number of clients reached",
}
LIMIT = {"postgresql": "max_connections", "mysql": "max_connections", "redis": "maxclients"}


def check(case: Case) -> list[Finding]:
    """One finding for each server that is full."""
    return fold(_finding(one) for one in backends(case, lambda one: _refused(one.group) > 0))


def _codes(group: ServiceGroup) -> dict[str, int]:
    return {code: max(0, group.errors.get(code, 0)) for code in FULL.get(group.protocol, ())}


def _refused(group: ServiceGroup) -> int:
    return sum(_codes(group).values())


def _finding(backend: Backend) -> Finding:
    codes: dict[str, int] = {}
    for one in backend.bad:
        for code, count in _codes(one.group).items():
            codes[code] = codes.get(code, 0) + count
    refused = sum(codes.values())
    told = by_code([(code, count) for code, count in codes.items() if count], MEANING)
    open_now = sum(1 for t in backend.talks if t.flow.server_payload > 0) - refused
    others = f" {plural(open_now, 'other connection')} to it seen here." if open_now > 0 else ""
    limit = LIMIT.get(backend.all[0].group.protocol, "its limit")
    name = backend.name
    return Finding(
        RULE,
        Severity.CRITICAL if refused >= LEAST else Severity.WARNING,
        backend.confidence(),
        f"{backend.who}: {backend.protocol} has no connections left, it turned {number(refused)} away: {told}.{others}",
        refused,
        refs((one.target, one.group.failed.frames) for one in backend.bad),
        f"See who holds the connections of {name} and which are idle; make the clients' pools smaller than {limit} "
        "together, or put a pooler before it.",
        backend.filter(),
        figures=figures(refused=refused, others=max(0, open_now)),
        servers=backend.servers,
        facts=backend.links("errors"),
    )
