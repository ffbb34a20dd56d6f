"""Printer columns' paths: what is found and what is not."""

from typing import Any

import pytest

from deploy.playground.cluster.jsonpath import find

OBJECT = {
    "spec": {"ports": [{"n": 1}, {"n": 2}], "a.b": "dotted", "map": {"x": 1, "y": 2}},
    "status": {"conditions": [{"type": "A", "status": "False"}, {"type": "Ready", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.ports[1].n", [2]),
        (".spec.ports[-1].n", [2]),
        (".spec.ports[*].n", [1, 2]),
        (".spec['a.b']", ["dotted"]),
        (r".spec.a\.b", ["dotted"]),
        (".spec.map.*", [1, 2]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type == 'None')].status", []),
        ("{.spec.map.x}", [1]),
        (".spec.ports[9].n", []),
        (".spec.nothing.here", []),
        (".spec.ports[?(@.n>1)]", []),
    ],
)
def test_find(path: str, found: list[Any]) -> None:
    assert find(OBJECT, path) == found
