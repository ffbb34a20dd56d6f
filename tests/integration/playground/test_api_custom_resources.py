"""CustomResourceDefinitions: established, discovered, judged by their schema, shown in their columns, and ended."""

from typing import Any

import pytest

from tests.integration.playground.cluster_support import Api, Json

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = "probes.example.com"
HOME = "/apis/example.com/v1/namespaces/default/probes"
SPEC = {
    "type": "object",
    "required": ["target"],
    "properties": {
        "target": {"type": "string", "pattern": "^[a-z]+$"},
        "seconds": {"type": "integer", "minimum": 1, "default": 10},
        "ports": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
COLUMNS = [
    {"name": "Target", "type": "string", "jsonPath": ".spec.target"},
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
]


def definition(**more: Any) -> Json:
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    whole = {"type": "object", "properties": {"spec": SPEC, "status": free}}
    beta = {"name": "v1beta1", "served": True, "storage": False, "schema": {"openAPIV3Schema": free}}
    first = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": whole}}
    first |= {"subresources": {"status": {}}, "additionalPrinterColumns": COLUMNS}
    names = {"plural": "probes", "kind": "Probe", "shortNames": ["pb"]}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [beta, first], **more}
    return {"metadata": {"name": NAME}, "spec": spec}


def probe(name: str = "a", **spec: Any) -> Json:
    return {"apiVersion": "example.com/v1", "kind": "Probe", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
async def served(api: Api) -> Api:
    """The server with `probes` established."""
    assert (await api.post(CRDS, definition()))[0] == 201

    def established(_: int, crd: Json) -> bool:
        conditions = crd.get("status", {}).get("conditions", [])
        return {c["type"]: c["status"] for c in conditions} == {"NamesAccepted": "True", "Established": "True"}

    await api.until(f"{CRDS}/{NAME}", established)
    return api


async def test_it_is_discovered_with_the_preferred_version_first(served: Api) -> None:
    _, groups = await served.get("/apis")
    (group,) = (g for g in groups["groups"] if g["name"] == "example.com")
    assert [v["version"] for v in group["versions"]] == ["v1", "v1beta1"]
    _, listed = await served.get("/apis/example.com/v1")
    assert [(r["name"], r["kind"]) for r in listed["resources"]] == [("probes", "Probe"), ("probes/status", "Probe")]
    assert listed["resources"][0]["shortNames"] == ["pb"]
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    _, whole = await served.get("/apis", Accept=accept)
    (group,) = (item for item in whole["items"] if item["metadata"].get("name") == "example.com")
    assert whole["kind"] == "APIGroupDiscoveryList"
    assert [v["version"] for v in group["versions"]] == ["v1", "v1beta1"]
    assert group["versions"][0]["resources"][0]["subresources"][0]["subresource"] == "status"


async def test_objects_are_completed_and_pruned(served: Api) -> None:
    code, made = await served.post(HOME, probe(target="shop", ports={"any": "thing"}, unknown=1) | {"status": {"x": 1}})
    assert (code, made["spec"]) == (201, {"target": "shop", "seconds": 10, "ports": {"any": "thing"}})
    assert ("status" in made, made["metadata"]["generation"]) == (False, 1)


async def test_what_breaks_the_schema_is_422_with_every_cause(served: Api) -> None:
    code, status = await served.post(HOME, probe(target="SHOP", seconds="1"))
    assert (code, status["reason"]) == (422, "Invalid")
    assert status["message"] == (
        'Probe.example.com "a" is invalid: [spec.target: Invalid value: "SHOP": spec.target in body should match '
        '\'^[a-z]+$\', spec.seconds: Invalid value: "string": spec.seconds in body must be of type integer: "string"]'
    )
    code, status = await served.post(HOME, probe(seconds=0))
    assert [(c["field"], c["reason"]) for c in status["details"]["causes"]] == [
        ("spec.target", "FieldValueRequired"),
        ("spec.seconds", "FieldValueInvalid"),
    ]


async def test_unknown_fields_are_refused_when_asked_to_be_strict(served: Api) -> None:
    code, status = await served.post(f"{HOME}?fieldValidation=Strict", probe(target="shop", secs=1))
    assert code == 400
    assert status["message"] == (
        'Probe in version "v1" cannot be handled as a Probe: strict decoding error: unknown field "spec.secs"'
    )


async def test_status_is_its_own_subresource_and_generation_counts_the_rest(served: Api) -> None:
    await served.post(HOME, probe(target="shop"))
    _, changed = await served.patch(f"{HOME}/a", {"spec": {"target": "bar"}, "status": {"x": 1}}, "merge-patch+json")
    assert (changed["metadata"]["generation"], "status" in changed) == (2, False)
    body = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}, "spec": {"target": "no"}}
    _, reported = await served.patch(f"{HOME}/a/status", body, "merge-patch+json")
    assert (reported["metadata"]["generation"], reported["spec"]["target"]) == (2, "bar")
    code, status = await served.patch(f"{HOME}/a", {})
    assert code == 415
    assert "strategic" not in status["message"]


