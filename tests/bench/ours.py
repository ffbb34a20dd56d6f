"""What the analysis benchmarks run as processes of their own: `python -m tests.bench.ours WHAT FILE`.

- `feed`: nothing but the analyser, fed chunks of 1 MiB from the file, or from standard input for "-"
- `timed`: the same from memory; prints packets, seconds of feeding, and seconds from the last byte to the verdict
- `endless`: writes a stream of so many GB as the third word says, made from the file
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from workers import collector

CHUNK = 1 << 20


def feed(name: str) -> None:
    """Print the number of packets."""
    from workers.analysis import Analyser

    collector.calm()
    analyser = Analyser()
    with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
        while chunk := file.read(CHUNK):
            analyser.feed(chunk)
    print(json.dumps({"packets": analyser.finish().packets}))


def timed(name: str) -> None:
    """Feed from memory; then findings and verdict, as for a thread."""
    from workers.analysis import Analyser
    from workers.contract.report import CaptureOutcome, TargetResult
    from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
    from workers.report import build, resolve_names

    collector.calm()
    data = Path(name).read_bytes()
    chunks = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    del data
    analyser, began = Analyser(), time.process_time()
    for chunk in chunks:
        analyser.feed(chunk)
    fed = time.process_time()
    facts = analyser.finish()
    target = TargetResult("shop", "web", "app", outcome=CaptureOutcome(complete=True), facts=facts)
    report = build(
        "job", CaptureSpec(TargetRef(TargetKind.ANY, "web"), ""), [target], resolve_names(facts=[facts]), 0.0
    )
    ready = time.process_time()
    print(
        json.dumps(
            {"packets": facts.packets, "feed_s": fed - began, "verdict_s": ready - fed, "verdict": report.verdict}
        )
    )


def endless(name: str, gigabytes: str) -> None:
    """Write it; made apart, so that what that takes is not the analyser's."""
    from tests.bench.made import endless as stream

    for chunk in stream(Path(name), int(gigabytes) * 10**9):
        sys.stdout.buffer.write(chunk)


if __name__ == "__main__":
    collector.calm()
    WHAT: dict[str, Callable[..., None]] = {"feed": feed, "timed": timed, "endless": endless}
    WHAT[sys.argv[1]](*sys.argv[2:])
