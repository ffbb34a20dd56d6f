"""How fast bytes get from a pod to the spool: MB/s of exec stream -> Spool against `kubectl exec … cat` in one run.

Run: `python -m tests.bench.bench_capture_path` (root, as the playground). The spool counts records and hashes on the
way, kubectl writes to a file; both read the same 500 MB of pcap, interleaved, each in a process of its own; the best of
three counts. 1 MB is 1,000,000 bytes. A worker runs before anybody asks, kubectl is started each time: ours is measured
from the exec on, and once more with the start of the interpreter. Wanted is half of kubectl's CPU at most, at its speed
at least, in under 150 MB.
"""

import asyncio
import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from deploy.playground.scene.client import Client
from deploy.playground.up import Playground
from tests.bench.results import note
from tests.support.playground import KUBECTL
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDOUT
from workers.capture.spool import Spool

PACKETS = 9_000
"""In one block, which is uploaded once and read BLOCKS times."""
BLOCKS = 40
SIZE = 1_400
ROUNDS = 3
POUR = ["sh", "-c", f"cat /tmp/head; i=0; while [ $i -lt {BLOCKS} ]; do cat /tmp/block; i=$((i + 1)); done"]


class Run(NamedTuple):
    """Seconds by the clock and of CPU, and the most memory held in MB."""

    took: float
    cpu: float
    rss: float


def main() -> None:
    """Print both rates and their ratios."""
    asyncio.run(_main())


async def _main() -> None:
    async with Playground(progress=lambda line: None) as playground:
        async with Client(playground.admin_kubeconfig) as client:
            name = (await client.list("Pod", "shop", "app=checkout"))[0]["metadata"]["name"]
        await asyncio.to_thread(_compare, playground.admin_kubeconfig, str(name))


def _compare(kubeconfig: Path, name: str) -> None:
    kubectl = [KUBECTL, "--kubeconfig", str(kubeconfig), "exec", "-i", "-n", "shop", name, "--"]
    head, block = _pcap()
    for place, data in (("head", head), ("block", block)):
        subprocess.run([*kubectl, "sh", "-c", f"cat > /tmp/{place}"], input=data, check=True)
    size = len(head) + BLOCKS * len(block)
    ours, started, theirs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            out = Path(folder) / "pcap"
            argv = [sys.executable, "-m", "tests.bench.bench_capture_path", str(kubeconfig), name, str(out)]
            started.append(_run(argv, None))
            took, spent = json.loads(out.with_suffix(".json").read_text())
            ours.append(Run(took, spent, started[-1].rss))
            assert out.stat().st_size == size
            theirs.append(_run([*kubectl, *POUR], out))
            assert out.stat().st_size == size
    a, b = min(ours), min(theirs)
    cpu, whole, peer = (min(run.cpu for run in runs) for runs in (ours, started, theirs))
    rss = max(run.rss for run in ours)
    print(f"{size / 1e6:.0f} MB: exec to spool {size / 1e6 / a.took:.0f} MB/s, kubectl {size / 1e6 / b.took:.0f} MB/s")
    costs = f"CPU {cpu / peer:.2f} ({cpu:.2f} s against {peer:.2f} s; {whole:.2f} s with the interpreter's start)"
    print(f"ratio to kubectl: speed {b.took / a.took:.2f}, {costs}; RSS {rss:.0f} MB")
    note("stream_500_mb", speed_ratio=b.took / a.took, cpu_ratio=cpu / peer, rss_mb=rss, mb_per_s=size / 1e6 / a.took)


def _run(argv: list[str], out: Path | None) -> Run:
    began = time.perf_counter()
    with contextlib.ExitStack() as files:
        stdout = files.enter_context(out.open("wb")) if out else None
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, argv
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _receive(kubeconfig: str, name: str, out: Path) -> None:
    """The child: one stream into one spool."""
    with contextlib.closing(Cluster(kubeconfig)) as cluster, contextlib.closing(Spool(out)) as spool:
        pod = cluster.pod("shop", name)
        assert pod is not None
        began, before = time.perf_counter(), time.process_time()
        with contextlib.closing(cluster.open_exec(pod, "checkout", POUR)) as stream:
            for channel, piece in stream.frames():
                if channel == STDOUT:
                    spool.write(piece)
        took, spent = time.perf_counter() - began, time.process_time() - before
        assert spool.records == PACKETS * BLOCKS
    out.with_suffix(".json").write_text(json.dumps([took, spent]))


def _pcap() -> tuple[bytes, bytes]:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    record = struct.pack("<IIII", 1, 2, SIZE, SIZE) + bytes(SIZE)
    return head, record * PACKETS


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _receive(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        main()
