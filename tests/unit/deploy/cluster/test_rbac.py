"""One rule against one request, and whom a binding means."""

from typing import Any

import pytest

from deploy.playground.cluster.credentials import service_account_user
from deploy.playground.cluster.rbac import Attributes, Authorizer, User, bootstrap_policy, rule_allows
from deploy.playground.cluster.resources import CLUSTERROLEBINDINGS, CLUSTERROLES, ROLEBINDINGS, ROLES
from deploy.playground.cluster.store import Store

EXEC = Attributes("get", "", "pods", "exec", "shop", "x")


@pytest.mark.parametrize(
    ("rule", "asked", "allowed"),
    [
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["pods/exec"]}, EXEC, True),
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}, EXEC, False),
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["*/exec"]}, EXEC, True),
        ({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, EXEC, True),
        ({"verbs": ["create"], "apiGroups": [""], "resources": ["pods/exec"]}, EXEC, False),
        ({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["pods/exec"]}, EXEC, False),
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["*"], "resourceNames": ["x"]}, EXEC, True),
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["*"], "resourceNames": ["y"]}, EXEC, False),
        ({"verbs": ["get"], "nonResourceURLs": ["/api/*"]}, Attributes("get", path="/api/v1"), True),
        ({"verbs": ["get"], "nonResourceURLs": ["/api"]}, Attributes("get", path="/api/v1"), False),
        ({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, Attributes("get", path="/api"), False),
    ],
)
def test_rules(rule: dict[str, Any], asked: Attributes, allowed: bool) -> None:
    assert rule_allows(rule, asked) is allowed


def binding(role_kind: str, subject: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": "b", "namespace": "shop"}
    return {
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"kind": role_kind, "name": "r"},
        "subjects": [subject],
    }


@pytest.mark.parametrize(
    ("subject", "user", "meant"),
    [
        ({"kind": "ServiceAccount", "name": "w", "namespace": "shop"}, service_account_user("shop", "w"), True),
        ({"kind": "ServiceAccount", "name": "w"}, service_account_user("shop", "w"), True),
        ({"kind": "ServiceAccount", "name": "w", "namespace": "other"}, service_account_user("shop", "w"), False),
        ({"kind": "Group", "name": "system:serviceaccounts:shop"}, service_account_user("shop", "w"), True),
        ({"kind": "User", "name": "ann"}, User("ann"), True),
        ({"kind": "Group", "name": "ann"}, User("ann"), False),
    ],
)
def test_subjects(subject: dict[str, str], user: User, meant: bool) -> None:
    store = Store()
    rules = [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]
    store.put(ROLES, {"metadata": {"name": "r", "namespace": "shop"}, "rules": rules})
    store.put(ROLEBINDINGS, binding("Role", subject))
    authorizer = Authorizer(store)
    assert authorizer.allows(user, Attributes("get", "", "pods", "", "shop", "x")) is meant
    assert not authorizer.allows(user, Attributes("get", "", "pods", "", "other", "x"))
    assert not authorizer.allows(user, Attributes("list", "", "pods"))


def test_a_role_binding_narrows_a_cluster_role() -> None:
    store = Store()
    store.put(
        CLUSTERROLES, {"metadata": {"name": "r"}, "rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]}
    )
    store.put(ROLEBINDINGS, binding("ClusterRole", {"kind": "User", "name": "ann"}))
    authorizer = Authorizer(store)
    assert authorizer.allows(User("ann"), EXEC)
    assert not authorizer.allows(User("ann"), Attributes("list", "", "nodes"))


def test_bootstrap_policy_lets_strangers_see_health_only() -> None:
    store = Store()
    for entry in bootstrap_policy():
        store.put(CLUSTERROLES if entry["kind"] == "ClusterRole" else CLUSTERROLEBINDINGS, entry)
    authorizer = Authorizer(store)
    stranger, known = User("s", ("system:unauthenticated",)), User("k", ("system:authenticated",))
    assert authorizer.allows(stranger, Attributes("get", path="/healthz"))
    assert not authorizer.allows(stranger, Attributes("get", path="/apis"))
    assert authorizer.allows(known, Attributes("get", path="/apis/apps/v1"))
    assert not authorizer.allows(known, Attributes("list", "", "pods", "", "shop"))
    assert authorizer.allows(User("root", ("system:masters",)), EXEC)


def test_the_views_role_reads_no_secrets_and_runs_nothing() -> None:
    view = next(entry for entry in bootstrap_policy() if entry["metadata"]["name"] == "view")
    allowed = {name for rule in view["rules"] for name in rule["resources"]}
    assert "pods/log" in allowed
    assert not {"secrets", "pods/exec", "roles"} & allowed