async def test_columns_are_the_definitions_own(served: Api) -> None:
    await served.post(HOME, probe(target="shop"))
    status = {"status": {"conditions": [{"type": "Live", "status": "False"}, {"type": "Ready", "status": "True"}]}}
    await served.patch(f"{HOME}/a/status", status, "merge-patch+json")
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    _, table = await served.get(HOME, Accept=accept)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Target", "Ready"]
    assert table["rows"][0]["cells"] == ["a", "shop", "True"]
    _, table = await served.get(HOME.replace("v1", "v1beta1"), Accept=accept)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Age"]


async def test_versions_share_their_objects(served: Api) -> None:
    beta = HOME.replace("v1", "v1beta1")
    code, made = await served.post(beta, probe(target="shop") | {"apiVersion": "example.com/v1beta1"})
    assert (code, made["apiVersion"]) == (201, "example.com/v1beta1")
    _, found = await served.get(HOME)
    assert (found["kind"], found["apiVersion"]) == ("ProbeList", "example.com/v1")
    assert [item["apiVersion"] for item in found["items"]] == ["example.com/v1"]


async def test_a_definitions_objects_go_before_it(served: Api) -> None:
    held = probe(target="shop")
    held["metadata"]["finalizers"] = ["example.com/wait"]
    await served.post(HOME, held)
    _, ending = await served.delete(f"{CRDS}/{NAME}")
    assert ending["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    await served.until(f"{HOME}/a", lambda _, found: "deletionTimestamp" in found["metadata"])
    code, status = await served.post(HOME, probe("b", target="shop"))
    assert code == 405
    assert status["message"] == "create not allowed while custom resource definition is terminating"
    await served.patch(f"{HOME}/a", {"metadata": {"finalizers": None}}, "merge-patch+json")
    await served.until(f"{CRDS}/{NAME}", lambda code, _: code == 404)
    assert (await served.get(HOME))[0] == 404


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scope": "Odd"}, 'spec.scope: Unsupported value: "Odd": supported values: "Cluster", "Namespaced"'),
        ({"group": "other.com"}, 'must be spec.names.plural+"."+spec.group'),
        ({"versions": []}, "must have exactly one version marked as storage version"),
        ({"versions": [{"served": True, "storage": True}]}, "spec.versions[0].name: Required value"),
        (
            {"versions": [{"name": "v1", "served": True, "storage": True}]},
            "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
        ),
    ],
)
async def test_a_definition_is_judged_too(api: Api, change: Json, message: str) -> None:
    code, status = await api.post(CRDS, definition(**change))
    assert code == 422
    assert message in status["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"names": []},
        {"names": {"plural": "probes", "kind": "Probe", "shortNames": "pb"}},
        {"versions": {}},
        {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": []}}]},
        {"versions": [{"name": "v1", "additionalPrinterColumns": ["x"]}]},
    ],
)
async def test_a_definition_of_an_odd_shape_is_400(api: Api, change: Json) -> None:
    assert (await api.post(CRDS, definition(**change)))[0] == 400


async def test_a_column_without_a_path_is_422(api: Api) -> None:
    body = definition()
    body["spec"]["versions"][1]["additionalPrinterColumns"] = [{"name": "Target", "type": "string"}]
    code, status = await api.post(CRDS, body)
    assert code == 422
    assert status["details"]["causes"][0]["field"] == "spec.versions[1].additionalPrinterColumns[0].jsonPath"


async def test_what_a_custom_object_owns_goes_with_it(served: Api) -> None:
    _, owner = await served.post(HOME, probe(target="shop"))
    reference = {"apiVersion": "example.com/v1", "kind": "Probe", "name": "a", "uid": owner["metadata"]["uid"]}
    maps = "/api/v1/namespaces/default/configmaps"
    await served.post(maps, {"metadata": {"name": "owned", "ownerReferences": [reference]}})
    await served.delete(f"{HOME}/a")
    await served.until(f"{maps}/owned", lambda code, _: code == 404)
