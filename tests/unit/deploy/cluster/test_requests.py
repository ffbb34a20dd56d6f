"""Paths, verbs and what the client wants to be shown."""

import pytest

from deploy.playground.cluster.errors import Refusal
from deploy.playground.cluster.rbac import Attributes
from deploy.playground.cluster.requests import delete_options, integer, parse, view


@pytest.mark.parametrize(
    ("method", "path", "query", "asked"),
    [
        ("GET", "/api/v1/pods", {}, Attributes("list", "", "pods")),
        ("GET", "/api/v1/pods", {"watch": "1"}, Attributes("watch", "", "pods")),
        ("GET", "/api/v1/namespaces", {}, Attributes("list", "", "namespaces")),
        ("GET", "/api/v1/namespaces/n", {}, Attributes("get", "", "namespaces", "", "n", "n")),
        ("PUT", "/api/v1/namespaces/n/status", {}, Attributes("update", "", "namespaces", "status", "n", "n")),
        ("DELETE", "/api/v1/namespaces/n/pods", {}, Attributes("deletecollection", "", "pods", "", "n")),
        ("GET", "/api/v1/namespaces/n/pods/x/exec", {}, Attributes("get", "", "pods", "exec", "n", "x")),
        ("POST", "/api/v1/namespaces/n/pods/x/exec", {}, Attributes("create", "", "pods", "exec", "n", "x")),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/n/deployments/d",
            {},
            Attributes("patch", "apps", "deployments", "", "n", "d"),
        ),
        ("GET", "/apis/apps/v1", {}, Attributes("get", path="/apis/apps/v1")),
        ("GET", "/healthz", {}, Attributes("get", path="/healthz")),
    ],
)
def test_paths(method: str, path: str, query: dict[str, str], asked: Attributes) -> None:
    assert parse(method, path, query).attributes == asked


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/json", ""),
        ("*/*", ""),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "Table"),
        ("application/vnd.kubernetes.protobuf,application/json", ""),
        ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", "Partial"),
    ],
)
def test_views(accept: str, form: str) -> None:
    assert view(accept, {}).form == form


def test_numbers_and_delete_options() -> None:
    assert integer({}, "limit") is None
    with pytest.raises(Refusal):
        integer({"limit": "many"}, "limit")
    assert delete_options({}, {"gracePeriodSeconds": "3"}).grace == 3
    assert delete_options({"gracePeriodSeconds": 0}, {"gracePeriodSeconds": "3"}).grace == 0
    assert delete_options({"orphanDependents": True}, {}).policy == "Orphan"
    assert delete_options({"preconditions": {"uid": "u"}}, {}).uid == "u"
    with pytest.raises(Refusal):
        delete_options({"gracePeriodSeconds": -1}, {})
