"""Pods of our own on a node, with real tcpdump: into a target's network namespace by its container id (privileged,
hostPID), and at the host's end of its interface (hostNetwork, NET_RAW only). Targets are those nobody can exec in.
"""

import asyncio
import contextlib
import hashlib
import json
import random
import secrets
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import kubernetes
import pytest
import pytest_asyncio
import websocket
from kubernetes.stream import stream

from deploy.playground.scene import Manifest
from deploy.playground.scene.client import Client
from tests.support.agent_pods import DUMP, HOME, INTO, PRIVILEGED, RAW_ONLY, agent
from tests.support.playground import KUBECTL, SharedPlayground

pytestmark = pytest.mark.asyncio(loop_scope="module")

Agents = dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agents(playground: SharedPlayground) -> AsyncIterator[Agents]:
    """One pod of each way on each node: "node-1/inside", "node-1/raw", … -> its name."""
    run = secrets.token_hex(3)
    found: Agents = {}
    pods: list[Manifest] = []
    for node in ("node-1", "node-2"):
        inside, raw = (f"agent-{run}-{node}-{way}" for way in ("inside", "raw"))
        found |= {f"{node}/inside": inside, f"{node}/raw": raw}
        pods += [agent(inside, node, PRIVILEGED, hostPID=True), agent(raw, node, RAW_ONLY, hostNetwork=True)]
    async with Client(playground.admin_kubeconfig) as client:
        await client.apply(pods)
        for pod in found.values():
            ok(playground, "wait", "-n", HOME, f"pod/{pod}", "--for=condition=Ready", "--timeout=30s")
        yield found
        for pod in found.values():
            await client.call("DELETE", f"/api/v1/namespaces/{HOME}/pods/{pod}")


def ok(playground: SharedPlayground, *words: str) -> str:
    done = playground.kubectl(*words, seconds=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sh(playground: SharedPlayground, pod: str, script: str, *words: str) -> str:
    return ok(playground, "exec", "-n", HOME, pod, "--", "sh", "-c", script, "sh", *words)


def target(playground: SharedPlayground, app: str) -> dict[str, Any]:
    """A running pod of the scene."""
    listed = json.loads(ok(playground, "get", "pods", "-n", "shop", "-l", f"app={app}", "-o", "json"))
    found: dict[str, Any] = listed["items"][0]
    return found


def container_id(pod: dict[str, Any]) -> str:
    name = str(pod["status"]["containerStatuses"][0]["containerID"])
    assert name.startswith("containerd://")
    assert len(name) == len("containerd://") + 64
    return name.removeprefix("containerd://")


async def test_a_container_id_ends_the_path_of_its_cgroup(playground: SharedPlayground, agents: Agents) -> None:
    vault = target(playground, "vault")
    inside, name = agents[f"{vault['spec']['nodeName']}/inside"], container_id(vault)
    lines = sh(playground, inside, 'grep -hE "$1" /proc/[0-9]*/cgroup | sort -u', name).splitlines()
    assert lines
    assert all(line.endswith(f"/pod{vault['metadata']['uid']}/{name}") for line in lines), lines


@pytest.mark.parametrize("app", ["vault", "web"])
async def test_a_privileged_agent_captures_in_the_targets_namespace(
    playground: SharedPlayground, agents: Agents, app: str
) -> None:
    pod = target(playground, app)
    inside = agents[f"{pod['spec']['nodeName']}/inside"]
    seen = sh(playground, inside, f"{INTO} {DUMP} -i any -c 5 tcp 2>/dev/null", container_id(pod))
    assert seen.count("\n") == 5
    assert all(pod["status"]["podIP"] in line for line in seen.splitlines()), seen


async def test_it_hears_the_loopback_too(playground: SharedPlayground, agents: Agents) -> None:
    pod = target(playground, "quiet")
    inside = agents[f"{pod['spec']['nodeName']}/inside"]
    quiet = ("exec", "-n", "shop", pod["metadata"]["name"], "--", "ping", "-c", "100", "-i", "0.1", "127.0.0.1")
    argv = [KUBECTL, "--kubeconfig", str(playground.admin_kubeconfig), *quiet]
    pings = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.DEVNULL)
    seen = sh(playground, inside, f"{INTO} {DUMP} -i any -c 4 icmp 2>/dev/null", container_id(pod))
    pings.terminate()
    await pings.wait()
    assert seen.count(" lo ") == 4, seen


