"""Structural schemas: what is pruned, completed and refused, deep inside an object."""

from typing import Any

import pytest

from deploy.playground.cluster.resources import version_order
from deploy.playground.cluster.schemas import causes, complete, prune

ITEM = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "weight": {"type": "number", "default": 1, "maximum": 8}},
}
SPEC: dict[str, Any] = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": ITEM, "maxItems": 2},
        "byName": {"type": "object", "additionalProperties": ITEM},
        "free": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"n": {"type": "integer"}},
        },
        "port": {"x-kubernetes-int-or-string": True},
        "word": {"type": "string", "nullable": True, "minLength": 2, "maxLength": 4},
        "flag": {"type": "boolean"},
    },
}
SCHEMA = {"type": "object", "properties": {"spec": SPEC}}


def custom(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Probe", "metadata": {"name": "a", "extra": 1}, "spec": spec}


def test_unknown_fields_are_pruned_wherever_they_are() -> None:
    obj = custom(items=[{"name": "a", "x": 1}], byName={"k": {"x": 1}}, free={"n": 1, "x": {"y": 2}}, x=1)
    pruned, dropped = prune(SCHEMA, obj)
    assert pruned == custom(items=[{"name": "a"}], byName={"k": {}}, free={"n": 1, "x": {"y": 2}})
    assert dropped == ["spec.items[0].x", "spec.byName.k.x", "spec.x"]


def test_defaults_are_filled_in_where_their_parent_is() -> None:
    obj = custom(items=[{"name": "a"}, {"weight": 2}], byName={"k": {}})
    complete(SCHEMA, obj)
    assert obj["spec"] == {"items": [{"name": "a", "weight": 1}, {"weight": 2}], "byName": {"k": {"weight": 1}}}


def odd_type(path: str, found: str, wanted: str) -> list[str]:
    return [f'{path}: Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"']


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"items": [{"name": 1}]}, odd_type("spec.items[0].name", "integer", "string")),
        ({"items": [{}, {}, {}]}, ["spec.items: Too many: 3: must have at most 2 items"]),
        ({"byName": {"k": {"weight": "1"}}}, odd_type("spec.byName.k.weight", "string", "number")),
        ({"free": {"n": True}}, odd_type("spec.free.n", "boolean", "integer")),
        ({"port": 80}, []),
        ({"port": "http"}, []),
        ({"port": []}, odd_type("spec.port", "array", "integer,string")),
        ({"word": None}, []),
        ({"word": "a"}, ['spec.word: Invalid value: "a": spec.word in body should be at least 2 chars long']),
        ({"word": "abcde"}, ["spec.word: Too long: may not be more than 4 bytes"]),
        ({"flag": None}, odd_type("spec.flag", "null", "boolean")),
        ({"items": [{"weight": 1.5}, {"weight": 2}]}, []),
        (
            {"items": [{"weight": 9}]},
            ["spec.items[0].weight: Invalid value: 9: spec.items[0].weight in body should be less than or equal to 8"],
        ),
    ],
)
def test_causes(spec: dict[str, Any], expected: list[str]) -> None:
    assert [str(cause) for cause in causes(SCHEMA, custom(**spec))] == expected


def test_versions_are_in_their_order_of_preference() -> None:
    names = ["foo10", "v1beta1", "v2", "v1alpha2", "v10", "foo1", "v1", "v1beta2"]
    assert sorted(names, key=version_order) == ["v10", "v2", "v1", "v1beta2", "v1beta1", "v1alpha2", "foo1", "foo10"]
