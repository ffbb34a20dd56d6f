"""RBAC on every verb and subresource, and reviews that answer from the same rules."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.integration.playground.cluster_support import CORE, Api, Json, fake_cluster

RBAC = "/apis/rbac.authorization.k8s.io/v1"
AUTHZ = "/apis/authorization.k8s.io/v1"


async def account(api: Api, *rules: Json) -> Api:
    """A client that is ServiceAccount shop:worker with a Role of these rules, its token from TokenRequest."""
    home = await api.namespace("shop")
    await api.post(f"{home}/serviceaccounts", {"metadata": {"name": "worker"}})
    base = f"{RBAC}/namespaces/shop"
    await api.post(f"{base}/roles", {"metadata": {"name": "r"}, "rules": list(rules)})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    subjects = [{"kind": "ServiceAccount", "name": "worker", "namespace": "shop"}]
    body = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": subjects}
    assert (await api.post(f"{base}/rolebindings", body))[0] == 201
    code, issued = await api.post(f"{home}/serviceaccounts/worker/token", {"spec": {"expirationSeconds": 600}})
    assert code == 201, issued
    return api.user(issued["status"]["token"])


def rule(verbs: str, resources: str, **more: Any) -> Json:
    return {"verbs": verbs.split(","), "apiGroups": [""], "resources": resources.split(","), **more}


async def test_the_refusal_names_who_what_and_where(api: Api) -> None:
    worker = await account(api)
    code, status = await worker.get(f"{CORE}/namespaces/shop/pods")
    assert code == 403
    assert status["message"] == (
        'pods is forbidden: User "system:serviceaccount:shop:worker" cannot list resource "pods" in API group "" '
        'in the namespace "shop"'
    )
    code, status = await worker.get("/apis/apps/v1/deployments")
    assert status["message"] == (
        'deployments.apps is forbidden: User "system:serviceaccount:shop:worker" cannot list resource "deployments" '
        'in API group "apps" at the cluster scope'
    )
    code, status = await worker.get("/metrics")
    assert status["message"] == ('forbidden: User "system:serviceaccount:shop:worker" cannot get path "/metrics"')


async def test_verbs_subresources_and_names(api: Api) -> None:
    worker = await account(
        api, rule("get,list", "pods"), rule("get", "configmaps", resourceNames=["mine"]), rule("patch", "*/status")
    )
    home = f"{CORE}/namespaces/shop"
    assert (await worker.get(f"{home}/pods"))[0] == 200
    assert (await worker.get(f"{CORE}/namespaces/default/pods"))[0] == 403
    assert (await worker.get(f"{home}/pods?watch=true"))[0] == 403
    assert (await worker.delete(f"{home}/pods/x"))[0] == 403
    assert (await worker.get(f"{home}/configmaps/mine"))[0] == 404
    assert (await worker.get(f"{home}/configmaps/other"))[0] == 403
    assert (await worker.patch(f"{home}/pods/x/status", {}))[0] == 404
    code, status = await worker.get(f"{home}/pods/x/exec?command=ls&stdout=true")
    assert code == 403
    assert 'pods "x" is forbidden' in status["message"]
    assert 'cannot get resource "pods/exec"' in status["message"]


async def test_discovery_is_open_to_every_account(api: Api) -> None:
    worker = await account(api)
    for path in ("/api", "/apis", "/api/v1", "/apis/apps/v1", "/version", "/openapi/v3"):
        assert (await worker.get(path))[0] == 200


@pytest.mark.parametrize("stream", ["exec", "attach"])
@pytest.mark.parametrize(("needs_create", "code"), [(False, 400), (True, 403)])
async def test_streams_need_get_and_by_the_switch_create(needs_create: bool, code: int, stream: str) -> None:
    with TemporaryDirectory(prefix="threadcap-") as directory:
        async with fake_cluster(Path(directory), exec_needs_create=needs_create) as (api, _):
            worker = await account(api, rule("get", f"pods/{stream}"))
            await api.running_pod(f"{CORE}/namespaces/shop", "x")
            found = await worker.get(f"{CORE}/namespaces/shop/pods/x/{stream}?command=ls&stdout=true")
    assert found[0] == code  # 400: allowed, but no upgrade was asked for


async def test_reviews_say_what_requests_meet(api: Api) -> None:
    worker = await account(api, rule("get", "pods/exec"))
    for verb, allowed in (("get", True), ("create", False)):
        asked = {"verb": verb, "resource": "pods", "subresource": "exec", "namespace": "shop"}
        code, review = await worker.post(f"{AUTHZ}/selfsubjectaccessreviews", {"spec": {"resourceAttributes": asked}})
        assert (code, review["status"]["allowed"]) == (201, allowed)
        spec = {"resourceAttributes": asked, "user": "system:serviceaccount:shop:worker"}
        _, review = await api.post(f"{AUTHZ}/subjectaccessreviews", {"spec": spec})
        assert review["status"]["allowed"] is allowed
    _, rules = await worker.post(f"{AUTHZ}/selfsubjectrulesreviews", {"spec": {"namespace": "shop"}})
    assert {"verbs": ["get"], "apiGroups": [""], "resources": ["pods/exec"]} in rules["status"]["resourceRules"]
    _, who = await worker.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert who["status"]["userInfo"]["username"] == "system:serviceaccount:shop:worker"


async def test_a_token_dies_with_its_account(api: Api) -> None:
    worker = await account(api)
    assert (await worker.get("/version"))[0] == 200
    await api.delete(f"{CORE}/namespaces/shop/serviceaccounts/worker")
    await api.post(f"{CORE}/namespaces/shop/serviceaccounts", {"metadata": {"name": "worker"}})
    assert (await worker.get("/version"))[0] == 401


async def test_tokens_live_ten_minutes_at_least(api: Api) -> None:
    path = f"{CORE}/namespaces/default/serviceaccounts/default/token"
    code, status = await api.post(path, {"spec": {"expirationSeconds": 60}})
    assert code == 422
    assert "may not specify a duration less than 10 minutes" in status["message"]


async def test_impersonation_needs_its_right(api: Api) -> None:
    worker = await account(api, rule("list", "pods"))
    path, name = f"{CORE}/namespaces/shop/pods", "system:serviceaccount:shop:worker"
    assert (await api.get(path, Impersonate_User=name))[0] == 200
    assert (await api.get(f"{CORE}/pods", Impersonate_User=name))[0] == 403
    code, status = await worker.get(path, Impersonate_User="system:admin")
    assert (code, 'cannot impersonate resource "users"' in status["message"]) == (403, True)


async def test_impersonated_groups_need_their_own_right(api: Api) -> None:
    worker = await account(api)
    body = {"metadata": {"name": "as-jo"}, "rules": [rule("impersonate", "users", resourceNames=["jo"])]}
    await api.post(f"{RBAC}/clusterroles", body)
    subjects = [{"kind": "ServiceAccount", "name": "worker", "namespace": "shop"}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "as-jo"}
    binding = {"metadata": {"name": "as-jo"}, "roleRef": reference, "subjects": subjects}
    await api.post(f"{RBAC}/clusterrolebindings", binding)
    assert (await worker.get("/version", Impersonate_User="jo"))[0] == 200
    code, status = await worker.get("/version", Impersonate_User="jo", Impersonate_Group="system:masters")
    assert code == 403
    assert status["message"] == (
        'groups "system:masters" is forbidden: User "system:serviceaccount:shop:worker" cannot impersonate resource '
        '"groups" in API group "" at the cluster scope'
    )
    _, who = await api.send(
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {},
        Impersonate_User="jo",
        Impersonate_Group="friends",
    )
    assert who["status"]["userInfo"] == {"username": "jo", "groups": ["friends", "system:authenticated"]}
    log = (api.cluster.settings.run_dir / "audit.jsonl").read_text()
    last = json.loads(log.splitlines()[-1])
    assert (last["user"], last["impersonatedBy"]) == ("jo", "kubernetes-admin")


async def test_a_token_review_tells_whose_token_it_is(api: Api) -> None:
    worker = await account(api)
    path, token = "/apis/authentication.k8s.io/v1/tokenreviews", worker.headers["Authorization"].split()[1]
    code, review = await api.post(path, {"spec": {"token": token}})
    assert (code, review["status"]["authenticated"]) == (201, True)
    assert review["status"]["user"]["username"] == "system:serviceaccount:shop:worker"
    assert "system:serviceaccounts:shop" in review["status"]["user"]["groups"]
    _, review = await api.post(path, {"spec": {"token": "nonsense"}})
    assert "authenticated" not in review["status"]
    assert (await worker.post(path, {"spec": {"token": token}}))[0] == 403


async def test_every_request_is_in_the_audit_log(api: Api) -> None:
    worker = await account(api)
    await worker.get(f"{CORE}/namespaces/shop/pods/x/exec?command=secret&stdout=true")
    log = (api.cluster.settings.run_dir / "audit.jsonl").read_text()
    last = json.loads(log.splitlines()[-1])
    assert last.pop("time")
    assert last == {
        "user": "system:serviceaccount:shop:worker",
        "verb": "get",
        "resource": "pods",
        "subresource": "exec",
        "namespace": "shop",
        "name": "x",
        "code": 403,
    }
    assert "secret" not in log.replace('"secrets"', "")
