"""Captures that can be read only up to some byte."""

from workers.contract.facts import Facts
from workers.contract.report import Confidence, Finding, Severity
from workers.findings.case import Case, pointers
from workers.findings.words import plural, safe

RULE = "capture-partial"


def check(case: Case) -> list[Finding]:
    """One note for each such target."""
    return [_finding(case, index, facts) for index, facts in case.facts if facts.error]


def _finding(case: Case, index: int, facts: Facts) -> Finding:
    return Finding(
        RULE,
        Severity.NOTE,
        Confidence.HIGH,
        f"The capture of {case.pod(index)} can be read only in part ({safe(facts.error or '', 120).rstrip('.')}); "
        f"this report covers the {plural(facts.packets, 'packet')} before that.",
        1,
        (),
        "Capture again if the missing part matters.",
        figures={"packets": facts.packets},
        facts=pointers([(index, "error")]),
    )
