"""What follows a change: replicas, endpoints, deletion with grace, owners, namespaces, node reports."""

from typing import Any

from tests.integration.playground.cluster_support import CORE, Api, FakeAgent, Json, pod

APPS = "/apis/apps/v1/namespaces/shop"


def workload(kind: str, replicas: int | None = 2, **spec: Any) -> Json:
    template = {"metadata": {"labels": {"app": "w"}}, "spec": pod("", "app")["spec"]}
    body = {"selector": {"matchLabels": {"app": "w"}}, "template": template, **spec}
    return {
        "kind": kind,
        "apiVersion": "apps/v1",
        "metadata": {"name": "w"},
        "spec": body | ({"replicas": replicas} if replicas is not None else {}),
    }


async def pods(api: Api, wanted: int) -> list[Json]:
    """The running pods of `w`, once there are as many as wanted."""

    def enough(_: int, found: Json) -> bool:
        live = [p for p in found["items"] if not p["metadata"].get("deletionTimestamp")]
        return len(live) == wanted and all(p["status"]["phase"] == "Running" for p in live)

    found = await api.until(f"{CORE}/namespaces/shop/pods?labelSelector=app%3Dw", enough)
    return [p for p in found["items"] if not p["metadata"].get("deletionTimestamp")]


async def test_deployment_makes_and_replaces_pods(api: Api) -> None:
    home = await api.namespace("shop")
    await api.post(f"{APPS}/deployments", workload("Deployment"))
    first, second = await pods(api, 2)
    owner = first["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["controller"]) == ("ReplicaSet", True)
    assert first["metadata"]["name"].startswith(f"w-{first['metadata']['labels']['pod-template-hash']}-")
    await api.delete(f"{home}/pods/{first['metadata']['name']}")
    names = {p["metadata"]["name"] for p in await pods(api, 2)}
    assert second["metadata"]["name"] in names
    found = await api.until(f"{APPS}/deployments/w", lambda _, d: d["status"].get("readyReplicas") == 2)
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]


async def test_new_template_rolls_over(api: Api) -> None:
    await api.namespace("shop")
    await api.post(f"{APPS}/deployments", workload("Deployment"))
    before = {p["metadata"]["name"] for p in await pods(api, 2)}
    change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "busybox:2"}]}}}}
    await api.patch(f"{APPS}/deployments/w", change)
    await api.until(
        f"{APPS}/deployments/w",
        lambda _, d: (
            d["status"].get("observedGeneration") == d["metadata"]["generation"]
            and d["status"].get("updatedReplicas") == d["status"].get("replicas") == 2
        ),
    )
    after = await pods(api, 2)
    assert not before & {p["metadata"]["name"] for p in after}
    assert {p["spec"]["containers"][0]["image"] for p in after} == {"busybox:2"}


async def test_scale_by_its_subresource(api: Api) -> None:
    await api.namespace("shop")
    await api.post(f"{APPS}/deployments", workload("Deployment"))
    await pods(api, 2)
    code, scale = await api.patch(f"{APPS}/deployments/w/scale", {"spec": {"replicas": 3}}, "merge-patch+json")
    assert (code, scale["kind"], scale["spec"]["replicas"]) == (200, "Scale", 3)
    await pods(api, 3)


async def test_statefulset_and_daemonset(api: Api) -> None:
    home = await api.namespace("shop")
    await api.post(f"{APPS}/statefulsets", workload("StatefulSet", serviceName="w"))
    assert [p["metadata"]["name"] for p in await pods(api, 2)] == ["w-0", "w-1"]
    await api.delete(f"{APPS}/statefulsets/w")
    await api.until(f"{home}/pods", lambda _, found: not found["items"])
    await api.post(f"{APPS}/daemonsets", workload("DaemonSet", None))
    assert [p["spec"]["nodeName"] for p in await pods(api, 1)] == ["node-1"]


async def test_dependents_go_with_their_owner(api: Api) -> None:
    home = await api.namespace("shop")
    await api.post(f"{APPS}/deployments", workload("Deployment"))
    await pods(api, 2)
    assert (await api.delete(f"{APPS}/deployments/w"))[1]["status"] == "Success"
    await api.until(f"{home}/pods", lambda _, found: not found["items"])
    await api.until(f"{APPS}/replicasets", lambda _, found: not found["items"])


async def test_foreground_waits_and_orphan_leaves(api: Api, agent: FakeAgent) -> None:
    await api.namespace("shop")
    await api.post(f"{APPS}/replicasets", workload("ReplicaSet", 1))
    await pods(api, 1)
    await api.delete(f"{APPS}/replicasets/w", {"propagationPolicy": "Orphan"})
    assert (
        "ownerReferences" not in (await pods(api, 1))[0]["metadata"]
        or not (await pods(api, 1))[0]["metadata"]["ownerReferences"]
    )
    await api.post(f"{APPS}/statefulsets", workload("StatefulSet", 1))
    await pods(api, 2)
    agent.let_go = False
    _, marked = await api.delete(f"{APPS}/statefulsets/w", {"propagationPolicy": "Foreground"})
    assert marked["metadata"]["finalizers"] == ["foregroundDeletion"]
    await pods(api, 1)
    assert (await api.get(f"{APPS}/statefulsets/w"))[0] == 200
    for uid in list(agent.pods):
        agent.tell({"uid": uid, "status": {}, "gone": True})
    await api.until(f"{APPS}/statefulsets/w", lambda code, _: code == 404)


