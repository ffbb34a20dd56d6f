"""How fast bytes get from a pod to the spool: MB/s of exec stream -> Spool against `kubectl exec … cat` in one run.

Run: `python -m tests.bench.bench_capture_path` (root, as the playground). The spool counts records and hashes on the
way, kubectl writes to a file; both read the same pcap, interleaved, the best of three counts. 1 MB is 1,000,000 bytes.
"""

import asyncio
import contextlib
import hashlib
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from deploy.playground.scene.client import Client
from deploy.playground.up import Playground
from tests.support.playground import KUBECTL
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDOUT
from workers.capture.spool import Spool
from workers.capture.targets import PodInfo

PACKETS = 90_000
SIZE = 1_400
ROUNDS = 3
PLACE = "/tmp/bench.pcap"


def main() -> None:
    """Print both rates and their ratio."""
    asyncio.run(_main())


async def _main() -> None:
    async with Playground(progress=lambda line: None) as playground:
        async with Client(playground.admin_kubeconfig) as client:
            name = (await client.list("Pod", "shop", "app=checkout"))[0]["metadata"]["name"]
        await asyncio.to_thread(_compare, playground.admin_kubeconfig, str(name))


def _compare(kubeconfig: Path, name: str) -> None:
    data = _pcap()
    kubectl = [KUBECTL, "--kubeconfig", str(kubeconfig), "exec", "-i", "-n", "shop", name, "--"]
    subprocess.run([*kubectl, "sh", "-c", f"cat > {PLACE}"], input=data, check=True)
    with contextlib.closing(Cluster(str(kubeconfig))) as cluster, tempfile.TemporaryDirectory() as folder:
        pod = cluster.pod("shop", name)
        assert pod is not None
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(_ours(cluster, pod, data, Path(folder)))
            theirs.append(_theirs(kubectl, data, Path(folder)))
    mega = len(data) / 1e6
    fast, peer = mega / min(ours), mega / min(theirs)
    print(f"{mega:.0f} MB in {PACKETS} packets: exec to spool {fast:.0f} MB/s, kubectl cat {peer:.0f} MB/s")
    print(f"ratio to kubectl: {fast / peer:.2f}")


def _ours(cluster: Cluster, pod: PodInfo, data: bytes, folder: Path) -> float:
    spool = Spool(folder / "spool.pcap")
    began = time.perf_counter()
    with contextlib.closing(cluster.open_exec(pod, "checkout", ["cat", PLACE])) as stream:
        for channel, piece in stream.frames():
            if channel == STDOUT:
                spool.write(piece)
    took = time.perf_counter() - began
    spool.close()
    assert spool.records == PACKETS
    assert spool.sha256() == hashlib.sha256(data).hexdigest()
    return took


def _theirs(kubectl: list[str], data: bytes, folder: Path) -> float:
    path = folder / "kubectl.pcap"
    began = time.perf_counter()
    with path.open("wb") as out:
        subprocess.run([*kubectl, "cat", PLACE], stdin=subprocess.DEVNULL, stdout=out, check=True)
    took = time.perf_counter() - began
    assert path.stat().st_size == len(data)
    return took


def _pcap() -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    record = struct.pack("<IIII", 1, 2, SIZE, SIZE) + bytes(SIZE)
    return head + record * PACKETS


if __name__ == "__main__":
    main()
