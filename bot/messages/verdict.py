"""The result of a capture: the verdict first, then the evidence, then the proof of the files."""

from collections.abc import Sequence

from bot.messages import parts
from bot.messages.blocks import OPEN, actions, button, context, image, section, table
from bot.messages.limits import fit
from bot.messages.message import Block, ChartRef, Message
from bot.messages.proof import drops_line, proof_lines
from bot.messages.text import asked_for, bold, code, person, plain
from workers.contract.job import Job, JobState, Person
from workers.contract.report import Finding, FrameRef, Report, Severity, TargetResult

MAX_FINDINGS = 8
MAX_CHARTS = 4
MAX_NOTES = 6
MAX_ROWS = 15
MAX_JOINED = 10
_EMOJI = {
    Severity.CRITICAL: ":red_circle:",
    Severity.WARNING: ":large_orange_circle:",
    Severity.NOTE: ":large_blue_circle:",
    Severity.OK: ":white_check_mark:",
}
_OPEN = "Open a pcap in Wireshark, or read it with `tcpdump -nr FILE`; `threadcap analyze FILE` repeats this report."


def verdict(report: Report | None, job: Job, charts: Sequence[ChartRef] = (), also: Sequence[str] = ()) -> Message:
    """Return the verdict message. Without a report (it could not be made) the job's own words are used.

    `also` are the ids of people who joined the capture.
    """
    people = f"asked by {person(job.requester, ping=True)}"
    if also:
        people += f", joined by {', '.join(person(Person(user), ping=True) for user in also[:MAX_JOINED])}"
    return fit(_verdict(report, job, charts, people))


def joined_verdict(report: Report | None, job: Job, charts: Sequence[ChartRef], user: str, link: str) -> Message:
    """Return the verdict for another thread, for `user` who joined; the files stay at `link`, the first thread."""
    said = _verdict(report, job, charts, f"asked by {person(job.requester)}")
    told = f"For {person(Person(user), ping=True)}, who joined capture {code(job.id, 40)}."
    if any(artifact.kind == "pcap" for artifact in job.artifacts):
        told += " The pcap files are in its own thread."
    open_it = [actions(button("Open its thread", OPEN, job.id, url=link))] if link else []
    return fit(Message(said.text, [*said.blocks, context(told), *open_it]))


def _verdict(report: Report | None, job: Job, charts: Sequence[ChartRef], people: str) -> Message:
    if report is None:
        return _without_report(job, people)
    line = plain(report.verdict or job.verdict or "The capture is done; no verdict was reached.", 600)
    blocks = [section(f"{_emoji(report, job)} {bold(line)}\n{drops_line(report)}"), *_incomplete(job)]
    blocks += _findings(report)
    blocks += [image(ChartRef(chart.file_id, plain(chart.alt, 500) or "chart")) for chart in charts[:MAX_CHARTS]]
    blocks += _conversations(report)
    blocks += [section(text) for text in proof_lines(report)]
    blocks += _notes(report)
    pods = len({(target.namespace, target.pod or target.node) for target in report.targets}) or None
    blocks.append(context(f"{asked_for(report.spec, pods)} · {people}", _OPEN))
    return Message(line, blocks)


def _emoji(report: Report, job: Job) -> str:
    if job.state is JobState.PARTIAL and report.severity in (Severity.OK, Severity.NOTE):
        return ":warning:"
    return _EMOJI[report.severity]


def _without_report(job: Job, people: str) -> Message:
    line = plain(job.verdict or job.message or "The capture ended, and no report could be made.", 600)
    blocks = [section(f"{parts.emoji(job)} {bold(line)}")]
    if job.verdict and job.message:
        blocks.append(section(plain(job.message, 700)))
    if parts.stopped_by(job):
        blocks.append(section(parts.stopped_by(job)))
    pcaps = [artifact for artifact in job.artifacts if artifact.kind == "pcap"]
    if pcaps:
        files = "\n".join(f"{code(item.name, 120)} sha256 {code(item.sha256, 64)}" for item in pcaps[: parts.MAX_PODS])
        blocks.append(section(f"The files are kept and follow here.\n{files}"))
    asked = f"{asked_for(job.spec, parts.pods(job))} · {people}"
    blocks.append(context(asked, _OPEN if pcaps else ""))
    return Message(line, blocks)


