"""Put a report together: findings, the verdict line, and notes on what the reader must know beside them."""

import re
from collections.abc import Iterator, Mapping, Sequence

from workers.contract.report import Finding, Named, Report, Severity, TargetResult
from workers.contract.spec import CaptureSpec
from workers.findings import Case, find
from workers.findings.limits import limits
from workers.findings.words import listing, number, plural, safe
from workers.report.tables import tables

MAX_VERDICT = 140
"""Characters of the verdict: about what a phone's notification shows."""

_CLAUSE = re.compile(r" \(|, |; ")
BAD = (Severity.CRITICAL, Severity.WARNING)


def build(
    job_id: str,
    spec: CaptureSpec,
    targets: Sequence[TargetResult],
    names: Mapping[str, Named],
    now: float,
    notes: Sequence[str] = (),
) -> Report:
    """Return the report of one job. `now` is epoch seconds; `notes` come before its own. Never raises on any facts."""
    case = Case(tuple(targets), names, spec)
    findings = find(case)
    return Report(
        job_id=job_id,
        spec=spec,
        verdict=verdict(findings, targets),
        severity=findings[0].severity if findings and findings[0].severity in BAD else Severity.OK,
        findings=findings,
        targets=case.targets,
        names=dict(names),
        created=now,
        notes=tuple(dict.fromkeys([*(safe(note, 400) for note in notes), *_notes(targets)])),
        tables=tuple(tables(case)),
    )


def verdict(findings: Sequence[Finding], targets: Sequence[TargetResult]) -> str:
    """The first line: the worst finding, or that all is well, shortened at a word to MAX_VERDICT characters."""
    if not targets:
        return "Nothing was captured."
    if not findings:
        return _no_facts(targets)
    first = next((f for f in findings if f.severity in BAD or f.severity is Severity.OK), findings[0])
    return shorten(first.sentence, MAX_VERDICT)


def _no_facts(targets: Sequence[TargetResult]) -> str:
    reasons = [safe(t.outcome.reason, 90) for t in targets if t.outcome.reason]
    why = f" ({reasons[0].rstrip('.')})" if reasons else ""
    kept = any(t.outcome.bytes > 0 for t in targets)
    return f"No analysis of this capture{why}; the pcap is kept." if kept else f"Nothing was captured{why}."


def shorten(sentence: str, limit: int) -> str:
    """The first sentence of `sentence`; over `limit` it ends at a clause, or else at a word with "..."."""
    first = sentence.split(". ", 1)[0].rstrip(".")
    if len(first) < limit:
        return first + "."
    head = first[: limit - 3]
    clauses = (found.start() for found in _CLAUSE.finditer(head))
    clause = max((at for at in clauses if head.count("(", 0, at) == head.count(")", 0, at)), default=0)
    if clause >= limit * 0.6:
        return head[:clause] + "."
    return head.rsplit(" ", 1)[0].rstrip(" ,;:(") + "..."


def _notes(targets: Sequence[TargetResult]) -> Iterator[str]:
    """Partial targets, drops the kernel counted, what was bounded or not visible."""
    for target in targets:
        pod, outcome = safe(target.pod), target.outcome
        if not outcome.complete and outcome.reason:
            yield f"{pod}: partial, {safe(outcome.reason, 160).rstrip('.')}."
        lost = (outcome.kernel_dropped or 0) + (outcome.interface_dropped or 0)
        if lost > 0:
            yield f"{pod}: {plural(lost, 'packet')} dropped while capturing, {number(outcome.packets)} kept."
        if target.analysis_error:
            yield f"{pod}: not analysed, {safe(target.analysis_error, 160).rstrip('.')}."
    yield from _entries(targets)
    yield from _limits(targets)
    yield from _clocks(targets)


def _entries(targets: Sequence[TargetResult]) -> Iterator[str]:
    """What a capture by ephemeral container leaves: Kubernetes never takes the entry back."""
    added = [target for target in targets if target.method == "ephemeral"]
    if added:
        pods = listing([safe(target.pod) for target in added])
        yield (
            f"The ended ephemeral container {safe(added[0].container)} stays listed in the spec of {pods} until "
            f"{'they are' if len(added) > 1 else 'the pod is'} replaced."
        )


def _limits(targets: Sequence[TargetResult]) -> Iterator[str]:
    """Approximations of the facts, each once with the pods it holds for."""
    pods: dict[str, list[str]] = {}
    for target in targets:
        for text in limits(target.facts) if target.facts is not None else ():
            pods.setdefault(text, []).append(safe(target.pod))
    for text, where in pods.items():
        sentence = text.rstrip(".") + "."
        yield sentence if len(where) == len(targets) else f"{listing(where)}: {sentence}"


def _clocks(targets: Sequence[TargetResult]) -> Iterator[str]:
    nodes = {t.node for t in targets if t.node and t.facts is not None and t.facts.packets > 0}
    if len(nodes) > 1 and any(t.outcome.clock_offset is None for t in targets):
        yield f"Clocks of {plural(len(nodes), 'node')} are unsynchronised: compare times across nodes with care."
