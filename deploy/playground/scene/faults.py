"""Faults in the scene's pods, through the playground's control endpoint (administrators only).

python -m deploy.playground.scene.faults --kubeconfig F payments drop --port 8080
python -m deploy.playground.scene.faults --kubeconfig F payments none
"""

import argparse
import asyncio
import sys
from pathlib import Path

import aiohttp

from deploy.playground.scene import Manifest
from deploy.playground.scene.client import ApiError, Client

ENDPOINT = "/_playground/faults"
KINDS = ("none", "drop", "refuse", "reset", "blackhole", "delay", "loss", "latency", "reorder", "evict")


async def inject(
    client: Client,
    target: str,
    kind: str,
    *,
    namespace: str = "shop",
    port: int = 8080,
    delay_ms: int = 800,
    percent: float = 30.0,
) -> str:
    """Give one pod a fault (it replaces the pod's earlier one); the pod's name is returned.

    drop, refuse, reset, blackhole (large packets alone): of `port`. delay: the app answers late. latency, loss,
    reorder: of the pod's interface (`delay_ms` on all it sends; `percent` of packets lost; `percent` of those sent
    held back by `delay_ms`). evict: the node evicts it, for good. none: heals the others.

    `target`: "pod/x", or "deploy/x" or "x" for the first pod of that deployment by name. Raises ApiError
    (404 when there is no such pod).
    """
    pod = await _find_pod(client, target, namespace)
    body: Manifest = {"namespace": namespace, "pod": pod, "kind": kind, "port": port, "delayMs": delay_ms}
    body["percent"] = percent
    await client.call("POST", ENDPOINT, body)
    return pod


async def _find_pod(client: Client, target: str, namespace: str) -> str:
    kind, _, name = target.rpartition("/")
    if kind in ("pod", "pods", "po"):
        return name
    deployment: Manifest = await client.call("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    labels = deployment["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = await client.list("Pod", namespace, selector)
    names = sorted(pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"])
    if not names:
        raise ApiError(404, f'deployment "{name}" in "{namespace}" has no pods')
    return str(names[0])


async def _run(arguments: argparse.Namespace) -> str:
    async with Client(arguments.kubeconfig) as client:
        return await inject(
            client,
            arguments.target,
            arguments.kind,
            namespace=arguments.namespace,
            port=arguments.port,
            delay_ms=arguments.delay_ms,
            percent=arguments.percent,
        )


def main(argv: list[str] | None = None) -> int:
    """Inject one fault and say where; 1 when it was refused."""
    parser = argparse.ArgumentParser(prog="python -m deploy.playground.scene.faults", description=__doc__)
    parser.add_argument("target", help="pod/NAME or the name of a deployment")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("-n", "--namespace", default="shop")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--delay-ms", type=int, default=800)
    parser.add_argument("--percent", type=float, default=30.0)
    arguments = parser.parse_args(argv)
    try:
        pod = asyncio.run(_run(arguments))
    except (ApiError, aiohttp.ClientError, OSError) as error:
        print(f"no fault injected: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.namespace}/{pod}: {arguments.kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
