"""How fast two captures become one pcapng, as ratios taken in one run against Wireshark's mergecap.

Run: `python -m tests.bench.bench_merge`. The captures come from a seed, as in bench_analysis. CPU seconds of whole
processes, start-up included; the best of three. mergecap is C, and neither compares clocks nor hashes what it writes.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench.made import MIXES, mixed
from tests.bench.processes import cpu

PACKETS = 100_000
_OURS = """
import sys
from pathlib import Path
from workers.export.merge import merged
from workers.export.timebase import Source
nodes, (out, *paths) = sys.argv[1].split(), map(Path, sys.argv[2:])
sources = [Source(path, path.stem, node) for path, node in zip(paths, nodes, strict=True)]
print(merged(sources, out).packets)
"""


def main() -> None:
    """Measure and print one table."""
    with tempfile.TemporaryDirectory() as folder:
        one, other, out = (Path(folder) / name for name in ("one.pcap", "other.pcap", "merged.pcapng"))
        mixed(one, PACKETS, MIXES["mixed"])
        shutil.copy(one, other)
        size = (one.stat().st_size + other.stat().st_size) / 1e6
        files = [str(path) for path in (out, one, other)]
        rows = {
            "threadcap, two nodes": [sys.executable, "-c", _OURS, "node-a node-b", *files],
            "threadcap, one node": [sys.executable, "-c", _OURS, "node-a node-a", *files],
            "mergecap": ["mergecap", "-w", *files],
        }
        found = {name: cpu(argv) for name, argv in rows.items() if shutil.which(argv[0])}
        ours = found["threadcap, two nodes"].cpu
        print(f"{size:.0f} MB, {2 * PACKETS:,} packets; load {os.getloadavg()[0]:.1f}")
        for name, used in found.items():
            print(
                f"{name:24}{used.cpu:8.2f} s CPU {used.megabytes:6.0f} MB {size / used.cpu:10,.0f} MB/s"
                f" {used.cpu / ours:8.2f} x ours"
            )


if __name__ == "__main__":
    main()
