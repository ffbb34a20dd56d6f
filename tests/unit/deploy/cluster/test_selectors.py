"""Label and field selectors as Kubernetes reads them."""

from typing import Any

import pytest

from deploy.playground.cluster.errors import Refusal
from deploy.playground.cluster.selectors import label_selector, selector


def pod(phase: str = "Running", **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "n", "labels": labels}, "spec": {}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a", {"a": ""}, True),
        ("!a", {"a": "b"}, False),
        ("!a", {}, True),
        ("a in (b, c)", {"a": "c"}, True),
        ("a in (b,c),d", {"a": "c"}, False),
        ("a notin (b,c)", {"a": "c"}, False),
        ("a notin (b,c)", {}, True),
        ("app.kubernetes.io/name=x,tier in (f),!old", {"app.kubernetes.io/name": "x", "tier": "f"}, True),
        ("a=", {"a": ""}, True),
    ],
)
def test_labels(text: str, labels: dict[str, str], matches: bool) -> None:
    assert selector(text, "", "Pod")(pod(**labels)) is matches


@pytest.mark.parametrize("text", ["a b", "a=b c", "=b", "a in b", "a in (b", "-a"])
def test_nonsense_is_400(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        selector(text, "", "Pod")
    assert refused.value.code == 400


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("metadata.name=x,metadata.namespace=n", True),
        ("status.phase!=Running", False),
        ("status.phase==Running", True),
        ("spec.nodeName=", True),
        ("spec.hostNetwork=false", True),
    ],
)
def test_fields(text: str, matches: bool) -> None:
    assert selector("", text, "Pod")(pod()) is matches


def test_unknown_field_is_refused() -> None:
    with pytest.raises(Refusal, match=r"field label not supported: spec\.colour"):
        selector("", "spec.colour=blue", "Pod")


def test_label_selector_objects() -> None:
    matches = label_selector(
        {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "DoesNotExist"}]}
    )
    assert matches({"a": "b"})
    assert not matches({"a": "b", "c": ""})
    assert label_selector({})({"anything": "x"})
