"""Merge, strategic merge and JSON patches; none changes what it was given."""

from copy import deepcopy
from typing import Any

import pytest

from deploy.playground.cluster.errors import Refusal
from deploy.playground.cluster.patches import json_patch, merge, strategic

POD: dict[str, Any] = {
    "metadata": {"name": "x", "labels": {"a": "1", "b": "2"}, "finalizers": ["f"]},
    "spec": {"containers": [{"name": "one", "image": "i", "command": ["x", "y"]}, {"name": "two", "image": "j"}]},
}


@pytest.fixture(autouse=True)
def _unchanged() -> Any:
    before = deepcopy(POD)
    yield
    assert before == POD


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7386 appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": "foo"}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ],
)
def test_merge(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch) == result


def test_strategic_merges_lists_by_key() -> None:
    patch = {"spec": {"containers": [{"name": "two", "image": "k"}, {"name": "three", "image": "l"}]}}
    containers = strategic(POD, patch)["spec"]["containers"]
    assert [(c["name"], c["image"]) for c in containers] == [("one", "i"), ("two", "k"), ("three", "l")]


def test_strategic_replaces_plain_lists_and_merges_finalizers() -> None:
    patch = {"metadata": {"finalizers": ["g"]}, "spec": {"containers": [{"name": "one", "command": ["z"]}]}}
    result = strategic(POD, patch)
    assert result["metadata"]["finalizers"] == ["f", "g"]
    assert result["spec"]["containers"][0]["command"] == ["z"]


def test_strategic_directives() -> None:
    deleted = strategic(POD, {"spec": {"containers": [{"$patch": "delete", "name": "one"}]}})
    assert [c["name"] for c in deleted["spec"]["containers"]] == ["two"]
    replaced = strategic(POD, {"spec": {"containers": [{"$patch": "replace"}, {"name": "new"}]}})
    assert replaced["spec"]["containers"] == [{"name": "new"}]
    labels = strategic(POD, {"metadata": {"labels": {"$patch": "replace", "c": "3"}}})["metadata"]["labels"]
    assert labels == {"c": "3"}
    removed = strategic(POD, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["f"]}})
    assert removed["metadata"]["finalizers"] == []
    assert strategic({"a": 1, "b": 2}, {"$retainKeys": ["b"], "b": 3}) == {"b": 3}


def test_strategic_order() -> None:
    order = {"spec": {"$setElementOrder/containers": [{"name": "two"}, {"name": "one"}]}}
    assert [c["name"] for c in strategic(POD, order)["spec"]["containers"]] == ["two", "one"]


def test_a_list_entry_without_its_key_is_refused() -> None:
    with pytest.raises(Refusal, match="merge key: name"):
        strategic(POD, {"spec": {"containers": [{"image": "x"}]}})


def test_json_patch_operations() -> None:
    result = json_patch(
        POD,
        [
            {"op": "test", "path": "/metadata/labels/a", "value": "1"},
            {"op": "replace", "path": "/metadata/labels/a", "value": "9"},
            {"op": "remove", "path": "/metadata/labels/b"},
            {"op": "add", "path": "/metadata/labels/x~1y~0z", "value": "3"},
            {"op": "add", "path": "/spec/containers/-", "value": {"name": "end"}},
            {"op": "move", "from": "/spec/containers/0", "path": "/spec/containers/1"},
            {"op": "copy", "from": "/metadata/name", "path": "/metadata/copied"},
        ],
    )
    assert result["metadata"]["labels"] == {"a": "9", "x/y~z": "3"}
    assert [c["name"] for c in result["spec"]["containers"]] == ["two", "one", "end"]
    assert result["metadata"]["copied"] == "x"


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/metadata/name", "value": "y"},
        {"op": "remove", "path": "/metadata/none"},
        {"op": "replace", "path": "/metadata/none", "value": 1},
        {"op": "add", "path": "/spec/containers/9", "value": {}},
        {"op": "add", "path": "nowhere", "value": {}},
        {"op": "burn", "path": "/metadata"},
    ],
)
def test_json_patch_that_does_not_apply(operation: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        json_patch(POD, [operation])
    assert refused.value.code == 422