@pytest.mark.parametrize("app", ["web", "payments"])
async def test_the_hosts_end_of_an_interface_is_found_by_its_index(
    playground: SharedPlayground, agents: Agents, app: str
) -> None:
    pod = target(playground, app)
    node, address = pod["spec"]["nodeName"], pod["status"]["podIP"]
    link = ("exec", "-n", "shop", pod["metadata"]["name"], "--", "cat", "/sys/class/net/eth0/iflink")
    index = ok(playground, *link).strip()
    raw = agents[f"{node}/raw"]
    links = sh(playground, raw, "grep -H '' /sys/class/net/*/ifindex").splitlines()
    known = {number: path.split("/")[4] for path, number in (line.split(":") for line in links)}
    assert "cbr0" in known.values(), "the node's interfaces, not the machine's"
    veth = known[index]
    seen = sh(playground, raw, f'{DUMP} -i "$1" -c 6 tcp 2>/dev/null', veth)
    assert seen.count("\n") == 6
    assert all(address in line for line in seen.splitlines()), seen


async def test_without_privilege_nobody_enters(playground: SharedPlayground, agents: Agents) -> None:
    refused = playground.kubectl("exec", "-n", HOME, agents["node-1/raw"], "--", "nsenter", "-t", "1", "-n", "true")
    assert refused.returncode != 0
    assert "denied" in refused.stderr or "not permitted" in refused.stderr, refused.stderr


async def test_a_pod_of_the_hosts_network_sees_the_nodes_traffic(playground: SharedPlayground, agents: Agents) -> None:
    web = {pod["status"]["podIP"] for pod in _pods(playground, "web")}
    those = " or ".join(f"host {address}" for address in sorted(web))  # other tests break other pods' traffic
    look = f"{DUMP} -i any -c 40 'tcp port 8080 and ({those})' 2>/dev/null"
    interfaces: set[str] = set()
    while not interfaces > {"cbr0"}:  # the bridge and its ports: some connections go to the other node's pod alone
        seen = sh(playground, agents["node-1/raw"], look)
        assert any(address in seen for address in web), seen
        interfaces |= {line.split()[1] for line in seen.splitlines()}


def _pods(playground: SharedPlayground, app: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        ok(playground, "get", "pods", "-n", "shop", "-l", f"app={app}", "-o", "json")
    )["items"]
    return found


async def test_the_spool_lies_on_disk(playground: SharedPlayground, agents: Agents) -> None:
    mounted = sh(playground, agents["node-1/inside"], "grep ' /spool ' /proc/mounts; df -kP /spool | tail -n 1")
    first, second = mounted.splitlines()
    assert first.split()[2] not in ("tmpfs", "ramfs")
    assert int(second.split()[3]) > 0


ENDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a volume over its limit": (
        "head -c 9000000 /dev/zero > /spool/x; sleep 600",
        {"volumes": [{"name": "spool", "emptyDir": {"sizeLimit": "8Mi"}}]},
        'Evicted: Usage of EmptyDir volume "spool" exceeds the limit "8Mi". ',
    ),
    "its own writable layer": (
        "head -c 70000000 /dev/zero > /x; sleep 600",
        {},
        "Evicted: Pod ephemeral local storage usage exceeds the total limit of containers 64Mi. ",
    ),
    "too long": (
        "sleep 600",
        {"activeDeadlineSeconds": 2},
        "DeadlineExceeded: Pod was active on the node longer than the specified deadline",
    ),
}


@pytest.mark.parametrize("what", ENDS)
async def test_a_pod_over_its_limits_is_ended_as_by_a_kubelet(playground: SharedPlayground, what: str) -> None:
    command, spec, said = ENDS[what]
    name = f"agent-{secrets.token_hex(3)}"
    async with Client(playground.admin_kubeconfig) as client:
        await client.apply([agent(name, "node-2", PRIVILEGED, command, hostPID=True, **spec)])
        wait = ("wait", "-n", HOME, f"pod/{name}", "--for=jsonpath={.status.phase}=Failed", "--timeout=30s")
        ok(playground, *wait)
        column = "jsonpath={.status.reason}: {.status.message}"
        assert ok(playground, "get", "pod", "-n", HOME, name, "-o", column) == said
        assert said.split(": ")[1].strip() in ok(playground, "events", "-n", HOME, "--for", f"pod/{name}")
        await client.call("DELETE", f"/api/v1/namespaces/{HOME}/pods/{name}")


