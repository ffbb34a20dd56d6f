"""What the analysis benchmarks run as processes of their own: `python -m tests.bench.ours WHAT FILE`.

- `feed`: nothing but the analyser, fed chunks of 1 MiB from the file, or from standard input for "-"
- `tcp`: conversations and TCP facts alone: the analyser's core with no protocol's parser behind it, as tcptrace,
  tshark's `conv,tcp` and capinfos have none; prints packets and seconds of feeding
- `timed`: the same for all facts, and seconds from the last byte to the verdict
- `endless`: writes a stream of so many GB as the third word says, made from the file
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from workers import collector

if __name__ == "__main__":
    collector.calm()  # before all the imports, through which it would look many times

from workers.packets.capture import CaptureReader
from workers.packets.decode import Decoder
from workers.packets.packet import Packet

CHUNK = 1 << 20


def feed(name: str) -> None:
    """Print the number of packets."""
    from workers.analysis import Analyser

    analyser = Analyser()
    with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
        while chunk := file.read(CHUNK):
            analyser.feed(chunk)
    print(json.dumps({"packets": analyser.finish().packets}))


class _Unheard:
    """ICMP errors are nobody's here."""

    def icmp_error(self, core: object, packet: Packet) -> None:
        pass


def tcp(name: str) -> None:
    """Print packets, and seconds of feeding."""
    from workers.core.core import Core

    reader = CaptureReader()
    core = Core(Packet(), Decoder().decode, None, _Unheard(), (), ())

    def take(chunk: bytes) -> None:
        for buffer, records in reader.feed(chunk):
            core.batch(buffer, records)

    seconds = _seconds(name, take)
    core.close()
    conversations = [core.flow(place) for _, place in core.kept]
    print(json.dumps({"packets": core.totals["frames"], "feed_s": seconds, "told": len(conversations)}))


def timed(name: str) -> None:
    """Feed; then findings and verdict, as for a thread."""
    from workers.analysis import Analyser
    from workers.contract.report import CaptureOutcome, TargetResult
    from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
    from workers.report import build, resolve_names

    analyser = Analyser()
    seconds, fed = _seconds(name, analyser.feed), time.process_time()
    facts = analyser.finish()
    target = TargetResult("shop", "web", "app", outcome=CaptureOutcome(complete=True), facts=facts)
    report = build(
        "job", CaptureSpec(TargetRef(TargetKind.ANY, "web"), ""), [target], resolve_names(facts=[facts]), 0.0
    )
    ready = time.process_time()
    print(
        json.dumps({"packets": facts.packets, "feed_s": seconds, "verdict_s": ready - fed, "verdict": report.verdict})
    )


def _seconds(name: str, take: Callable[[bytes], None]) -> float:
    """What taking the chunks costs, each right after it was read, as it comes from a socket; reading is not counted."""
    taken = 0.0
    with Path(name).open("rb") as file:
        while chunk := file.read(CHUNK):
            began = time.process_time()
            take(chunk)
            taken += time.process_time() - began
    return taken


def endless(name: str, gigabytes: str) -> None:
    """Write it; made apart, so that what that takes is not the analyser's."""
    from tests.bench.made import endless as stream

    for chunk in stream(Path(name), int(gigabytes) * 10**9):
        sys.stdout.buffer.write(chunk)


if __name__ == "__main__":
    collector.calm()
    WHAT: dict[str, Callable[..., None]] = {"feed": feed, "tcp": tcp, "timed": timed, "endless": endless}
    WHAT[sys.argv[1]](*sys.argv[2:])
