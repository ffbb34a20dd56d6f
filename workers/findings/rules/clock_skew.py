"""Clocks that disagree: between the nodes of captures that were put together, or within one that jumps back."""

from collections.abc import Iterator

from workers.contract.report import Confidence, Finding, Severity
from workers.findings.case import Case, pointers
from workers.findings.words import duration, listing, safe

RULE = "clock-skew"

APART = 0.1
"""Seconds between nodes. NTP keeps them within milliseconds; over a tenth, times across pods mislead."""

FAR = 1.0
"""Seconds from which on leases, tokens and "not before" of certificates suffer."""

BACK = 0.1
"""Seconds back in one file; less comes from queues of several CPUs or interfaces."""


def check(case: Case) -> list[Finding]:
    """One finding for nodes whose clocks are apart, one for captures whose time jumps."""
    return [*_apart(case), *_back(case)]


def _apart(case: Case) -> Iterator[Finding]:
    offsets = {i: t.outcome.clock_offset for i, t in enumerate(case.targets)}
    wrong = {i: offset for i, offset in offsets.items() if offset is not None and APART <= abs(offset) < 1e9}
    if not wrong:
        return
    worst = max(wrong, key=lambda i: abs(wrong[i]))
    offset, target = wrong[worst], case.targets[worst]
    node = f"the node of {case.pod(worst)}" if not target.node else f"node {safe(target.node)}"
    yield Finding(
        RULE,
        Severity.WARNING if abs(offset) >= FAR else Severity.NOTE,
        Confidence.HIGH,
        f"The clock of {node} is {duration(abs(offset))} {'ahead of' if offset > 0 else 'behind'} the other captures': "
        f"times of {listing((case.pod(i) for i in wrong), 3)} don't compare with theirs.",
        len(wrong),
        (),
        "Check time synchronisation (chrony, NTP) on that node; leases, tokens and certificates depend on it.",
        figures={"offset_s": offset},
        facts=tuple(f"/targets/{i}/outcome/clock_offset" for i in list(wrong)[:20]),
    )


def _back(case: Case) -> Iterator[Finding]:
    jumps = {i: facts.backwards for i, facts in case.facts if BACK <= facts.backwards < 1e12}
    if not jumps:
        return
    worst = max(jumps.values())
    yield Finding(
        RULE,
        Severity.NOTE,
        Confidence.HIGH,
        f"Time jumps back by {duration(worst)} within the capture of {listing((case.pod(i) for i in jumps), 3)}: "
        "durations in this report may be wrong there.",
        len(jumps),
        (),
        "The node's clock was set meanwhile, or the file was put together from several: check time synchronisation.",
        figures={"back_s": worst},
        facts=pointers((i, "backwards") for i in jumps),
    )
