"""Errors that databases, caches and brokers answer with, by operation and the protocol's own code."""

from collections import Counter

from workers.contract.report import Finding, Severity
from workers.findings.backends import FULL, Backend, backends, by_code, named
from workers.findings.case import Case, Served, refs
from workers.findings.trouble import fold
from workers.findings.words import figures, of, ratio

RULE = "service-errors"

LEAST = 3
SHARE = 0.05
"""One request in twenty failing is an incident for most services."""

EVERYDAY = {
    "redis": "MOVED ASK TRYAGAIN NOSCRIPT BUSYGROUP UNBLOCKED",
    "mysql": "1048 1062 1451 1452 1586 3819",
    "kafka": (
        "NONE REBALANCE_IN_PROGRESS MEMBER_ID_REQUIRED UNKNOWN_MEMBER_ID ILLEGAL_GENERATION DUPLICATE_SEQUENCE_NUMBER"
        " FETCH_SESSION_ID_NOT_FOUND INVALID_FETCH_SESSION_EPOCH FETCH_SESSION_TOPIC_ID_ERROR UNSUPPORTED_VERSION"
        " OFFSET_NOT_AVAILABLE"
    ),
    "mongodb": "DuplicateKey NamespaceNotFound NamespaceExists IndexNotFound CommandNotFound",
}
"""Answers that clients expect and act on: redirections, constraints that hold, a group that finds itself anew.
PostgreSQL's constraints are SQLSTATE class 23."""

_PROBES = frozenset({("redis", "HELLO"), ("redis", "CLIENT")})
"""What clients try at the start, and old servers do not know."""

SERIOUS = {
    "redis": "BUSY CLUSTERDOWN LOADING MASTERDOWN MISCONF NOAUTH NOREPLICAS OOM READONLY WRONGPASS",
    "mysql": "1043 1044 1045 1047 1130 1053 1114 1205 1213 1290 1792 1836 3024 3159",
    "kafka": (
        "BROKER_NOT_AVAILABLE COORDINATOR_NOT_AVAILABLE KAFKA_STORAGE_ERROR LEADER_NOT_AVAILABLE NETWORK_EXCEPTION"
        " NOT_ENOUGH_REPLICAS NOT_ENOUGH_REPLICAS_AFTER_APPEND NOT_LEADER_OR_FOLLOWER REPLICA_NOT_AVAILABLE"
        " REQUEST_TIMED_OUT SASL_AUTHENTICATION_FAILED TOPIC_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED"
        " GROUP_AUTHORIZATION_FAILED UNKNOWN_SERVER_ERROR"
    ),
    "mongodb": (
        "AuthenticationFailed ExceededTimeLimit HostUnreachable InterruptedAtShutdown InterruptedDueToReplStateChange"
        " MaxTimeMSExpired NetworkTimeout NotPrimaryNoSecondaryOk NotPrimaryOrSecondary NotWritablePrimary"
        " PrimarySteppedDown FailedToSatisfyReadPreference ShutdownInProgress Unauthorized WriteConcernFailed"
    ),
}
_SERIOUS_CLASSES = ("08", "28", "40", "53", "54", "57", "58", "F0", "XX")
"""SQLSTATE classes that speak of the server, its state or access to it, not of a statement."""

MEANING = {
    "28P01": "wrong password", "28000": "not let in", "3D000": "no such database", "40001": "serialization failure",
    "40P01": "deadlock", "42501": "not permitted", "42601": "syntax error", "42703": "no such column",
    "42P01": "no such table", "53100": "disk full", "53200": "out of memory", "55P03": "lock not available",
    "57014": "cancelled or timed out", "57P01": "shut down by its administrator", "57P03": "starting or shutting down",
    "25006": "read-only", "25P02": "transaction failed before", "08P01": "protocol violation",
    "1044": "access denied", "1045": "access denied", "1053": "server shutting down", "1054": "no such column",
    "1064": "syntax error", "1130": "host not allowed", "1114": "table full", "1146": "no such table",
    "1205": "lock wait timeout", "1213": "deadlock", "1290": "read-only", "1836": "read-only",
    "1043": "not understood, as TLS where there is none", "3024": "execution time exceeded", "3159": "TLS required",
    "LOADING": "loading its data", "READONLY": "a replica, read-only", "OOM": "memory limit reached",
    "NOAUTH": "no password given", "WRONGPASS": "wrong password", "CLUSTERDOWN": "cluster down",
    "MISCONF": "can't save to disk", "BUSY": "a script blocks it", "WRONGTYPE": "wrong type of key",
    "MASTERDOWN": "link to its primary is down",
}  # fmt: skip


def check(case: Case) -> list[Finding]:
    """One finding for each server that answers with errors."""
    return fold(_finding(one) for one in backends(case, lambda one: _codes(case, one).total() > 0))


def _codes(case: Case, served: Served) -> Counter[str]:
    """Errors that are no everyday matter, nor a refusal for too many connections, which is another rule's."""
    group, facts = served.group, case.targets[served.target].facts
    if (group.protocol, group.operation) in _PROBES:
        return Counter()
    known = {*EVERYDAY.get(group.protocol, "").split(), *FULL.get(group.protocol, ())}
    if facts is not None and facts.cut_packets > 0:
        known.add("other")  # what the snaplen cut off may be an everyday code
    constraints = group.protocol == "postgresql"
    left = {
        code: max(0, count)
        for code, count in group.errors.items()
        if code not in known and not (constraints and code.startswith("23"))
    }
    return +Counter(left)


def _serious(protocol: str, code: str) -> bool:
    if protocol == "postgresql":
        return code.startswith(_SERIOUS_CLASSES)
    return code in SERIOUS.get(protocol, "").split()


def _finding(backend: Backend) -> Finding:
    codes = sum((_codes(backend.case, one) for one in backend.bad), Counter[str]())
    errors = codes.total()
    requests = max(backend.requests, errors)
    worst = max(backend.bad, key=lambda one: _codes(backend.case, one).total()).group
    what = f"{'mostly ' if len(backend.bad) > 1 else ''}{named(worst.operation)}"
    serious = sum(count for code, count in codes.items() if _serious(worst.protocol, code))
    return Finding(
        RULE,
        _severity(errors, serious, requests),
        backend.confidence(errors < LEAST),
        f"{backend.who}: {of(errors, requests, f'{backend.protocol} request')} failed "
        f"({what}): {by_code(codes.items(), MEANING)}.",
        errors,
        refs((one.target, one.group.failed.frames) for one in backend.bad),
        f"Read the log of {backend.name} for these errors"
        f"{', then the client code that sends these statements' if not serious else ''}.",
        backend.filter(),
        figures=figures(errors=errors, serious=serious, requests=requests, share=ratio(errors, requests)),
        servers=backend.servers,
        facts=backend.links("errors", "failed"),
    )


def _severity(errors: int, serious: int, requests: int) -> Severity:
    if serious >= LEAST and ratio(serious, requests) >= SHARE:
        return Severity.CRITICAL
    worth = serious >= LEAST or (errors >= LEAST and ratio(errors, requests) >= SHARE)
    return Severity.WARNING if worth else Severity.NOTE
