"""How far the capture itself can be trusted: drops, cuts, bytes missing, analysis that failed."""

from collections.abc import Iterator

from workers.contract.facts import Facts
from workers.contract.report import CaptureOutcome, Confidence, Finding, Severity
from workers.findings.case import Case
from workers.findings.words import listing, number, percent, plural, ratio, safe

DROPS = "capture-drops"
PARTIAL = "capture-partial"
UNREAD = "analysis-failed"
ONE_WAY = "one-way"

WARNING_SHARE = 0.05
"""Above this share of packets missing, counts and times in the report are off."""


def check(case: Case) -> list[Finding]:
    """Findings about the capture, not about the network."""
    return [*_unread(case), *_partial(case), *_drops(case), *_one_way(case)]


def _unread(case: Case) -> Iterator[Finding]:
    failed = [i for i, target in enumerate(case.targets) if target.facts is None and target.analysis_error]
    if failed:
        reasons = listing((safe(case.targets[i].analysis_error, 120) for i in failed), 1)
        kept = " The capture itself is kept." if any(case.targets[i].outcome.bytes > 0 for i in failed) else ""
        yield Finding(
            UNREAD,
            Severity.WARNING,
            Confidence.HIGH,
            f"Analysis failed for {listing((case.pod(i) for i in failed), 3)}: {reasons.rstrip('.')}.{kept}",
            len(failed),
            (),
            "Open the pcap in Wireshark.",
        )


def _partial(case: Case) -> Iterator[Finding]:
    for index, facts in case.facts:
        if facts.error:
            yield Finding(
                PARTIAL,
                Severity.NOTE,
                Confidence.HIGH,
                f"The capture of {case.pod(index)} can be read only in part ({safe(facts.error, 120).rstrip('.')}); "
                f"this report covers the {plural(facts.packets, 'packet')} before that.",
                1,
                (),
                "Capture again if the missing part matters.",
            )


def _lost(outcome: CaptureOutcome) -> int:
    return max(0, outcome.kernel_dropped or 0) + max(0, outcome.interface_dropped or 0)


def _drops(case: Case) -> Iterator[Finding]:
    bad = [i for i, target in enumerate(case.targets) if _lost(target.outcome) > 0]
    if not bad:
        return
    lost = sum(_lost(case.targets[i].outcome) for i in bad)
    total = lost + sum(max(0, case.targets[i].outcome.packets) for i in bad)
    yield Finding(
        DROPS,
        Severity.WARNING if ratio(lost, total) >= WARNING_SHARE else Severity.NOTE,
        Confidence.HIGH,
        f"{plural(lost, 'packet')} ({percent(lost, total)}) were dropped while capturing on "
        f"{listing((case.pod(i) for i in bad), 3)}; counts are too low, and gaps may not be real.",
        lost,
        (),
        "Capture again with a narrower filter or a snaplen of 96 to keep up.",
    )


def _one_way(case: Case) -> Iterator[Finding]:
    if case.one_way:
        names = listing((case.pod(i) for i in sorted(case.one_way)), 3)
        yield Finding(
            ONE_WAY,
            Severity.NOTE,
            Confidence.HIGH,
            f"The capture on {names} shows one direction only, so missing answers can't be judged.",
            len(case.one_way),
            (),
            "Write the filter without src and dst (`port 443` takes both directions).",
        )


def limits(facts: Facts) -> list[str]:
    """What the facts themselves say was bounded or not visible, as sentences."""
    found = [safe(text, 200) for text in facts.approximations]
    if facts.cut_packets > 0 and not any("snaplen" in text or " cut " in text for text in found):
        share = percent(facts.cut_packets, facts.packets)
        found.append(
            f"{number(facts.cut_packets)} packets ({share}) are cut by the snaplen: their payload is not visible."
        )
    return found
