"""`threadcap analyze FILE… [--json]`: verdict, findings and facts of capture files from disk."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from workers.analysis import Analyser
from workers.contract.errors import ThreadcapError
from workers.contract.facts import Facts
from workers.contract.report import CaptureOutcome, TargetResult
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.export import report_json
from workers.packets.capture import CaptureReader
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
    parser.add_argument("--frames", type=_numbers, metavar="N,N", help="show these frames layer by layer instead")
    options = parser.parse_args(words)
    if options.frames:
        return _show(options.files, options.frames)
    targets = [_target(name) for name in options.files]
    facts = [target.facts for target in targets if target.facts is not None]
    spec = CaptureSpec(TargetRef(TargetKind.ANY, Path(options.files[0]).name), "")
    report = build("file", spec, targets, resolve_names(facts=facts), time.time())
    if options.json:
        sys.stdout.write(report_json(report).decode())
    else:
        print(terminal(report, colour=sys.stdout.isatty()), end="")
    return 5 if any(one.error for one in facts) else 0


def _numbers(text: str) -> set[int]:
    return {int(word) for word in text.split(",")}


def _show(names: Sequence[str], wanted: set[int]) -> int:
    """Print the wanted frames of each file. Raises Unreadable when there are none."""
    from workers.dissect import dissect  # takes over a second to import, and only this needs it

    found = 0
    for name in names:
        for number, link_type, frame in _frames(name, wanted):
            found += 1
            print(f"{Path(name).name} frame {number}")
            print("\n".join(f"  {line}" for line in dissect(link_type, frame)))
    if not found:
        raise Unreadable(f"{', '.join(names)} has none of the frames {sorted(wanted)}. Frames count from 1.")
    return 0


def _frames(name: str, wanted: set[int]) -> Iterator[tuple[int, int, bytes]]:
    """Yield (number, link type, bytes) of the wanted frames of a capture file."""
    reader, number, last = CaptureReader(), 0, max(wanted)
    with _opened(name) as file:
        while number < last and (chunk := file.read(CHUNK)):
            for buffer, records in reader.feed(chunk):
                for offset, captured, _, _, link_type in records:
                    number += 1
                    if number in wanted:
                        yield number, link_type, bytes(buffer[offset : offset + captured])


def _target(name: str) -> TargetResult:
    facts = _facts(name)
    if not facts.format:
        raise Unreadable(f"{name}: {facts.error or 'it is empty'}. Give a pcap or pcapng file, gzipped or not.")
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
    analyser = Analyser()
    with _opened(name) as file:
        while chunk := file.read(CHUNK):
            analyser.feed(chunk)
    return analyser.finish()


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    try:
        if name == "-":
            yield sys.stdin.buffer
        else:
            with Path(name).open("rb") as file:
                yield file
    except OSError as error:
        raise Unreadable(f"{name} can't be read: {error.strerror}.") from error
