"""What crosses between the sides cannot change under anybody's hands, and is equal to its copies."""

import copy
import importlib
import pickle
import pkgutil

import pytest
from msgspec import Struct

from workers import contract
from workers.contract.facts import Conversation, Facts
from workers.contract.tallies import Tally

MODULES = [f"{contract.__name__}.{module.name}" for module in pkgutil.iter_modules(contract.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_every_value_is_frozen(name: str) -> None:
    kinds = [one for one in vars(importlib.import_module(name)).values() if isinstance(one, type)]
    loose = [one for one in kinds if issubclass(one, Struct) and one is not Struct and not one.__struct_config__.frozen]
    assert loose == []


def test_copied_pickled_and_hashed() -> None:
    flow = Conversation(1, "tcp", "192.0.2.1", 40_000, "192.0.2.2", 80, 0.0, 1.0)
    facts = Facts(packets=3, counts={"tcp": 3}, conversations=(flow,))
    for one in (facts, flow, Tally(1, (2,))):
        assert pickle.loads(pickle.dumps(one)) == one
        assert copy.deepcopy(one) == one == copy.copy(one)
    assert {Tally(1, (2,)): "once"}[Tally(1, (2,))] == "once"
    assert Facts().counts is not Facts().counts
