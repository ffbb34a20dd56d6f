"""Schemas of built-in kinds: named as kubectl shows them, resolvable, and used to read what clients send."""

import json
import re
from typing import Any

import pytest

from deploy.playground.cluster.errors import Refusal
from deploy.playground.cluster.openapi import components, read
from deploy.playground.cluster.resources import BUILT_IN, DEPLOYMENTS, EVENTS, NEW_EVENTS, PODS, Resource


def test_every_stored_kind_has_a_schema_whose_references_lead_somewhere() -> None:
    for resource in (resource for resource in BUILT_IN if resource.stored):
        parts = components(resource)
        (kind,) = next(iter(parts.values()))["x-kubernetes-group-version-kind"]
        assert kind == {"group": resource.group, "version": resource.version, "kind": resource.kind}
        references = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(parts))
        assert set(references) <= set(parts)


def test_kinds_are_described() -> None:
    parts = components(DEPLOYMENTS)
    spec = parts["V1.DeploymentSpec"]
    assert spec["description"].startswith("DeploymentSpec is the specification of the desired behavior")
    assert spec["properties"]["replicas"]["type"] == "integer"
    assert spec["properties"]["template"]["allOf"] == [{"$ref": "#/components/schemas/V1.PodTemplateSpec"}]
    assert "note" in next(iter(components(NEW_EVENTS).values()))["properties"]
    assert "message" in next(iter(components(EVENTS).values()))["properties"]


def test_unknown_fields_and_nulls_are_left_out() -> None:
    container: dict[str, Any] = {"name": "a", "env": [{"name": "A", "val": ""}], "securityContext": {"runAsUsr": 1}}
    metadata = {"labels": {"any": "word", "gone": None}, "lables": {}, "creationTimestamp": None}
    pod = {"kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    container_read = {"name": "a", "env": [{"name": "A"}], "securityContext": {}}
    assert read(PODS, pod) == (
        {"kind": "Pod", "metadata": {"labels": {"any": "word"}}, "spec": {"containers": [container_read]}},
        ["metadata.lables", "spec.containers[0].env[0].val", "spec.containers[0].securityContext.runAsUsr"],
    )


@pytest.mark.parametrize(
    ("resource", "body", "told"),
    [
        (PODS, {"metadata": "m"}, "string into Go struct field .metadata of type object"),
        (PODS, {"spec": []}, "array into Go struct field .spec of type object"),
        (PODS, {"spec": {"containers": "c"}}, "string into Go struct field .spec.containers of type array"),
        (PODS, {"spec": {"containers": ["c"]}}, "string into Go struct field .spec.containers of type object"),
        (
            PODS,
            {"spec": {"containers": [{"name": 1}]}},
            "number into Go struct field .spec.containers.name of type string",
        ),
        (PODS, {"spec": {"hostPID": "yes"}}, "string into Go struct field .spec.hostPID of type boolean"),
        (PODS, {"metadata": {"labels": {"a": 1}}}, "number into Go struct field .metadata.labels.a of type string"),
        (PODS, {"metadata": {"labels": []}}, "array into Go struct field .metadata.labels of type object"),
        (DEPLOYMENTS, {"spec": {"replicas": "2"}}, "string into Go struct field .spec.replicas of type integer"),
        (DEPLOYMENTS, {"spec": {"replicas": True}}, "bool into Go struct field .spec.replicas of type integer"),
        (DEPLOYMENTS, {"spec": {"replicas": 1.5}}, "number into Go struct field .spec.replicas of type integer"),
    ],
)
def test_odd_types_are_refused(resource: Resource, body: dict[str, Any], told: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(resource, body)
    head = f'{resource.kind} in version "v1" cannot be handled as a {resource.kind}: json: cannot unmarshal'
    assert (refused.value.code, refused.value.message) == (400, f"{head} {told}")


def test_numbers_or_words_where_either_may_stand() -> None:
    resources = {"limits": {"cpu": 1, "memory": "1Gi"}}
    probe = {"httpGet": {"port": "http"}, "tcpSocket": {"port": 80}}
    container = {"name": "a", "resources": resources, "livenessProbe": probe}
    pod = {"spec": {"containers": [container], "volumes": [{"name": "v", "emptyDir": {"sizeLimit": 1000}}]}}
    assert read(PODS, pod) == (pod, [])