async def test_service_has_an_address_and_ready_endpoints(api: Api, agent: FakeAgent) -> None:
    home = await api.namespace("shop")
    spec = {"selector": {"app": "x"}, "clusterIP": "198.19.0.10", "ports": [{"port": 80, "targetPort": 8080}]}
    _, made = await api.post(f"{home}/services", {"metadata": {"name": "s"}, "spec": spec})
    assert made["spec"]["clusterIPs"] == ["198.19.0.10"]
    code, status = await api.post(f"{home}/services", {"metadata": {"name": "t"}, "spec": spec})
    assert code == 422
    assert "provided IP is already allocated" in status["message"]
    ready = await api.running_pod(home, "x")
    path = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io/service-name%3Ds"
    found = await api.until(path, lambda _, e: e["items"] and e["items"][0]["endpoints"])
    assert found["items"][0]["endpoints"][0]["addresses"] == [ready["status"]["podIP"]]
    assert found["items"][0]["ports"][0]["port"] == 8080
    backend = {"ip": ready["status"]["podIP"], "port": 8080}
    # The agent hears of it a moment after the slice is written.
    await api.until(path, lambda *_: backend in _backends(agent, "s"))
    assert agent.services["dns"]["s.shop.svc.cluster.local"] == ["198.19.0.10"]


def _backends(agent: FakeAgent, name: str) -> list[Json]:
    services = [s for s in agent.services["services"] if s["name"] == name]
    return [backend for s in services for port in s["ports"] for backend in port["backends"]]


async def test_deletion_waits_for_the_node(api: Api, agent: FakeAgent) -> None:
    home = await api.namespace("shop")
    await api.running_pod(home, "x")
    agent.let_go = False
    code, marked = await api.delete(f"{home}/pods/x", {"gracePeriodSeconds": 5})
    assert (code, marked["metadata"]["deletionGracePeriodSeconds"]) == (200, 5)
    _, again = await api.delete(f"{home}/pods/x", {"gracePeriodSeconds": 20})
    assert again["metadata"]["deletionGracePeriodSeconds"] == 5
    agent.tell({"uid": marked["metadata"]["uid"], "status": {}, "gone": True})
    await api.until(f"{home}/pods/x", lambda code, _: code == 404)


async def test_force_removes_at_once_and_the_node_is_told(api: Api, agent: FakeAgent) -> None:
    home = await api.namespace("shop")
    await api.running_pod(home, "x")
    await api.delete(f"{home}/pods/x?gracePeriodSeconds=0")
    assert (await api.get(f"{home}/pods/x"))[0] == 404
    await api.until(f"{home}/pods", lambda *_: not agent.pods)


async def test_preconditions(api: Api) -> None:
    home = await api.namespace("shop")
    await api.running_pod(home, "x")
    code, status = await api.delete(f"{home}/pods/x", {"preconditions": {"uid": "other"}})
    assert (code, status["reason"]) == (409, "Conflict")
    assert "Precondition failed: UID in precondition: other" in status["message"]


async def test_finalizers_hold_an_object(api: Api) -> None:
    home = await api.namespace("shop")
    await api.post(f"{home}/configmaps", {"metadata": {"name": "c", "finalizers": ["example.com/wait"]}})
    _, held = await api.delete(f"{home}/configmaps/c")
    assert held["metadata"]["deletionTimestamp"]
    await api.patch(f"{home}/configmaps/c", {"metadata": {"finalizers": None}}, "merge-patch+json")
    assert (await api.get(f"{home}/configmaps/c"))[0] == 404


async def test_a_namespace_goes_with_what_it_holds(api: Api) -> None:
    home = await api.namespace("shop")
    await api.running_pod(home, "x", terminationGracePeriodSeconds=1)
    _, ending = await api.delete(home)
    assert ending["status"]["phase"] == "Terminating"
    code, status = await api.post(f"{home}/pods", pod("y"))
    assert code == 403
    assert "because it is being terminated" in status["message"]
    await api.until(home, lambda code, _: code == 404)


async def test_ephemeral_containers_reach_the_node(api: Api, agent: FakeAgent) -> None:
    home = await api.namespace("shop")
    made = await api.running_pod(home, "x")
    added = {"spec": {"ephemeralContainers": [{"name": "e", "image": "i", "targetContainerName": "app"}]}}
    await api.patch(f"{home}/pods/x/ephemeralcontainers", added)
    uid = made["metadata"]["uid"]
    await api.until(f"{home}/pods/x", lambda *_: "ephemeralContainers" in agent.pods[uid]["spec"])


async def test_eviction_and_generated_names(api: Api) -> None:
    home = await api.namespace("shop")
    body = pod("x", terminationGracePeriodSeconds=0)
    body["metadata"] = {"generateName": "gen-"}
    _, made = await api.post(f"{home}/pods", body)
    name = made["metadata"]["name"]
    assert name.startswith("gen-")
    assert len(name) == 9
    assert (await api.post(f"{home}/pods/{name}/eviction", {"metadata": {"name": name}}))[0] == 201
    await api.until(f"{home}/pods/{name}", lambda code, _: code == 404)


async def test_faults_are_passed_on_for_administrators_only(api: Api, agent: FakeAgent) -> None:
    home = await api.namespace("shop")
    made = await api.running_pod(home, "x")
    body = {"namespace": "shop", "pod": "x", "kind": "drop", "port": 8080}
    assert (await api.user("").post("/_playground/faults", body))[0] == 403
    assert (await api.post("/_playground/faults", body))[0] == 200
    assert agent.faults == {made["metadata"]["uid"]: {"kind": "drop", "port": 8080}}
