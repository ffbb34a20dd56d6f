"""How long `threadcap analyze` takes for a capture of one packet: start-up, report and end, against Python's own start.

Run: `python -m tests.bench.bench_cli_start`. Best of ten; wanted is under 0.3 s.
"""

import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import results

ROUNDS = 10


def main() -> None:
    """Print one line for each way."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.pcap"
        record = struct.pack("<IIII", 1_700_000_000, 0, 60, 60) + bytes(60)
        path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1) + record)
        bare = _best(["-c", "pass"])
        print(f"load {os.getloadavg()[0]:.1f}; Python alone {bare[0]:.3f} s, {bare[1]:.3f} s of CPU")
        for words in ([], ["--json"]):
            wall, cpu = _best(["-m", "bot.cli", "analyze", str(path), *words])
            print(f"{' '.join(['analyze', *words]):16} {wall:.3f} s, {cpu:.3f} s of CPU, {cpu / bare[1]:.1f} x Python")
            results.note(f"cli_start{'_json' * bool(words)}", wall_s=wall, cpu_s=cpu)


def _best(words: list[str]) -> tuple[float, float]:
    """Least seconds and least CPU seconds of a run."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True, timeout=60)
        walls.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(walls), min(cpus)


if __name__ == "__main__":
    main()
