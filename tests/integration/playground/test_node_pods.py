"""The node agent with real containers: sandboxes, networking, services, faults, restarts, and no remains."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.playground.cluster.node import cgroups
from tests.integration.playground.node_support import (
    IMAGE,
    V4,
    V5,
    NodeClient,
    build_images,
    drain,
    exit_code,
    pod,
    running_node,
)

SERVER = ["sh", "-c", "mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www"]
# Debian's static busybox crashes on `wget -T`.
FETCH = "timeout 2 wget -q -O - http://{}/"


# One node for the module: each test has pods of its own.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images")
    build_images(path)
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(store: Path) -> AsyncIterator[NodeClient]:
    async with running_node(store) as client:
        yield client


async def test_two_pods_reach_each_other_over_both_families(node: NodeClient) -> None:
    a, b = await asyncio.gather(node.run(pod("a")), node.run(pod("b", SERVER)))
    six = node.status[b]["podIPs"][1]["ip"]
    for address in (f"{node.ip(b)}:8080", f"[{six}]:8080"):
        out, status = await node.sh(a, FETCH.format(address))
        assert (out, exit_code(status)) == ("b\n", 0)


async def test_cluster_ip_reaches_every_backend_and_the_pod_itself(node: NodeClient) -> None:
    uids = [await node.run(pod(name, SERVER)) for name in ("b1", "b2")]
    backends = [{"ip": node.ip(uid), "port": 8080} for uid in uids]
    port = {"port": 80, "protocol": "TCP", "backends": backends}
    await node.services({"name": "b", "namespace": "shop", "clusterIPs": ["198.19.0.20"], "ports": [port]})
    loop = f"for i in $(seq 24); do {FETCH.format('198.19.0.20')}; done"
    out, status = await node.sh(uids[0], loop)
    assert exit_code(status) == 0
    assert set(out.split()) == {"b1", "b2"}


async def test_cluster_ip_without_backends_refuses(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    port = {"port": 80, "protocol": "TCP", "backends": []}
    await node.services({"name": "x", "namespace": "shop", "clusterIPs": ["198.19.0.21"], "ports": [port]})
    _, status = await node.sh(uid, FETCH.format("198.19.0.21"))
    assert exit_code(status) == 1


async def test_dns_records_are_visible_in_the_pod(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    await node.services(dns={"web.shop.svc.cluster.local": ["198.19.0.22"]})
    out, _ = await node.sh(uid, "cat /run/threadcap/dns/hosts; cat /etc/resolv.conf")
    assert out.splitlines()[0] == "198.19.0.22 web.shop.svc.cluster.local"
    assert "nameserver 198.19.0.10" in out
    assert "search shop.svc.cluster.local svc.cluster.local cluster.local" in out


@pytest.mark.parametrize(("kind", "words"), [("drop", "code 143"), ("refuse", "refused"), ("reset", "reset by peer")])
async def test_a_fault_is_felt_and_healed(node: NodeClient, kind: str, words: str) -> None:
    client, server = await asyncio.gather(node.run(pod("c")), node.run(pod("s", SERVER)))
    fetch = FETCH.format(f"{node.ip(server)}:8080") + " 2>&1 || echo code $?"
    await node.fault(server, kind=kind, port=8080)
    assert words in (await node.sh(client, fetch))[0]
    await node.fault(server, kind="none")
    assert (await node.sh(client, fetch))[0] == "s\n"


async def test_delay_is_told_in_the_control_file(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    await node.fault(uid, kind="delay", delayMs=800)
    out, _ = await node.sh(uid, "cat /run/threadcap/fault.json; touch /run/threadcap/x 2>&1")
    assert '"delayMs": 800' in out
    assert "Read-only file system" in out


async def test_logs_in_order_with_tail_timestamps_and_follow(node: NodeClient) -> None:
    script = "echo one; echo two >&2; sleep 0.3; echo three; sleep 0.5; printf four"
    uid = await node.put(pod("a", ["sh", "-c", script], restartPolicy="Never"))
    await node.until(
        lambda: node.container(uid)["state"].get("running") or node.container(uid)["state"].get("terminated")
    )
    followed = await node.logs(uid, follow="true")
    assert sorted(followed.split("\n")) == ["four", "one", "three", "two"]
    await node.until(lambda: node.phase(uid) == "Succeeded")
    assert await node.logs(uid, tailLines="2") == "three\nfour"
    assert await node.logs(uid, limitBytes="3") == "one"
    assert "Z three\n" in await node.logs(uid, timestamps="true")


async def test_crash_is_restarted_with_backoff_and_previous_log(node: NodeClient) -> None:
    uid = await node.put(pod("a", ["sh", "-c", "echo run; exit 7"]))
    await node.until(lambda: node.container(uid)["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff")
    assert node.container(uid)["lastState"]["terminated"]["exitCode"] == 7
    await node.until(lambda: node.container(uid).get("restartCount", 0) >= 2)
    assert await node.logs(uid, previous="true") == "run\n"
    await node.delete(uid)


async def test_on_failure_and_never_end_in_their_phases(node: NodeClient) -> None:
    failed = await node.put(pod("f", ["sh", "-c", "exit 3"], restartPolicy="Never"))
    done = await node.put(pod("d", ["true"], restartPolicy="OnFailure"))
    await node.until(lambda: node.phase(failed) == "Failed")
    await node.until(lambda: node.phase(done) == "Succeeded")
    assert node.container(failed)["state"]["terminated"]["exitCode"] == 3


async def test_init_containers_run_in_order_before_the_app(node: NodeClient) -> None:
    mount = [{"name": "shared", "mountPath": "/shared"}]
    inits = [
        {"name": name, "image": IMAGE, "command": ["sh", "-c", f"echo {name} >> /shared/order"], "volumeMounts": mount}
        for name in ("first", "second")
    ]
    volumes = [{"name": "shared", "emptyDir": {}}]
    uid = await node.run(pod("a", container={"volumeMounts": mount}, initContainers=inits, volumes=volumes))
    assert (await node.sh(uid, "cat /shared/order"))[0] == "first\nsecond\n"
    assert [c["ready"] for c in node.status[uid]["initContainerStatuses"]] == [True, True]


async def test_unknown_image_waits_with_its_reason(node: NodeClient) -> None:
    uid = await node.put(pod("a", container={"image": "nope:1"}))
    await node.until(lambda: node.container(uid)["state"].get("waiting", {}).get("reason") == "ErrImagePull")
    await node.until(lambda: node.container(uid)["state"].get("waiting", {}).get("reason") == "ImagePullBackOff")
    await node.delete(uid)


async def test_a_pod_whose_sidecar_never_starts_can_be_deleted(node: NodeClient) -> None:
    sidecar = {"name": "side", "image": "nope:1", "restartPolicy": "Always"}
    uid = await node.put(pod("a", initContainers=[sidecar]))
    kind = "initContainerStatuses"
    await node.until(lambda: "waiting" in node.container(uid, "side", kind)["state"])
    await node.delete(uid)


async def test_missing_command_is_a_start_error(node: NodeClient) -> None:
    uid = await node.put(pod("a", ["/nope"], restartPolicy="Never"))
    await node.until(lambda: node.phase(uid) == "Failed")
    ended = node.container(uid)["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")


async def test_security_context_is_what_the_spec_says(node: NodeClient) -> None:
    context = {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    volumes = [{"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    obj = pod(
        "a",
        container={"securityContext": context, "volumeMounts": mounts},
        securityContext={"runAsUser": 1000, "fsGroup": 3000},
        volumes=volumes,
    )
    uid = await node.run(obj)
    script = "id -u; id -G; touch /x 2>&1; grep -E 'CapBnd|NoNewPrivs' /proc/self/status; "
    out, _ = await node.sh(uid, script + "head -c 2000000 /dev/zero > /data/big; ls -nd /data; ls -ln /data/big")
    lines = out.splitlines()
    assert lines[0] == "1000"
    assert set(lines[1].split()) == {"1000", "2000", "3000"}
    assert "Read-only file system" in lines[2]
    assert lines[3].split() == ["CapBnd:", "0000000000000000"]
    assert lines[4].split() == ["NoNewPrivs:", "1"]
    assert lines[5].split()[3] == "3000"
    assert int(lines[6].split()[4]) == 1024 * 1024


async def test_run_as_non_root_refuses_a_root_image(node: NodeClient) -> None:
    uid = await node.put(pod("a", securityContext={"runAsNonRoot": True}))
    await node.until(
        lambda: "waiting" in node.container(uid)["state"] and "message" in node.container(uid)["state"]["waiting"]
    )
    waiting = node.container(uid)["state"]["waiting"]
    assert waiting["reason"] in ("CreateContainerConfigError", "CrashLoopBackOff")
    assert "runAsNonRoot and image will run as root" in waiting["message"]


async def test_environment_from_fields_and_references(node: NodeClient) -> None:
    env = [
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "BOTH", "value": "$(POD)/$(IP) $$(POD)"},
    ]
    uid = await node.run(pod("a", container={"env": env}))
    assert (await node.sh(uid, "echo $BOTH"))[0] == f"a/{node.ip(uid)} $(POD)\n"


async def test_ephemeral_container_sees_the_targets_interfaces_and_processes(node: NodeClient) -> None:
    obj = pod("a", SERVER, securityContext={"runAsUser": 1000}, container={"securityContext": {"runAsUser": 0}})
    uid = await node.run(obj)
    extra = {"name": "debug", "image": IMAGE, "command": ["sleep", "3600"], "targetContainerName": "app"}
    obj["spec"]["ephemeralContainers"] = [extra]
    await node.put(obj)
    kind = "ephemeralContainerStatuses"
    await node.until(lambda: node.container(uid, "debug", kind)["state"].get("running"))
    out, _ = await node.sh(uid, "id -u; ip -4 addr show eth0; ps", "debug")
    assert out.startswith("1000\n")
    assert f"{node.ip(uid)}/32" in out
    assert "httpd" in out
    assert node.condition(uid, "Ready") == "True"
    await node.delete(uid)


async def test_share_process_namespace_and_host_pid(node: NodeClient) -> None:
    other = {"name": "other", "image": IMAGE, "command": ["sleep", "1234"]}
    shared = pod("a", shareProcessNamespace=True)
    shared["spec"]["containers"].append(other)
    uid = await node.run(shared)
    assert "sleep 1234" in (await node.sh(uid, "ps"))[0]
    host = await node.run(pod("h", hostPID=True, hostNetwork=True))
    out, _ = await node.sh(
        host, "cat /proc/1/cmdline | tr '\\0' ' '; grep -l cafe /dev/null; cat /proc/*/cgroup; ip link"
    )
    assert "deploy.playground.cluster.node" in out
    assert node.container(uid)["containerID"].removeprefix("containerd://") in out
    assert "cbr0" in out
    assert node.ip(host) == "198.18.1.1"


async def test_readiness_probe_decides_readiness(node: NodeClient) -> None:
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    uid = await node.put(
        pod(
            "a",
            ["sh", "-c", "while ! [ -e /go ]; do sleep 0.1; done; exec httpd -f -p 8080"],
            {"readinessProbe": probe},
        )
    )
    await node.until(lambda: node.container(uid)["state"].get("running"))
    assert node.condition(uid, "Ready") == "False"
    await node.sh(uid, "touch /go")
    await node.until(lambda: node.condition(uid, "Ready") == "True")


async def test_startup_probe_delays_readiness_and_is_not_asked_again(node: NodeClient) -> None:
    probe = {"exec": {"command": ["test", "-e", "/go"]}, "periodSeconds": 1, "failureThreshold": 60}
    uid = await node.put(pod("a", ["sleep", "1000"], {"startupProbe": probe}))
    await node.until(lambda: node.container(uid)["state"].get("running"))
    assert node.condition(uid, "Ready") == "False"
    await node.sh(uid, "touch /go")
    await node.until(lambda: node.condition(uid, "Ready") == "True")
    await node.sh(uid, "rm /go; sleep 1")
    assert node.condition(uid, "Ready") == "True"


async def test_container_that_never_starts_up_is_started_again(node: NodeClient) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    uid = await node.put(pod("a", ["sleep", "1000"], {"startupProbe": probe}))
    await node.until(lambda: node.container(uid).get("restartCount", 0) > 0)
    assert node.condition(uid, "Ready") == "False"


async def test_delete_waits_for_the_grace_and_no_longer(node: NodeClient) -> None:
    polite = ["sh", "-c", "trap 'echo bye; exit 0' TERM; while :; do sleep 3600 & wait $!; done"]
    deaf = ["sh", "-c", "trap '' TERM; while :; do sleep 3600; done"]
    first, second = await node.run(pod("p", polite)), await node.run(pod("d", deaf))
    clock = asyncio.get_running_loop().time
    begun = clock()
    await node.delete(first, 10)
    assert clock() - begun < 5
    begun = clock()
    await node.delete(second, 1)
    assert 1 <= clock() - begun < 5


async def test_memory_limit_kills_with_its_reason(node: NodeClient) -> None:
    hog = ["sh", "-c", "x=a; while :; do x=$x$x; done"]
    obj = pod("a", hog, {"resources": {"limits": {"memory": "16Mi"}}}, restartPolicy="Never")
    uid = await node.put(obj)
    await node.until(lambda: node.phase(uid) == "Failed")
    assert node.container(uid)["state"]["terminated"]["reason"] == "OOMKilled"


async def test_agent_restart_leaves_containers_alive(node: NodeClient) -> None:
    script = "while :; do date +%s; sleep 0.2; done"
    uid = await node.run(pod("a", ["sh", "-c", script]))
    once = await node.put(pod("once", ["true"], restartPolicy="Never"))
    await node.until(lambda: node.phase(once) == "Succeeded")
    before, whole = node.container(uid), node.status[uid]
    agent = node.agent_pid()
    assert agent is not None
    os.kill(agent, signal.SIGKILL)
    await node.until_back(agent)
    await node.until(lambda: node.condition(uid, "Ready") == "True" and node.phase(once) == "Succeeded")
    after = node.container(uid)
    assert (after["containerID"], after["restartCount"], after["state"]) == (
        before["containerID"],
        0,
        before["state"],
    )
    assert node.status[uid] == whole, "addresses, conditions and their times stay"
    count = len(await node.logs(uid))
    assert (await node.sh(uid, "echo alive"))[0] == "alive\n"
    await until(lambda: log_grows(node, uid, count))
    other = await node.run(pod("b"))
    assert node.ip(other) != node.ip(uid)
    await node.delete(uid)


async def test_faults_and_evictions_outlive_their_agent(node: NodeClient) -> None:
    slow, gone, caller = await asyncio.gather(*(node.run(pod(name, SERVER)) for name in ("s", "g", "c")))
    await node.fault(slow, kind="latency", delayMs=300)
    await node.evict(gone, "no room")
    agent = node.agent_pid()
    assert agent is not None
    os.kill(agent, signal.SIGKILL)
    await node.until_back(agent)
    await node.until(lambda: node.phase(gone) == "Failed")
    assert (node.status[gone]["reason"], node.status[gone]["message"]) == ("Evicted", "no room")
    assert "terminated" in node.container(gone)["state"]
    await node.until(lambda: node.condition(slow, "Ready") == "True")
    clock = asyncio.get_running_loop().time

    async def is_slow() -> bool:
        begun = clock()
        out, _ = await node.sh(caller, FETCH.format(f"{node.ip(slow)}:8080"))
        return out == "s\n" and clock() - begun >= 0.6

    await until(is_slow)
    await node.fault(slow, kind="none")
    assert (await node.sh(caller, FETCH.format(f"{node.ip(slow)}:8080")))[0] == "s\n"
    for uid in (slow, gone, caller):
        await node.delete(uid)


async def test_the_agent_ends_streams_in_order_when_told_to(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    agent = node.agent_pid()
    assert agent is not None
    command = ["sh", "-c", "while :; do echo x; sleep 0.05; done"]
    async with (
        node.session.ws_connect(node.exec_url(uid, command), protocols=(V5,)) as fifth,
        node.session.ws_connect(node.exec_url(uid, command), protocols=(V4,)) as fourth,
    ):
        for socket in (fifth, fourth):
            while (await socket.receive()).data != b"\x01x\n":
                pass
        os.kill(agent, signal.SIGTERM)
        assert (await drain(fifth))[2] == {"metadata": {}, "status": "Success"}
        assert (await drain(fourth))[2] == {}
        assert (fifth.close_code, fourth.close_code) == (1000, 1006)
    await node.until_back(agent)
    await node.until(lambda: node.condition(uid, "Ready") == "True")
    assert (await node.sh(uid, "grep -l 'echo x' /proc/[0-9]*/cmdline | wc -l"))[0] >= "2\n"
    await node.delete(uid)


async def test_a_node_whose_agent_is_held_back_leaves_nothing(store: Path) -> None:
    async with running_node(store) as node:
        uid = await node.run(pod("a"))
        agent = node.agent_pid()
        assert agent is not None
        node.node.hold_agent()
        os.kill(agent, signal.SIGKILL)
        await until(lambda: no_agent(node))
        assert processes_of(node.node.settings.id), "the pod lives on"
        await node.node.stop()
        assert processes_of(node.node.settings.id) == []
        assert not mounts_and_namespaces_of(node.node.settings.id, uid)


async def no_agent(node: NodeClient) -> bool:
    return node.agent_pid() is None


async def test_stop_leaves_nothing(store: Path) -> None:
    async with running_node(store) as node:
        settings = node.node.settings
        obj = pod("a", shareProcessNamespace=True, volumes=[{"name": "m", "emptyDir": {"medium": "Memory"}}])
        uid = await node.run(obj)
        await node.run(pod("b", SERVER))
        out, _ = await node.sh(uid, "sleep 3600 > /dev/null 2>&1 & echo started")
        assert out == "started\n"
        assert processes_of(settings.id)
    assert processes_of(settings.id) == []
    assert cgroups.directories(f"threadcap/{settings.id}") == []
    assert not settings.home.exists()
    assert not settings.disk.parent.exists()
    assert not mounts_and_namespaces_of(settings.id, uid)


async def test_death_of_the_starter_ends_the_node(store: Path) -> None:
    async with running_node(store) as node:
        uid = await node.run(pod("a"))
        assert node.node.init_pid is not None
        os.kill(node.node.init_pid, signal.SIGKILL)
        await until(lambda: no_process_of(node.node.settings.id))
    assert cgroups.directories(f"threadcap/{node.node.settings.id}") == []
    assert uid


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - the state is in a container or the kernel
            await asyncio.sleep(0.05)


async def log_grows(node: NodeClient, uid: str, count: int) -> bool:
    return len(await node.logs(uid)) > count


async def no_process_of(instance: str) -> bool:
    return not processes_of(instance)


def processes_of(instance: str) -> list[str]:
    """Processes whose cgroup or command line names the instance."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            text = (path / "cmdline").read_text() + (path / "cgroup").read_text()
            zombie = "\nState:\tZ" in (path / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if instance in text and not zombie:
            found.append(path.name)
    return found


def mounts_and_namespaces_of(instance: str, uid: str) -> list[str]:
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if instance in line]
    return mounts + [path.name for path in Path("/run/netns").iterdir() if uid in path.name]


async def test_host_interfaces_are_untouched(node: NodeClient) -> None:
    await node.run(pod("a"))
    links = await asyncio.to_thread(subprocess.check_output, ["ip", "-br", "link"], text=True)
    assert "cbr0" not in links
