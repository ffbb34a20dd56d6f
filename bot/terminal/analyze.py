"""`threadcap analyze FILE… [--json]`: verdict, findings and facts of capture files from disk."""

import argparse
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import cast

from bot.terminal.progress import Progress
from workers import collector
from workers.analysis import Analyser
from workers.contract.closeup import CloseUp, Look
from workers.contract.errors import ThreadcapError
from workers.contract.facts import Facts
from workers.contract.report import CaptureOutcome, Report, TargetResult
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.packets.capture import CaptureReader
from workers.report import build, resolve_names

CHUNK = 1 << 18
"""Small enough that the progress of a file that is packed a hundredfold still moves."""


class Unreadable(ThreadcapError):
    """A file given on the command line can't be read, or holds no capture."""

    code = "unreadable"
    exit_code = 4


def run(words: Sequence[str]) -> int:
    """Analyse files together, one target each. "-" reads standard input."""
    parser = argparse.ArgumentParser(prog="threadcap analyze", description="Verdict and facts of pcap files.")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help='pcap or pcapng, plain or in gzip, zstd or lz4; "-" for stdin'
    )
    parser.add_argument("--json", action="store_true", help="the whole report, facts included, as JSON")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="also draw what the files show, as PNG files")
    parser.add_argument("--frames", type=_numbers, metavar="N,N", help="show these frames layer by layer instead")
    options = parser.parse_args(words)
    progress = Progress(sys.stderr)
    try:
        if options.frames:
            return _show(options.files, options.frames, progress)
        targets = [_target(name, progress) for name in options.files]
    finally:
        progress.clear()
    facts = [target.facts for target in targets if target.facts is not None]
    spec = CaptureSpec(TargetRef(TargetKind.ANY, Path(options.files[0]).name), "")
    report = build("file", spec, targets, resolve_names(facts=facts), time.time())
    pictures = _draw(report, options.files, options.pictures) if options.pictures else []
    if options.json:
        from workers.export.report_json import report_json

        sys.stdout.flush()
        sys.stdout.buffer.writelines(report_json(report))
    else:
        from workers.report.text import terminal

        print(terminal(report, colour=sys.stdout.isatty()), end="")
        print("".join(f"{path}  {alt}\n" for path, alt in pictures), end="")
    return 5 if any(one.error for one in facts) else 0


def _draw(report: Report, names: Sequence[str], folder: Path) -> list[tuple[Path, str]]:
    """Draw every picture into `folder`: (file, what it shows). Standard input can't be looked at again."""
    from workers.report.album import album
    from workers.report.renderer import Renderer

    def see(looks: Mapping[int, Look]) -> dict[int, CloseUp]:
        return {target: _looked(names[target], look) for target, look in looks.items() if names[target] != "-"}

    with Renderer() as renderer:
        drawn = renderer(album(report, see, every=True))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, _, png in drawn:
            (folder / name).write_bytes(png)
    except OSError as error:
        raise Unreadable(f"{folder} can't be written to: {error.strerror}.") from error
    return [(folder / name, alt) for name, alt, _ in drawn]


def _looked(name: str, look: Look) -> CloseUp:
    """A file looked at once more."""
    from workers.analysis.closeup import CloserLook

    eye = CloserLook(look)
    with Path(name).open("rb") as file:
        while chunk := file.read(CHUNK):
            eye.feed(chunk)
    return eye.finish()


def _numbers(text: str) -> set[int]:
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() for word in words):
        raise argparse.ArgumentTypeError(f"{text!r} are no frame numbers. Give them as 3 or 3,17.")
    return {int(word) for word in words}


def _show(names: Sequence[str], wanted: set[int], progress: Progress) -> int:
    """Print the wanted frames of each file. Raises Unreadable when there are none."""
    from workers.dissect import dissect  # takes over a second to import, and only this needs it

    found = 0
    for name in names:
        for number, link_type, frame in _frames(name, wanted, progress):
            found += 1
            progress.clear()
            print(f"{Path(name).name} frame {number}")
            print("\n".join(f"  {line}" for line in dissect(link_type, frame)))
    if not found:
        raise Unreadable(f"{', '.join(names)} has none of the frames {sorted(wanted)}. Frames count from 1.")
    return 0


def _frames(name: str, wanted: set[int], progress: Progress) -> Iterator[tuple[int, int, bytes]]:
    """Yield (number, link type, bytes) of the wanted frames of a capture file."""
    reader, number, size, last = CaptureReader(), 0, 0, max(wanted)
    with _opened(name, progress) as read:
        while number < last and (chunk := read(CHUNK)):
            for buffer, records in reader.feed(chunk):
                for offset, captured, _, _, link_type in records:
                    number += 1
                    if number in wanted:
                        yield number, link_type, bytes(buffer[offset : offset + captured])
            size += len(chunk)
            progress.update(size, number)


def _target(name: str, progress: Progress) -> TargetResult:
    facts = _facts(name, progress)
    if not facts.format:
        raise Unreadable(f"{name}: {facts.error or 'it is empty'}. Give a pcap or pcapng file.")
    outcome = CaptureOutcome(
        complete=facts.error is None,
        reason=facts.error or "",
        bytes=facts.captured_bytes,
        packets=facts.packets,
        started_at=facts.first_at,
        ended_at=facts.last_at,
    )
    return TargetResult("", Path(name).name, "", method="file", outcome=outcome, facts=facts)


def _facts(name: str, progress: Progress) -> Facts:
    collector.calm()
    analyser, size = Analyser(), 0
    with _opened(name, progress) as read:
        while chunk := read(CHUNK):
            analyser.feed(chunk)
            size += len(chunk)
            progress.update(size, analyser.progress()[0])
    return analyser.finish()


@contextmanager
def _opened(name: str, progress: Progress) -> Iterator[Callable[[int], bytes]]:
    """A file, or standard input, as something to read chunks from; of a pipe as much as there is."""
    try:
        if name == "-":
            if sys.stdin is None:
                raise Unreadable("Standard input is closed. Give a file, or pipe one in.")
            pipe = cast(BufferedReader, sys.stdin.buffer)
            progress.begin("standard input", _size(pipe))
            yield pipe.read1
        else:
            with Path(name).open("rb") as file:
                progress.begin(Path(name).name, _size(file))
                yield file.read
    except OSError as error:
        raise Unreadable(f"{name} can't be read: {error.strerror}.") from error


def _size(file: BufferedReader) -> int:
    """Bytes of a regular file, 0 of anything else."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