async def test_what_an_agent_began_on_the_node_ends_with_it(playground: SharedPlayground, agents: Agents) -> None:
    """A shared PID namespace does not end with the container, so the runtime kills what is left in it."""
    name, mark = f"agent-{secrets.token_hex(3)}", secrets.token_hex(8)
    command = f"sh -c 'while :; do sleep 1; done' {mark} & read line < /spool/fifo"
    pod = agent(name, "node-1", PRIVILEGED, f"mkfifo /spool/fifo; {command}", hostPID=True)
    async with Client(playground.admin_kubeconfig) as client:
        await client.apply([pod])
        ok(playground, "wait", "-n", HOME, f"pod/{name}", "--for=condition=Ready", "--timeout=30s")
        count = f"grep -l '{mark[:-1]}[{mark[-1]}]' /proc/[0-9]*/cmdline | wc -l"
        assert sh(playground, agents["node-1/inside"], count).strip() == "2"
        sh(playground, name, "echo > /spool/fifo")
        ok(playground, "wait", "-n", HOME, f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=30s")
        assert sh(playground, agents["node-1/inside"], count).strip() == "0"
        await client.call("DELETE", f"/api/v1/namespaces/{HOME}/pods/{name}")


async def test_a_spool_is_read_whole_over_fifty_cut_streams(playground: SharedPlayground, agents: Agents) -> None:
    pod, size, seed = agents["node-1/inside"], 3_000_000, secrets.randbits(32)
    dice = random.Random(seed)
    wanted = sh(playground, pod, f"head -c {size} /dev/urandom > /spool/whole; sha256sum < /spool/whole").split()[0]
    cuts = [dice.randrange(2 * size // 50) for _ in range(50)]
    fault = {"kind": "stream", "namespace": HOME, "pod": pod, "command": "tail -c", "action": "cut"}
    async with Client(playground.admin_kubeconfig) as client:
        await client.call("POST", "/_playground/faults", {**fault, "afterBytes": cuts})
    received = bytearray()
    streams = 0
    with kubernetes.config.new_client_from_config(str(playground.admin_kubeconfig)) as api:
        api.set_default_header("sec-websocket-protocol", "v4.channel.k8s.io")
        while len(received) < size and streams < 60:
            received += read(api, pod, ["tail", "-c", f"+{len(received) + 1}", "/spool/whole"])
            streams += 1
    assert (hashlib.sha256(received).hexdigest(), len(received)) == (wanted, size), f"seed {seed}"
    assert streams > 20, f"seed {seed}"


def read(api: Any, pod: str, command: list[str]) -> bytes:
    """Standard output of a command as far as the stream brings it."""
    call = kubernetes.client.CoreV1Api(api).connect_get_namespaced_pod_exec
    words = {"command": command, "stderr": False, "stdin": False, "stdout": True, "tty": False}
    opened = stream(call, pod, HOME, **words, binary=True, _preload_content=False)
    out = bytearray()
    with contextlib.suppress(websocket.WebSocketConnectionClosedException):
        while (message := opened.sock.recv_data_frame(True)[1]).opcode == websocket.ABNF.OPCODE_BINARY:
            out += message.data[1:] if message.data[:1] == b"\x01" else b""
    opened.sock.shutdown()
    return bytes(out)


async def test_a_node_is_chosen_by_its_name(playground: SharedPlayground) -> None:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-2"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    name = f"agent-{secrets.token_hex(3)}"
    pod = agent(name, "", PRIVILEGED, affinity={"nodeAffinity": required})
    del pod["spec"]["nodeName"]
    async with Client(playground.admin_kubeconfig) as client:
        await client.apply([pod])
        ok(playground, "wait", "-n", HOME, f"pod/{name}", "--for=condition=Ready", "--timeout=30s")
        assert ok(playground, "get", "pod", "-n", HOME, name, "-o", "jsonpath={.spec.nodeName}") == "node-2"
        await client.call("DELETE", f"/api/v1/namespaces/{HOME}/pods/{name}")
