"""What a second look at a capture costs, for its pictures: against its analysis, in the same run.

Run: `python -m tests.bench.bench_closer_look [MEGABYTES]`. The capture is bench_analysis's. CPU seconds of whole
processes, start-up included; the best of three. The look has a row for each pair of hosts told and four conversations.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from tests.bench import results
from tests.bench.bench_analysis import _OURS, CHUNK, cpu, make
from workers.analysis import Analyser
from workers.contract.closeup import Look, Pair
from workers.contract.codec import encode

PACKETS_A_MEGABYTE = 1_270
"""Of such a capture."""
_LOOK = """
import json, sys
from workers.analysis.closeup import CloserLook
from workers.contract.closeup import Look
from workers.contract.codec import decode
eye = CloserLook(decode(Look, json.loads(sys.argv[3])))
with open(sys.argv[1], "rb") as file:
    while chunk := file.read(int(sys.argv[2])):
        eye.feed(chunk)
print(sum(trace.packets for trace in eye.finish().traces))
"""


def look_at(path: Path) -> Look:
    """A look at everything that the analysis of a file tells."""
    analyser = Analyser()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            analyser.feed(chunk)
    facts = analyser.finish()
    flows = facts.conversations
    ends = dict.fromkeys((flow.client, flow.server, flow.server_port, flow.protocol) for flow in flows)
    pairs = tuple(Pair(*end, row=n % 10) for n, end in enumerate(ends))
    traced = tuple(flow.first_frame for flow in flows[:4])
    return Look(round(facts.first_at * 1e9), max(1, round(facts.duration * 1e9)), 60, 10, pairs, traced)


def main(megabytes: int = 500) -> None:
    """Measure and print one table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.pcap"
        make(path, megabytes * PACKETS_A_MEGABYTE)
        size = path.stat().st_size / 1e6
        words = [str(path), str(CHUNK)]
        looking = [sys.executable, "-c", _LOOK, *words, json.dumps(encode(look_at(path)))]
        analysis, *_ = cpu([sys.executable, "-c", _OURS, *words])
        look, memory, _ = cpu(looking)
        print(f"{size:.0f} MB; load {os.getloadavg()[0]:.1f}")
        print(
            f"closer look {look:.2f} s CPU, {memory} MB; analysis {analysis:.2f} s, {analysis / look:.1f} times as long"
        )
        results.note("closer_look", cpu_s=look, memory_mb=memory, analysis_ratio=analysis / look, size_mb=size)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
