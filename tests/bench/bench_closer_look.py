"""What a second look at a capture costs, for its pictures: against its analysis, in the same run.

Run: `python -m tests.bench.bench_closer_look`. The capture is bench_analysis's mixed one. CPU seconds of whole
processes, start-up included; the best of three. The look has a row for each pair of hosts told and four conversations.
"""

import json
import os
import sys
from pathlib import Path

from tests.bench import results
from tests.bench.bench_analysis import ours
from tests.bench.made import made
from tests.bench.ours import CHUNK
from tests.bench.processes import cpu
from workers.analysis import Analyser
from workers.contract.closeup import Look, Pair
from workers.contract.codec import encode

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


def main() -> None:
    """Measure and print one table."""
    capture = made("mixed")
    analysis = cpu(ours("feed", str(capture.path)))
    look = cpu([sys.executable, "-c", _LOOK, str(capture.path), str(CHUNK), json.dumps(encode(look_at(capture.path)))])
    times = analysis.cpu / look.cpu
    print(f"{capture.megabytes:.0f} MB; load {os.getloadavg()[0]:.1f}")
    print(f"closer look {look.cpu:.2f} s CPU, {look.megabytes:.0f} MB; analysis {analysis.cpu:.2f} s, {times:.1f} x")
    results.note("closer_look", cpu_s=look.cpu, memory_mb=look.megabytes, analysis_ratio=times)


if __name__ == "__main__":
    main()
