"""Every refusal is Kubernetes' own Status object, word for word."""

import pytest

from tests.integration.playground.cluster_support import CORE, Api, pod

SHOP = f"{CORE}/namespaces/shop"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"


async def test_unknown_token_is_401(api: Api) -> None:
    code, status = await api.user("nonsense").get(f"{CORE}/pods")
    assert (code, status["message"], status["reason"]) == (401, "Unauthorized", "Unauthorized")


async def test_no_token_is_the_anonymous_user(api: Api) -> None:
    code, status = await api.user("").get(f"{CORE}/pods")
    assert code == 403
    assert status["message"] == (
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope'
    )
    assert (await api.user("").get("/healthz"))[0] == 200


async def test_missing_object_is_404_with_details(api: Api) -> None:
    code, status = await api.get(f"{SHOP}/pods/x")
    assert (code, status["message"], status["reason"]) == (404, 'pods "x" not found', "NotFound")
    assert status["details"] == {"name": "x", "kind": "pods"}
    code, status = await api.get(f"{DEPLOYMENTS}/x")
    assert status["message"] == 'deployments.apps "x" not found'
    assert status["details"] == {"name": "x", "group": "apps", "kind": "deployments"}


async def test_unknown_resource_is_404(api: Api) -> None:
    code, status = await api.get(f"{CORE}/gadgets")
    assert (code, status["message"]) == (404, "the server could not find the requested resource")


async def test_unknown_namespace_lists_empty_but_takes_nothing(api: Api) -> None:
    code, found = await api.get(f"{CORE}/namespaces/nowhere/pods")
    assert (code, found["items"]) == (200, [])
    code, status = await api.post(f"{CORE}/namespaces/nowhere/pods", pod("x"))
    assert (code, status["message"]) == (404, 'namespaces "nowhere" not found')


async def test_second_object_of_a_name_is_409(api: Api) -> None:
    code, status = await api.post(f"{CORE}/namespaces", {"metadata": {"name": "default"}})
    assert (code, status["reason"], status["message"]) == (409, "AlreadyExists", 'namespaces "default" already exists')


async def test_stale_update_is_409(api: Api) -> None:
    home = await api.namespace("shop")
    _, first = await api.post(f"{home}/configmaps", {"metadata": {"name": "c"}})
    assert (await api.send("PUT", f"{home}/configmaps/c", first | {"data": {"a": "1"}}))[0] == 200
    code, status = await api.send("PUT", f"{home}/configmaps/c", first | {"data": {"a": "2"}})
    assert (code, status["reason"]) == (409, "Conflict")
    assert status["message"] == (
        'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes '
        "to the latest version and try again"
    )


async def test_wrong_method_is_405_and_wrong_body_415(api: Api) -> None:
    assert (await api.send("DELETE", f"{SHOP}/pods/x/log"))[0] == 405
    assert (await api.patch(f"{CORE}/namespaces/default", {}, "json"))[0] == 415


async def test_incomplete_pod_is_422_with_causes(api: Api) -> None:
    home = await api.namespace("shop")
    body = pod("x", "a", "a")
    del body["spec"]["containers"][0]["image"]
    code, status = await api.post(f"{home}/pods", body)
    assert (code, status["reason"]) == (422, "Invalid")
    assert [(c["field"], c["reason"]) for c in status["details"]["causes"]] == [
        ("spec.containers[0].image", "FieldValueRequired"),
        ("spec.containers[1].name", "FieldValueDuplicate"),
    ]
    assert status["message"] == (
        'Pod "x" is invalid: [spec.containers[0].image: Required value, spec.containers[1].name: Duplicate value: "a"]'
    )


async def test_a_pods_spec_is_fixed(api: Api) -> None:
    home = await api.namespace("shop")
    await api.running_pod(home, "x")
    code, status = await api.patch(f"{home}/pods/x", {"spec": {"hostNetwork": True}})
    assert code == 422
    assert status["message"].startswith('Pod "x" is invalid: spec: Forbidden: pod updates may not change fields')


@pytest.mark.parametrize(
    ("container", "field", "reason"),
    [
        ({"name": "app", "image": "i"}, "spec.ephemeralContainers[0].name", "FieldValueDuplicate"),
        ({"name": "e"}, "spec.ephemeralContainers[0].image", "FieldValueRequired"),
        (
            {"name": "e", "image": "i", "targetContainerName": "no"},
            "spec.ephemeralContainers[0].targetContainerName",
            "FieldValueNotFound",
        ),
        (
            {"name": "e", "image": "i", "ports": [{"containerPort": 1}]},
            "spec.ephemeralContainers[0].ports",
            "FieldValueForbidden",
        ),
    ],
)
async def test_ephemeral_container_rules(api: Api, container: dict[str, object], field: str, reason: str) -> None:
    home = await api.namespace("shop")
    await api.running_pod(home, "x")
    body = {"spec": {"ephemeralContainers": [container]}}
    code, status = await api.patch(f"{home}/pods/x/ephemeralcontainers", body)
    assert code == 422
    assert (field, reason) in [(cause["field"], cause["reason"]) for cause in status["details"]["causes"]]


async def test_ephemeral_containers_stay_as_they_are(api: Api) -> None:
    home = await api.namespace("shop")
    await api.running_pod(home, "x")
    path = f"{home}/pods/x/ephemeralcontainers"
    added = {"spec": {"ephemeralContainers": [{"name": "e", "image": "i"}]}}
    assert (await api.patch(path, added))[0] == 200
    code, status = await api.patch(path, {"spec": {"ephemeralContainers": [{"name": "e", "image": "other"}]}})
    assert code == 422
    assert 'existing ephemeral containers "e" may not be changed' in status["message"]
    code, status = await api.patch(path, {"spec": {"ephemeralContainers": []}}, "merge-patch+json")
    assert code == 422
    assert 'existing ephemeral containers "e" may not be removed' in status["message"]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("container=nope&", 400, "container nope is not valid for pod two"),
        ("", 400, "a container name must be specified for pod two, choose one of: [app side]"),
        ("container=app&", 400, "Upgrade request required"),
    ],
)
async def test_exec_refusals_before_the_upgrade(api: Api, query: str, code: int, message: str) -> None:
    home = await api.namespace("shop")
    assert (await api.post(f"{home}/pods", pod("two", "app", "side")))[0] == 201
    await api.until(f"{home}/pods/two", lambda _, p: p["status"]["phase"] == "Running")
    found = await api.get(f"{home}/pods/two/exec?{query}stdout=true&command=ls")
    assert (found[0], found[1]["message"]) == (code, message)
    missing = await api.get(f"{home}/pods/none/exec?stdout=true&command=ls")
    assert (missing[0], missing[1]["message"]) == (404, 'pods "none" not found')


async def test_spdy_is_refused_with_the_reason(api: Api) -> None:
    home = await api.namespace("shop")
    await api.running_pod(home, "x")
    path = f"{home}/pods/x/exec?stdout=true&command=ls"
    code, status = await api.send("POST", path, Upgrade="SPDY/3.1", Connection="Upgrade")
    assert code == 400
    assert "WebSocket" in status["message"]


async def test_bodies_over_the_limit_are_413(api: Api) -> None:
    code, status = await api.post(f"{CORE}/namespaces", {"metadata": {"name": "x" * (4 << 20)}})
    assert (code, status["reason"]) == (413, "RequestEntityTooLarge")
