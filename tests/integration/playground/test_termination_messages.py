"""What a container says when it ends is in its status, by the words of its terminationMessagePolicy."""

import json
from typing import Any

from deploy.playground.scene.client import Client
from tests.support.playground import SharedPlayground
from tests.support.stack import until

CASES: dict[str, tuple[str, str, str]] = {
    # script, policy, what the status says
    "said in the file": ("echo why >/dev/termination-log; echo noise; exit 3", "FallbackToLogsOnError", "why\n"),
    "its last words": ("echo first; echo last; exit 3", "FallbackToLogsOnError", "first\nlast\n"),
    "nothing, as all went well": ("echo words", "FallbackToLogsOnError", ""),
    "nothing, as logs are not asked for": ("echo words; exit 3", "File", ""),
    "no more than 4096 bytes": (
        "head -c 5000 /dev/zero | tr '\\0' x >/dev/termination-log; exit 1",
        "File",
        "x" * 4096,
    ),
}


def _pod(namespace: str) -> dict[str, Any]:
    def container(number: int, script: str, policy: str) -> dict[str, Any]:
        command = ["sh", "-c", script]
        named = {"name": f"c{number}", "image": "busybox:1", "command": command, "terminationMessagePolicy": policy}
        return named | {"securityContext": {"runAsUser": 65532}}

    containers = [container(number, script, policy) for number, (script, policy, _) in enumerate(CASES.values())]
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": containers}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ends", "namespace": namespace}, "spec": spec}


async def test_a_container_says_why_it_ended(playground: SharedPlayground, fresh_namespace: str) -> None:
    async with Client(playground.admin_kubeconfig) as client:
        await client.apply([_pod(fresh_namespace)])

    def states() -> list[dict[str, Any]] | None:
        said = playground.kubectl("get", "pod", "ends", "-n", fresh_namespace, "-o", "json").stdout
        found = [each["state"] for each in json.loads(said)["status"].get("containerStatuses", [])]
        return found if found and all("terminated" in state for state in found) else None

    ended = await until(states, 60, "the end of all containers")
    told = [state["terminated"].get("message", "") for state in ended]
    assert dict(zip(CASES, told, strict=True)) == {name: message for name, (_, _, message) in CASES.items()}
