"""Captures that could not be analysed: what they show is unknown, not healthy."""

from workers.contract.report import Confidence, Finding, Severity
from workers.findings.case import Case
from workers.findings.words import listing, safe

RULE = "analysis-failed"


def check(case: Case) -> list[Finding]:
    """One finding for all targets without facts."""
    failed = [i for i, target in enumerate(case.targets) if target.facts is None and target.analysis_error]
    if not failed:
        return []
    reasons = listing((safe(case.targets[i].analysis_error, 120) for i in failed), 1)
    kept = " The capture itself is kept." if any(case.targets[i].outcome.bytes > 0 for i in failed) else ""
    return [
        Finding(
            RULE,
            Severity.WARNING,
            Confidence.HIGH,
            f"Analysis failed for {listing((case.pod(i) for i in failed), 3)}: {reasons.rstrip('.')}.{kept}",
            len(failed),
            (),
            "Open the pcap in Wireshark.",
            figures={"failed": len(failed), "targets": len(case.targets)},
        )
    ]
