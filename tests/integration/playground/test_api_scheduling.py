"""Where pods may run: selectors, cordons, taints and tolerations, by the API server over a stand-in agent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.playground.cluster_support import CORE, Api, Json, pod

NODES = f"{CORE}/nodes"
UNHELPFUL = (
    "no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
)


@pytest.fixture
async def home(api: Api) -> str:
    """A namespace; beside node-1 with its agent there is a ready node-2 in name only."""
    conditions = [{"type": "Ready", "status": "True"}]
    node = {"metadata": {"name": "node-2", "labels": {"disk": "ssd"}}, "status": {"conditions": conditions}}
    assert (await api.post(NODES, node))[0] == 201
    return await api.namespace("shop")


async def change(api: Api, node: str, **spec: Any) -> None:
    code, answer = await api.patch(f"{NODES}/{node}", {"spec": spec})
    assert code == 200, answer


async def taints(api: Api, node: str, count: int) -> list[Json]:
    found = await api.until(f"{NODES}/{node}", lambda _, n: len(n["spec"].get("taints") or ()) == count)
    return list(found["spec"].get("taints") or ())


async def bound(api: Api, home: str, name: str, **spec: Any) -> str:
    """Create a pod and return where it was put."""
    code, answer = await api.post(f"{home}/pods", pod(name, **spec))
    assert code == 201, answer
    found = await api.until(f"{home}/pods/{name}", lambda _, p: p["spec"].get("nodeName"))
    return str(found["spec"]["nodeName"])


async def refused(api: Api, home: str, name: str, **spec: Any) -> str:
    """Create a pod that fits nowhere; the sentence is the same in its condition and its event."""
    code, answer = await api.post(f"{home}/pods", pod(name, **spec))
    assert code == 201, answer
    found = await api.until(f"{home}/pods/{name}", lambda _, p: p["status"].get("conditions"))
    (condition,) = found["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "Unschedulable")
    _, events = await api.get(f"{home}/events?fieldSelector=involvedObject.name={name}")
    (event,) = events["items"]
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "FailedScheduling", condition["message"])
    assert event["source"]["component"] == "default-scheduler"
    return str(condition["message"])


async def test_pods_of_a_deployment_are_spread(api: Api, home: str) -> None:
    for number in range(3):
        assert await bound(api, home, f"filler-{number}", nodeSelector={"disk": "ssd"}) == "node-2"
    template = {"metadata": {"labels": {"app": "w"}}, "spec": pod("w")["spec"]}
    spec = {"replicas": 4, "selector": {"matchLabels": {"app": "w"}}, "template": template}
    path = f"/apis/apps/v1/namespaces/{home.rpartition('/')[2]}/deployments"
    assert (await api.post(path, {"metadata": {"name": "w"}, "spec": spec}))[0] == 201

    def placed(_: int, found: Json) -> bool:
        return sorted(p["spec"].get("nodeName", "") for p in found["items"]) == ["node-1"] * 2 + ["node-2"] * 2

    await api.until(f"{home}/pods?labelSelector=app=w", placed)


async def test_a_selector_that_nothing_matches_says_so(api: Api, home: str) -> None:
    said = await refused(api, home, "x", nodeSelector={"disk": "tape"})
    assert said == f"0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. {UNHELPFUL}"
    code, _ = await api.patch(f"{NODES}/node-2", {"metadata": {"labels": {"disk": "tape"}}})
    assert code == 200
    await api.until(f"{home}/pods/x", lambda _, p: p["spec"].get("nodeName") == "node-2")


async def test_required_affinity_is_heeded(api: Api, home: str) -> None:
    terms = [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    assert await bound(api, home, "x", affinity=affinity) == "node-2"


async def test_a_cordoned_node_takes_only_who_tolerates_it(api: Api, home: str) -> None:
    for node in ("node-1", "node-2"):
        await change(api, node, unschedulable=True)
    (taint,) = await taints(api, "node-2", 1)
    assert (taint["key"], taint["effect"]) == ("node.kubernetes.io/unschedulable", "NoSchedule")
    said = await refused(api, home, "x")
    assert said == f"0/2 nodes are available: 2 node(s) were unschedulable. {UNHELPFUL}"
    tolerations = [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]
    assert await bound(api, home, "y", tolerations=tolerations)
    await change(api, "node-2", unschedulable=None)
    await api.until(f"{home}/pods/x", lambda _, p: p["spec"].get("nodeName") == "node-2")
    assert await taints(api, "node-2", 0) == []


async def test_taints_repel_whom_they_are_not_tolerated_by(api: Api, home: str) -> None:
    await change(api, "node-1", taints=[{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}])
    await change(api, "node-2", unschedulable=True)
    said = await refused(api, home, "x")
    first = "1 node(s) had untolerated taint {dedicated: gpu}, 1 node(s) were unschedulable"
    assert said == f"0/2 nodes are available: {first}. {UNHELPFUL}"
    wrong = [{"key": "dedicated", "operator": "Equal", "value": "cpu", "effect": "NoSchedule"}]
    assert "dedicated" in await refused(api, home, "y", tolerations=wrong)
    right = [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]
    assert await bound(api, home, "z", tolerations=right) == "node-1"


async def test_no_execute_ends_pods_as_late_as_they_tolerate(api: Api, home: str) -> None:
    entry = {"key": "trial", "operator": "Exists", "effect": "NoExecute"}
    patience = {"none": [], "brief": [entry | {"tolerationSeconds": 1}], "endless": [entry]}
    for name, tolerations in patience.items():
        found = await api.running_pod(
            home, name, nodeSelector={"kubernetes.io/hostname": "node-1"}, tolerations=tolerations
        )
        assert {t["key"] for t in found["spec"]["tolerations"]} >= {"node.kubernetes.io/unreachable"}
    await change(api, "node-1", taints=[{"key": "trial", "value": "", "effect": "NoExecute"}])
    await api.until(f"{home}/pods/none", lambda code, p: code == 404 or p["metadata"].get("deletionTimestamp"))
    assert (await api.get(f"{home}/pods/brief"))[1]["metadata"].get("deletionTimestamp") is None
    _, events = await api.get(f"{home}/events?fieldSelector=reason=TaintManagerEviction")
    assert {e["message"] for e in events["items"]} == {"Marking for deletion Pod shop/none"}
    await api.until(f"{home}/pods/brief", lambda code, p: code == 404 or p["metadata"].get("deletionTimestamp"))
    assert (await api.get(f"{home}/pods/endless"))[1]["metadata"].get("deletionTimestamp") is None


async def test_daemons_run_on_cordoned_nodes_but_not_on_tainted_ones(api: Api, home: str) -> None:
    await change(api, "node-1", unschedulable=True)
    await change(api, "node-2", taints=[{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}])
    template = {"metadata": {"labels": {"app": "d"}}, "spec": pod("d")["spec"]}
    spec = {"selector": {"matchLabels": {"app": "d"}}, "template": template}
    path = "/apis/apps/v1/namespaces/shop/daemonsets"
    assert (await api.post(path, {"metadata": {"name": "d"}, "spec": spec}))[0] == 201
    found = await api.until(f"{path}/d", lambda _, d: d.get("status", {}).get("numberReady") == 1)
    assert found["status"]["desiredNumberScheduled"] == 1
    _, pods = await api.get(f"{home}/pods?labelSelector=app=d")
    assert [p["spec"]["nodeName"] for p in pods["items"]] == ["node-1"]
