"""`threadcap analyze FILE… [--json]`: verdict, findings and facts of capture files from disk."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from workers.analysis import Analyser
from workers.contract.errors import ThreadcapError
from workers.contract.facts import Facts
from workers.contract.report import CaptureOutcome, TargetResult
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.export import report_json
from workers.report import build, resolve_names
from workers.report.text import terminal

CHUNK = 1 << 20


class Unreadable(ThreadcapError):
    """A file given on the command line can't be read, or holds no capture."""

    code = "unreadable"
    exit_code = 4


def run(words: Sequence[str]) -> int:
    """Analyse files together, one target each. "-" reads standard input."""
    parser = argparse.ArgumentParser(prog="threadcap analyze", description="Verdict and facts of pcap files.")
    parser.add_argument("files", nargs="+", metavar="FILE", help='pcap or pcapng, gzipped or not; "-" for stdin')
    parser.add_argument("--json", action="store_true", help="the whole report, facts included, as JSON")
    options = parser.parse_args(words)
    targets = [_target(name) for name in options.files]
    facts = [target.facts for target in targets if target.facts is not None]
    spec = CaptureSpec(TargetRef(TargetKind.ANY, Path(options.files[0]).name), "")
    report = build("file", spec, targets, resolve_names(facts=facts), time.time())
    if options.json:
        sys.stdout.write(report_json(report).decode())
    else:
        print(terminal(report, colour=sys.stdout.isatty()), end="")
    return 5 if any(one.error for one in facts) else 0


def _target(name: str) -> TargetResult:
    facts = _facts(name)
    if not facts.format:
        raise Unreadable(f"{name} is not a capture file: {facts.error or 'it holds nothing'}. Give a pcap or pcapng.")
    outcome = CaptureOutcome(
        complete=facts.error is None,
        reason=facts.error or "",
        bytes=facts.captured_bytes,
        packets=facts.packets,
        started_at=facts.first_at,
        ended_at=facts.last_at,
    )
    return TargetResult("", Path(name).name, "", method="file", outcome=outcome, facts=facts)


def _facts(name: str) -> Facts:
    try:
        if name == "-":
            return _analysed(sys.stdin.buffer)
        with Path(name).open("rb") as file:
            return _analysed(file)
    except OSError as error:
        raise Unreadable(f"{name} can't be read: {error.strerror}.") from error


def _analysed(file: BinaryIO) -> Facts:
    analyser = Analyser()
    while chunk := file.read(CHUNK):
        analyser.feed(chunk)
    return analyser.finish()
