"""Packets dropped while capturing: counts are too low, and what is not there may have been."""

from workers.contract.report import CaptureOutcome, Confidence, Finding, Severity
from workers.findings.case import Case
from workers.findings.words import figures, listing, percent, plural, ratio

RULE = "capture-drops"

WARNING_SHARE = 0.05
"""Above this share of packets missing, counts and times in the report are off."""


def check(case: Case) -> list[Finding]:
    """One finding for all targets with drops, by tcpdump's own counters."""
    bad = [i for i, target in enumerate(case.targets) if _lost(target.outcome) > 0]
    if not bad:
        return []
    lost = sum(_lost(case.targets[i].outcome) for i in bad)
    total = lost + sum(max(0, case.targets[i].outcome.packets) for i in bad)
    return [
        Finding(
            RULE,
            Severity.WARNING if ratio(lost, total) >= WARNING_SHARE else Severity.NOTE,
            Confidence.HIGH,
            f"{plural(lost, 'packet')} ({percent(lost, total)}) were dropped while capturing on "
            f"{listing((case.pod(i) for i in bad), 3)}; counts are too low, and gaps may not be real.",
            lost,
            (),
            "Capture again with a narrower filter or a snaplen of 96 to keep up.",
            figures=figures(dropped=lost, packets=total, share=ratio(lost, total)),
            facts=tuple(f"/targets/{i}/outcome/kernel_dropped" for i in bad[:20]),
        )
    ]


def _lost(outcome: CaptureOutcome) -> int:
    return max(0, outcome.kernel_dropped or 0) + max(0, outcome.interface_dropped or 0)