def _incomplete(job: Job) -> list[Block]:
    """Say why less than asked for was captured, and who ended it."""
    said = [parts.stopped_by(job), plain(job.message, 500) if job.state is JobState.PARTIAL else ""]
    text = " ".join(part for part in said if part)
    return [section(text)] if text else []


def _findings(report: Report) -> list[Block]:
    blocks = [section(_finding(finding, report)) for finding in report.findings[:MAX_FINDINGS]]
    more = len(report.findings) - MAX_FINDINGS
    if more > 0:
        blocks.append(context(f"and {more} more findings; `threadcap analyze FILE` on a pcap tells them"))
    return blocks


def _finding(finding: Finding, report: Report) -> str:
    sentence = _beyond(finding.sentence, report.verdict)
    lines = [f"*{finding.severity.value.capitalize()}*  {plain(sentence, 400)}".rstrip()]
    evidence = " · ".join(text for text in (_frames(finding.frames, report), _shown_by(finding)) if text)
    if not sentence:
        lines = [f"{lines[0]}  {evidence or 'as the verdict says'}"]
    elif evidence:
        lines.append(evidence)
    if finding.next_step:
        lines.append(f"Next: {plain(finding.next_step, 300)}")
    return "\n".join(lines)


def _beyond(sentence: str, verdict: str) -> str:
    """Return what a finding says beyond the verdict, which often is its first sentence."""
    said = verdict.rstrip(".")
    if not said or not sentence.startswith(said):
        return sentence
    rest = sentence[len(said) :]
    return rest.lstrip(". ") if rest[:1] in (".", "") else sentence


def _shown_by(finding: Finding) -> str:
    return f"in Wireshark {code(finding.display_filter, 150)}" if finding.display_filter else ""


def _frames(frames: tuple[FrameRef, ...], report: Report) -> str:
    """Return "frames 12, 15 of checkout-7d9f; frame 3 of …", for at most two pods."""
    by_target: dict[int, list[int]] = {}
    for reference in frames:
        by_target.setdefault(reference.target, []).append(reference.frame)
    said = []
    for index, numbers in list(by_target.items())[:2]:
        listed = ", ".join(str(number) for number in numbers[:5]) + ("…" if len(numbers) > 5 else "")
        pod = code(_name(report.targets[index]), 80) if 0 <= index < len(report.targets) else ""
        of = f" of {pod}" if pod and len(report.targets) > 1 else ""
        said.append(f"{'frame' if len(numbers) == 1 else 'frames'} {listed}{of}")
    return "; ".join(said)


def _name(target: TargetResult) -> str:
    return target.pod or f"node/{target.node}"


def _conversations(report: Report) -> list[Block]:
    """Slack takes one table a message: the first of the report's is the one with the trouble on top."""
    if not report.tables:
        return []
    first = report.tables[0]
    blocks = [table([first.columns, *first.rows[:MAX_ROWS]], right=first.numeric)]
    if more := first.more + len(first.rows[MAX_ROWS:]):
        blocks.append(context(f"and {more:,} more; `threadcap analyze FILE` on a pcap lists them"))
    return blocks


def _notes(report: Report) -> list[Block]:
    notes = [*_unsaid_failures(report)[:3], *report.notes]
    lines = [plain(note, 300) for note in notes[:MAX_NOTES]]
    if len(notes) > MAX_NOTES:
        lines.append(f"and {len(notes) - MAX_NOTES} more notes; `threadcap analyze FILE` on a pcap tells them")
    return [context("\n".join(lines))] if lines else []


def _unsaid_failures(report: Report) -> list[str]:
    """Return a sentence for each target whose failed analysis no note tells."""
    return [
        f"Analysis of {_name(target)} failed: {target.analysis_error}"
        for target in report.targets
        if target.analysis_error and not any(_name(target) in note for note in report.notes)
    ]
