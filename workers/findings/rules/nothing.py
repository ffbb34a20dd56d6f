"""Captures without a packet, and what was seen beside the filter."""

from collections import Counter

from workers.contract.report import Confidence, Finding, Severity
from workers.findings.case import Case, pointers
from workers.findings.words import join, listing, plural, safe

RULE = "nothing-captured"


def check(case: Case) -> list[Finding]:
    """One finding when no target has packets, a note when some have none."""
    empty = [i for i, facts in case.facts if facts.packets <= 0 and not facts.error]
    if not empty:
        return []
    everywhere = len(empty) == len(case.targets)
    names = listing((case.pod(i) for i in empty), 3)
    asked = case.spec.filter if case.spec else ""
    what = f"matched the filter `{safe(asked, 60)}`" if asked else "passed"
    return [
        Finding(
            RULE,
            Severity.WARNING if everywhere and not asked else Severity.NOTE,
            Confidence.HIGH,
            f"No packets {what} on {names} in {_time(case, empty)}.{_ports(case, empty)}",
            len(empty),
            (),
            _next_step(asked, case),
            figures={"empty": len(empty), "targets": len(case.targets)},
            facts=pointers((i, "packets") for i in empty),
        )
    ]


def _time(case: Case, empty: list[int]) -> str:
    lengths = [case.targets[i].outcome.ended_at - case.targets[i].outcome.started_at for i in empty]
    seconds = max((s for s in lengths if 0 < s < 1e6), default=case.spec.duration if case.spec else 0.0)
    return f"{seconds:.0f} s" if seconds >= 1 else "this short capture"


def _ports(case: Case, empty: list[int]) -> str:
    seen: Counter[str] = Counter()
    for index in empty:
        seen.update({safe(port, 20): max(0, count) for port, count in case.targets[index].other_ports.items()})
    if not seen:
        return ""
    parts = [f"{port} ({plural(count, 'packet')})" for port, count in seen.most_common(5)]
    return f" Seen meanwhile: {join(parts)}."


def _next_step(asked: str, case: Case) -> str:
    if asked:
        return "Capture a few seconds without a filter to see which ports are in use, or while the trouble happens."
    if case.spec is not None and case.spec.interface not in ("", "any"):
        return "Capture on interface any: the traffic may use another one."
    return "Check that the pod gets traffic at all: its service's endpoints and readiness, or capture for longer."
