"""Run every rule over one case and put the worst first."""

from workers.contract.report import Confidence, Finding, Severity
from workers.findings.case import Case
from workers.findings.causes import causes_first
from workers.findings.rules import RULES, analysis_failed, capture_drops, capture_partial, clock_skew, healthy, one_way

_SEVERITIES = list(Severity)
_CONFIDENCES = list(Confidence)
ABOUT_CAPTURE = frozenset(
    {capture_drops.RULE, capture_partial.RULE, one_way.RULE, analysis_failed.RULE, clock_skew.RULE}
)


def find(case: Case) -> tuple[Finding, ...]:
    """Return what is wrong, worst first, but a cause before what follows from it; one OK finding when nothing is.

    The case's targets are in the report's order (frames refer to them by index). Never raises on any facts.
    """
    found = [finding for rule in RULES for finding in rule(case)]
    if not any(finding.severity in (Severity.CRITICAL, Severity.WARNING) for finding in found):
        found += healthy.check(case)
    return tuple(causes_first(sorted(found, key=_rank)))  # stable: the order of RULES decides between equals


def _rank(finding: Finding) -> tuple[int, bool, int]:
    """What is wrong with the network comes before what is wrong with the capture, however sure the latter is."""
    severity, confidence = _SEVERITIES.index(finding.severity), _CONFIDENCES.index(finding.confidence)
    return severity, finding.rule in ABOUT_CAPTURE, confidence
