"""`python -m deploy.playground.cluster --rundir D --image-store S --kubeconfig F [--port N]`"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from pathlib import Path

from .cluster import Cluster, ClusterSettings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.playground.cluster", description=__doc__)
    parser.add_argument("--rundir", type=Path, required=True, help="private directory, named by the instance's id")
    parser.add_argument("--image-store", type=Path, required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="where the administrator's is written")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--exec-needs-create", action="store_true", help="check WebSocket exec as Kubernetes 1.35 does")
    return parser.parse_args()


async def _run(words: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings = ClusterSettings(
        run_dir=words.rundir.absolute(),
        image_store=words.image_store.absolute(),
        port=words.port,
        nodes=words.nodes,
        exec_needs_create=words.exec_needs_create,
    )
    async with Cluster(settings) as cluster:
        await cluster.ready()
        cluster.kubeconfig().write(words.kubeconfig)
        print(f"ready {cluster.url}", flush=True)
        await stop.wait()


def main() -> None:
    words = _arguments()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(_run(words))


if __name__ == "__main__":
    main()
