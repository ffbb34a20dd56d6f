"""Bodies of an odd shape are refused before anything reads them."""

from typing import Any

import pytest

from deploy.playground.cluster.errors import Refusal
from deploy.playground.cluster.shapes import cleaned


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"metadata": "m"}, ".metadata of type object"),
        ({"spec": []}, ".spec of type object"),
        ({"spec": {"containers": "c"}}, ".spec.containers of type array"),
        ({"spec": {"containers": ["c"]}}, ".spec.containers of type object"),
        ({"spec": {"containers": [{"name": 1}]}}, ".spec.containers.name of type string"),
        ({"spec": {"replicas": "2"}}, ".spec.replicas of type number"),
        ({"spec": {"replicas": True}}, ".spec.replicas of type number"),
        ({"metadata": {"labels": {"a": 1}}}, ".metadata.labels of type string"),
        ({"metadata": {"labels": {"a": {}}}}, ".metadata.labels of type string"),
        ({"metadata": {"labels": []}}, ".metadata.labels of type object"),
    ],
)
def test_odd_shapes(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal) as refused:
        cleaned("Pod", "v1", body)
    assert refused.value.code == 400
    assert refused.value.message.startswith('Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal')
    assert refused.value.message.endswith(field)


def test_nulls_are_absent_and_words_are_free() -> None:
    body = {
        "metadata": {"labels": {"name": "x", "gone": None}, "creationTimestamp": None},
        "rules": [{"resources": ["a"]}],
    }
    assert cleaned("Role", "v1", body) == {"metadata": {"labels": {"name": "x"}}, "rules": [{"resources": ["a"]}]}


def test_one_word_in_two_places() -> None:
    body = {
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        "endpoints": [{"conditions": {"ready": True}}],
        "spec": {"selector": {"app": "x"}, "volumes": [{"name": "v", "image": {"reference": "i"}}]},
    }
    assert cleaned("Any", "v1", body) == body
