"""Health checks that fail: the platform takes the pod out of service, or restarts it."""

import re
from collections import Counter

from workers.contract.facts import HttpGroup
from workers.contract.report import Finding, Severity
from workers.findings.backends import by_name
from workers.findings.case import Case, refs
from workers.findings.trouble import fold
from workers.findings.web import Site, by_status, request, sites
from workers.findings.words import duration, figures, listing, of, plural, ratio

RULE = "health-check"

PATH = re.compile(
    r"/(?:[\w.-]+/){0,3}(?:healthz?|livez?|readyz?|liveness|readiness|alive|health[-_]?check|_health|ping)(?:/|$)",
    re.IGNORECASE,
)
"""Paths in common use for probes, such as /healthz, /actuator/health/readiness, /-/ready."""

GRPC_PATH = "/grpc.health.v1.Health/Check"
"""gRPC's own health check, which Kubernetes' grpc probes call."""

LEAST = 3
"""Failures in a row after which Kubernetes acts (failureThreshold)."""

TIMEOUT = 1.0
"""Seconds a probe waits unless told otherwise (timeoutSeconds)."""


def check(case: Case) -> list[Finding]:
    """One finding for each server that fails its health checks."""
    found = sites(case, lambda g: is_probe(g) and _failed(g) > 0)
    return fold(_finding(site) for site in found if not _gaps(site))


def is_probe(group: HttpGroup) -> bool:
    """Whether requests of this path come from a platform, not from users."""
    return group.path == GRPC_PATH if group.protocol == "grpc" else PATH.match(group.path) is not None


def _refused(group: HttpGroup) -> int:
    """Answers a probe takes as failure: all but 200 to 399, and every gRPC status but OK."""
    codes = sum(max(0, n) for status, n in group.statuses.items() if status.isdecimal() and int(status) >= 400)
    return codes + sum(_grpc(group).values())


def _grpc(group: HttpGroup) -> dict[str, int]:
    return {status: max(0, count) for status, count in group.grpc_statuses.items() if status != "OK"}


def _failed(group: HttpGroup) -> int:
    late = group.latency.count if group.latency.p50 >= TIMEOUT else 0
    return max(_refused(group), late) + max(0, group.unanswered.count)


def _gaps(site: Site) -> bool:
    """Whether all that failed are answers which the capture itself may have missed."""
    groups = [w.group for w in site.bad]
    silent, checks = sum(max(0, g.unanswered.count) for g in groups), sum(max(0, g.requests.count) for g in groups)
    only = sum(_failed(g) for g in groups) <= silent
    return only and site.case.may_be_gaps((w.target for w in site.bad), silent, checks)


def _finding(site: Site) -> Finding:
    groups = [w.group for w in site.bad]
    failed, checks = sum(_failed(g) for g in groups), sum(max(0, g.requests.count) for g in groups)
    refused, silent = sum(_refused(g) for g in groups), sum(max(0, g.unanswered.count) for g in groups)
    slow = max(g.latency.p50 for g in groups)
    how = [text] if refused and (text := by_status(site.bad, 400)) else []
    how += [by_name(codes.items(), {})] if (codes := sum((Counter(_grpc(g)) for g in groups), Counter[str]())) else []
    how += [f"{plural(silent, 'time')} without an answer"] if silent else []
    how += [f"answers take {duration(slow)}"] if slow >= TIMEOUT else []
    return Finding(
        RULE,
        Severity.WARNING if failed >= LEAST else Severity.NOTE,
        site.confidence(failed < LEAST),
        f"{site.server}: {of(failed, max(checks, failed), 'health check')} failed "
        f"({listing(request(g) for g in groups)}: {', '.join(how)}).",
        failed,
        refs(
            (
                w.target,
                w.group.errors.frames
                or w.group.grpc_errors.frames
                or w.group.unanswered.frames
                or w.group.requests.frames,
            )
            for w in site.bad
        ),
        f"See events of {site.name} (Unhealthy) and what the check itself waits for; its timeout is "
        "1 s unless set otherwise.",
        site.filter("http"),
        figures=figures(failed=failed, checks=checks, share=ratio(failed, checks), p50_s=slow),
        servers=site.servers,
        facts=site.links("statuses", "unanswered"),
    )
