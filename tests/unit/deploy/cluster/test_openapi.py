"""Schemas of built-in kinds: named as kubectl shows them, resolvable, and used to find unknown fields."""

import json
import re
from typing import Any

from deploy.playground.cluster.openapi import components, prune
from deploy.playground.cluster.resources import BUILT_IN, DEPLOYMENTS, EVENTS, NEW_EVENTS, PODS


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


def test_unknown_fields_are_taken_out_and_named() -> None:
    container: dict[str, Any] = {"name": "a", "env": [{"name": "A", "val": ""}], "securityContext": {"runAsUsr": 1}}
    pod = {"kind": "Pod", "metadata": {"labels": {"any": "word"}, "lables": {}}, "spec": {"containers": [container]}}
    assert prune(PODS, pod) == [
        "metadata.lables",
        "spec.containers[0].env[0].val",
        "spec.containers[0].securityContext.runAsUsr",
    ]
    assert container == {"name": "a", "env": [{"name": "A"}], "securityContext": {}}
    assert prune(PODS, pod) == []
