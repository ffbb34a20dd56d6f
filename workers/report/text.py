"""A report in words: for a terminal, and as Markdown for a file. Pure; every name in it is safe to show."""

import textwrap
from collections.abc import Iterable, Iterator

from workers.contract.report import Finding, FrameRef, Report, Severity, Table, TargetResult
from workers.findings.words import day, number, plural, safe, size

MARKS = {Severity.CRITICAL: "!!", Severity.WARNING: "!", Severity.NOTE: "-", Severity.OK: "ok"}
COLOURS = {Severity.CRITICAL: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m", Severity.NOTE: "", Severity.OK: "\x1b[32m"}
RESET = "\x1b[0m"
MAX_ROWS = 10
"""Rows of a table in a terminal; Markdown has all the report's."""
MAX_FRAMES = 6
"""Frames named beside a finding; the JSON report has up to 20."""


def terminal(report: Report, width: int = 100, *, colour: bool = False) -> str:
    """The whole report as plain text of at most `width` columns (tables may be wider)."""
    lines = [_paint(report.verdict, report.severity, colour)]
    if report.spec.namespace:  # a file from disk was asked for by nobody
        lines.append(f"Capture {safe(report.job_id)}: {safe(str(report.spec), 200)}")
    for finding in report.findings:
        lines += ["", *_finding(report, finding, width, colour)]
    lines += ["", *(_proof(target) for target in report.targets)]
    lines += [line for note in report.notes for line in textwrap.wrap(f"Note: {note}", width)]
    for table in report.tables:
        lines += ["", *_plain(table)]
    return "\n".join(lines) + "\n"


def _paint(text: str, severity: Severity, colour: bool) -> str:
    return f"{COLOURS[severity]}{text}{RESET}" if colour and COLOURS[severity] else text


def _finding(report: Report, finding: Finding, width: int, colour: bool) -> Iterator[str]:
    mark = MARKS[finding.severity]
    first, *rest = textwrap.wrap(finding.sentence, max(20, width - 3)) or [""]
    yield f"{_paint(f'{mark:<2}', finding.severity, colour)} {first}"
    indent = "   "
    yield from (indent + line for line in rest)
    if finding.next_step:
        yield from textwrap.wrap(f"Next: {finding.next_step}", width, initial_indent=indent, subsequent_indent=indent)
    if finding.display_filter:
        yield f"{indent}Wireshark: {finding.display_filter}"
    if finding.frames:
        yield f"{indent}Frames: {frames(report, finding.frames)}"
    if finding.severity is not Severity.OK:
        yield f"{indent}Confidence: {finding.confidence}"


def frames(report: Report, found: Iterable[FrameRef], most: int = MAX_FRAMES) -> str:
    """ "12, 15, 31" or, of several captures, "checkout-a 12, 15; checkout-b 7"."""
    by_target: dict[int, list[int]] = {}
    for ref in list(found)[:most]:
        by_target.setdefault(ref.target, []).append(ref.frame)
    texts = {target: ", ".join(map(str, sorted(numbers))) for target, numbers in by_target.items()}
    if len(report.targets) < 2:
        return "; ".join(texts.values())
    return "; ".join(f"{_pod(report, target)} {text}" for target, text in sorted(texts.items()))


def _pod(report: Report, target: int) -> str:
    return safe(report.targets[target].pod) if 0 <= target < len(report.targets) else f"target {target + 1}"


def _proof(target: TargetResult) -> str:
    outcome = target.outcome
    where = safe(f"{target.namespace}/{target.pod}/{target.container}".strip("/"), 120)
    amount = f"{plural(outcome.packets, 'packet')}, {size(outcome.bytes)}"
    if target.method == "file":
        return f"{where}: {amount}"
    drops = (
        "drops unknown" if outcome.kernel_dropped is None else f"{number(outcome.kernel_dropped)} dropped by the kernel"
    )
    proof = "byte-equal to what tcpdump wrote" if outcome.proved else "not proved equal"
    if outcome.proved and (unfinished := (outcome.pod_bytes or 0) - outcome.bytes) > 0:
        proof += f", without its unfinished last packet ({plural(unfinished, 'byte')})"
    return f"{where}: {amount}, {drops}, {proof}"


def _plain(table: Table) -> Iterator[str]:
    cells = (table.columns, *table.rows[:MAX_ROWS])
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    yield table.title
    for row in cells:
        padded = (
            c.rjust(w) if i in table.numeric else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()
    if more := table.more + len(table.rows[MAX_ROWS:]):
        yield f"and {number(more)} more"


# -- Markdown ----------------------------------------------------------------------------------------------------


def markdown(report: Report, images: Iterable[tuple[str, str]] = ()) -> str:
    """The whole report as Markdown. `images` are (file name, alt text) beside the file."""
    lines = [f"## {escape(report.verdict)}", "", f"Capture `{safe(report.job_id)}`: `{_code(str(report.spec))}`"]
    lines[-1] += f", {day(report.created)}" if report.created else ""
    lines += ["", *(f"- {line}" for finding in report.findings for line in [_item(report, finding)])]
    lines += ["", *(f"- {escape(_proof(target))}" for target in report.targets)]
    lines += [f"- Note: {escape(note)}" for note in report.notes]
    lines += [f"\n![{escape(alt)}]({name})" for name, alt in images]
    for table in report.tables:
        lines += ["", f"### {table.title}", "", *_rows(table)]
    return "\n".join(lines) + "\n"


def _item(report: Report, finding: Finding) -> str:
    parts = [f"**{finding.severity}** {escape(finding.sentence)}", escape(finding.next_step)]
    if finding.frames:
        parts.append(f"Frames {escape(frames(report, finding.frames))}.")
    if finding.display_filter:
        parts.append(f"`{_code(finding.display_filter)}`")
    return " ".join(part for part in parts if part)


def _rows(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(table.columns)} |"
    yield f"|{'|'.join(' ---: ' if i in table.numeric else ' --- ' for i in range(len(table.columns)))}|"
    for row in table.rows:
        yield f"| {' | '.join(escape(cell) for cell in row)} |"
    if table.more:
        yield f"\nand {number(table.more)} more"


def _code(text: str) -> str:
    return safe(text, 500).replace("`", "'")


def escape(text: str) -> str:
    """Text that Markdown shows as it is: nothing in a name may become a link, an image, HTML or a table cell."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|!#" else char for char in text.replace("\n", " "))
