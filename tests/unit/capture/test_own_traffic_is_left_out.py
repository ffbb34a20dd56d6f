"""On a node's network a capture would see itself: that is left out, said, and compiles. Elsewhere nothing changes."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support import jobs
from tests.support.cluster import MemoryCluster
from workers.capture import filters
from workers.capture.own_traffic import without_ours
from workers.capture.plans import Equipment
from workers.capture.targets import ContainerInfo, NodeInfo, PodInfo, Target
from workers.contract.limits import Limits
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.delivery import Tools
from workers.memory import MemoryArtifacts
from workers.planning import Planning
from workers.policy import Rules
from workers.resolve import resolve

ON_NODE = PodInfo("shop", "web", node="n1", host_network=True)
WORKER = "192.0.2.7"


def test_a_pod_of_its_own_network_is_captured_as_asked() -> None:
    target = Target(PodInfo("shop", "web", node="n1"), filter="tcp")
    assert without_ours(target, "any", WORKER) == target


def test_kubelet_loopback_and_worker_are_left_out_and_said() -> None:
    found = without_ours(Target(ON_NODE), "any", WORKER, 10255)
    assert found.filter == f"not (tcp port 10255 or net 127.0.0.0/8 or host ::1 or host {WORKER})"
    (note,) = found.notes
    assert note.startswith("left out, as this capture's own bytes pass there: the kubelet's port 10255, lo (name ")
    assert note.endswith(f"this worker's address {WORKER}")


def test_what_was_asked_for_comes_second() -> None:
    """`vlan` moves where everything after it looks."""
    found = without_ours(Target(ON_NODE, filter="vlan or port 80"), "eth0", "")
    assert found.filter == "not (tcp port 10250 or net 127.0.0.0/8 or host ::1) and (vlan or port 80)"


@pytest.mark.parametrize("asked", ["host 127.0.0.1 and port 80", "ip6 host ::1", "net 127.0.0.0/8"])
def test_who_names_loopback_sees_it(asked: str) -> None:
    assert without_ours(Target(ON_NODE, filter=asked), "any", "").filter == f"not (tcp port 10250) and ({asked})"


def test_who_captures_on_lo_sees_it() -> None:
    assert without_ours(Target(ON_NODE), "lo", "").filter == "not (tcp port 10250)"


@pytest.mark.parametrize(
    "asked", ["", "port 80", "host 198.18.0.1 and tcp", "host fe80::1:1", "tcp[tcpflags] & tcp-syn != 0"]
)
@pytest.mark.parametrize("interface", ["any", "eth0"])
def test_the_filter_compiles(asked: str, interface: str) -> None:
    found = without_ours(Target(ON_NODE, filter=asked), interface, WORKER)
    assert "127.0.0.0/8" in found.filter
    filters.check(found.filter, interface)


def test_a_plan_shows_it(tmp_path: Path) -> None:
    spec = CaptureSpec(TargetRef(TargetKind.POD, "web"), "shop", filter="port 80")
    app = ContainerInfo("app", running=True, id="containerd://" + "ab" * 32)
    nothing: Any = None
    with MemoryCluster(tmp_path) as cluster:
        cluster.address, cluster.nodes["n1"] = WORKER, NodeInfo("n1", kubelet_port=10260)
        cluster.add(replace(ON_NODE, phase="Running", containers=(app,)), lacking=("tcpdump",))
        tools = Tools(cluster.real, MemoryArtifacts(), Rules(), nothing, tmp_path, Equipment("example/it:1", "tools"))
        (planned,) = Planning(replace(jobs.job(), spec=spec), tools).preview(
            resolve(spec, cluster.real, Limits()).targets
        )
    assert planned.argv[-1] == f"not (tcp port 10260 or net 127.0.0.0/8 or host ::1 or host {WORKER}) and (port 80)"
    assert planned.reasons[-1].startswith("left out, as this capture's own bytes pass there")
