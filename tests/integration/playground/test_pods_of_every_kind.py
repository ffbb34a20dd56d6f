"""The pods that methods are tried on are what their names say."""

import dataclasses
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.playground.scene.client import Client
from tests.support.accounts import capture_account
from tests.support.agent_pods import DUMP, HOME, INTO, PRIVILEGED, agent
from tests.support.every_kind import KINDS, KindOfPod, every_kind
from tests.support.playground import SharedPlayground

pytestmark = pytest.mark.asyncio(loop_scope="module")

Kinds = Mapping[str, KindOfPod]
TCPDUMP = ("timeout", "-s", "INT", "20", "tcpdump", "-n", "-i", "any", "-Z", "root", "-c", "1", "icmp")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kinds(playground: SharedPlayground) -> AsyncIterator[Kinds]:
    async with every_kind(playground.admin_kubeconfig, lost="node-2") as found:
        yield found


def run(playground: SharedPlayground, pod: KindOfPod, *words: str, container: str = "app") -> tuple[int, str]:
    done = playground.kubectl("exec", "-n", pod.namespace, pod.name, "-c", container, "--", *words, seconds=60)
    return done.returncode, done.stdout + done.stderr


async def test_all_are_there_and_the_lost_one_where_it_should_be(kinds: Kinds) -> None:
    assert set(kinds) == set(KINDS)
    assert kinds["on-lost-node"].node == "node-2"


@pytest.mark.parametrize(
    ("kind", "container"), [("with-tcpdump", "app"), ("with-sidecar", "tcpdump"), ("on-lost-node", "app")]
)
async def test_tcpdump_sees_the_caller(playground: SharedPlayground, kinds: Kinds, kind: str, container: str) -> None:
    code, said = run(playground, kinds[kind], *TCPDUMP, container=container)
    assert code == 0, said
    assert "ICMP echo" in said


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agents(playground: SharedPlayground) -> AsyncIterator[Mapping[str, KindOfPod]]:
    """A privileged capture pod on each node, by its name."""
    found = {node: KindOfPod(HOME, f"agent-{secrets.token_hex(4)}", node, "") for node in ("node-1", "node-2")}
    async with Client(playground.admin_kubeconfig) as client:
        await client.apply([agent(each.name, node, PRIVILEGED, hostPID=True) for node, each in found.items()])
        for each in found.values():
            wait = ("wait", "-n", HOME, f"pod/{each.name}", "--for=condition=Ready", "--timeout=30s")
            assert playground.kubectl(*wait, seconds=60).returncode == 0
        yield found
        for each in found.values():
            await client.call("DELETE", f"/api/v1/namespaces/{HOME}/pods/{each.name}")


@pytest.mark.parametrize(
    "kind", ["distroless", "hardened", "restricted", "without-tcpdump", "host-network", "writable"]
)
async def test_a_pod_on_the_node_captures_whatever_the_target_lacks(
    playground: SharedPlayground, kinds: Kinds, agents: Kinds, kind: str
) -> None:
    pod = kinds[kind]
    column = "jsonpath={.status.containerStatuses[0].containerID}"
    said = playground.kubectl("get", "pod", "-n", pod.namespace, pod.name, "-o", column).stdout
    script = f"{INTO} {DUMP} -i any -c 4 icmp and host {pod.address}"
    words = ("sh", "-c", script, "sh", said.removeprefix("containerd://"))
    code, seen = run(playground, agents[pod.node], *words, container="capture")
    assert code == 0, seen
    assert f"> {pod.address}: ICMP echo request" in seen


@pytest.mark.parametrize("kind", ["without-tcpdump", "with-sidecar", "hardened", "writable", "host-network"])
async def test_tcpdump_is_missing_and_a_shell_is_there(playground: SharedPlayground, kinds: Kinds, kind: str) -> None:
    asked = run(playground, kinds[kind], "sh", "-c", "command -v tcpdump || echo none")
    assert asked == (0, "none\n")


async def test_distroless_has_one_program(playground: SharedPlayground, kinds: Kinds) -> None:
    code, said = run(playground, kinds["distroless"], "sh", "-c", "true")
    assert code != 0
    assert "executable file not found" in said
    assert run(playground, kinds["distroless"], "/sleep", "0") == (0, "")


@pytest.mark.parametrize(("kind", "writes"), [("writable", True), ("hardened", False), ("without-tcpdump", False)])
async def test_where_a_program_can_be_put(playground: SharedPlayground, kinds: Kinds, kind: str, writes: bool) -> None:
    code, _ = run(playground, kinds[kind], "sh", "-c", "cp /bin/busybox /root/true && /root/true")
    assert (code == 0) == writes


async def test_hosts_network_has_the_nodes_address(kinds: Kinds) -> None:
    pod = kinds["host-network"]
    assert pod.address == f"198.18.{pod.node.removeprefix('node-')}.1"


async def test_a_restricted_namespace_refuses_root(playground: SharedPlayground, kinds: Kinds) -> None:
    space = kinds["restricted"].namespace
    refused = playground.kubectl("run", "root", "-n", space, "--image=busybox:1", "--", "sleep", "1")
    assert 'violates PodSecurity "restricted:latest"' in refused.stderr


async def test_an_account_lacks_what_it_should_lack(playground: SharedPlayground, tmp_path: Path) -> None:
    lacking = [("create", "pods/exec"), ("*", "services")]
    async with capture_account(playground.admin_kubeconfig, tmp_path / "config", lacking) as file:
        account = dataclasses.replace(playground, admin_kubeconfig=file)
        asked = [(verb, what) for verb, what in (("get", "pods"), ("get", "pods/exec"), *lacking, ("get", "services"))]
        words = [account.kubectl("auth", "can-i", verb, what, "-n", "shop").stdout.strip() for verb, what in asked]
        assert words == ["yes", "yes", "no", "no", "no"]
        assert 'cannot list resource "services"' in account.kubectl("get", "services", "-n", "shop").stderr
        name = playground.kubectl("config", "view", "--kubeconfig", str(file), "-o", "jsonpath={.users[0].name}").stdout
    left = playground.kubectl("get", "clusterroles,clusterrolebindings,serviceaccounts", "-n", "threadcap").stdout
    assert name.startswith("capture-")
    assert name not in left


async def test_the_crashing_one_is_started_again(playground: SharedPlayground, kinds: Kinds) -> None:
    pod = kinds["crashing"]
    status = json.loads(playground.kubectl("get", "pod", "-n", pod.namespace, pod.name, "-o", "json").stdout)["status"]
    assert status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 3
