"""What benches stand on: a playground with its own Redis, a pod that talks all the time, a desk to ask for captures."""

import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from bot.commands import Commands
from deploy.playground.scene.client import Client
from deploy.playground.stack import Stack
from tests.support.captures import Desk
from tests.support.playground import KUBECTL
from workers.artifacts import ObjectArtifacts
from workers.policy import Rules
from workers.queue import CeleryQueue
from workers.state import RedisJobStore

POD = "app=checkout"


@asynccontextmanager
async def stand() -> AsyncIterator[tuple[Desk, str]]:
    """Yield the desk and the name of a pod with tcpdump in namespace shop."""
    async with Stack(progress=lambda line: None) as stack:
        store, queue = RedisJobStore(stack.redis_url), CeleryQueue(stack.redis_url)
        artifacts = ObjectArtifacts(f"file://{stack.rundir}/artifacts")
        async with Client(stack.playground.admin_kubeconfig) as client:
            name = str((await client.list("Pod", "shop", POD))[0]["metadata"]["name"])
        try:
            yield Desk(stack, store, queue, artifacts, Commands(store, queue, Rules(), time.time)), name
        finally:
            queue.close()
            store.close()


def kubectl(desk: Desk, pod: str, *words: str) -> list[str]:
    """The argv of a `kubectl exec -i` into the pod."""
    return [
        KUBECTL,
        "--kubeconfig",
        str(desk.stack.playground.admin_kubeconfig),
        "exec",
        "-i",
        "-n",
        "shop",
        pod,
        "--",
        *words,
    ]


@contextmanager
def pinging(desk: Desk, pod: str) -> Iterator[None]:
    """Two hundred packets a second on the pod's loopback, as long as the block runs."""
    argv = kubectl(desk, pod, "ping", "-q", "-i", "0.01", "127.0.0.1")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()
            argv = kubectl(
                desk,
                pod,
                "sh",
                "-c",
                'for p in /proc/[0-9]*; do grep -qa "^ping" $p/cmdline 2>/dev/null && kill ${p#/proc/}; done; true',
            )
            subprocess.run(argv, check=False, capture_output=True)


def first_packet(folder: Path, job_id: str, began: float) -> float:
    """Seconds from `began` (perf_counter) until the worker's spool of a job holds a packet."""
    while True:
        for path in folder.glob(f"worker-*/{job_id}-*.pcap"):
            if path.stat().st_size > 40:
                return time.perf_counter() - began
        time.sleep(0.001)
