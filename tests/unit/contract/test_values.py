"""Classes of `contract.values` are what the standard library's dataclasses are."""

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from workers.contract import values
from workers.contract.facts import Facts
from workers.contract.tallies import Tally


@values.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    names: dict[str, int] = values.field(default_factory=dict)

    @property
    def sum(self) -> int:
        return self.x + self.y


@values.dataclass(slots=True)
class Counter:
    seen: int = 0
    doubled: int = 0

    def __post_init__(self) -> None:
        self.doubled = 2 * self.seen


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    x: int
    y: int = 2
    names: dict[str, int] = dataclasses.field(default_factory=dict)


def test_made_shown_compared_and_hashed_as_the_standard_librarys() -> None:
    ours: Any
    theirs: Any
    for ours, theirs in ((Point(1), Standard(1)), (Point(3, y=4, names={"a": 1}), Standard(3, y=4, names={"a": 1}))):
        assert repr(ours) == repr(theirs).replace("Standard", "Point")
        assert (ours.x, ours.y, ours.names) == (theirs.x, theirs.y, theirs.names)
        assert ours == type(ours)(ours.x, ours.y, ours.names)
        assert ours != theirs
    assert Point(1) != Point(2)
    assert Point(1).names is not Point(1).names
    assert hash(Tally(1, (2,))) == hash(Tally(1, (2,)))
    assert Point(1).sum == 3
    match Point(1, 5):
        case Point(1, y):
            assert y == 5


@pytest.mark.parametrize("wrong", [{}, {"x": 1, "z": 2}])
def test_wrong_arguments_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Point(**wrong)


def test_frozen_ones_cannot_change() -> None:
    point: Any = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.other = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert point == Point(1)


def test_others_can_and_are_not_hashed() -> None:
    counter = Counter(2)
    assert counter.doubled == 4
    counter.seen = 3
    assert counter.seen == 3
    with pytest.raises(AttributeError):
        counter.other = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        hash(counter)


def test_the_standard_library_takes_them_for_its_own() -> None:
    assert dataclasses.is_dataclass(Point)
    fields = {field.name: (field.type, field.init) for field in dataclasses.fields(Point)}
    assert fields == {field.name: (field.type, field.init) for field in dataclasses.fields(Standard)}
    assert dataclasses.replace(Point(1), y=7) == Point(1, 7) == values.replace(Point(1), y=7)
    assert dataclasses.asdict(Point(1, 2, {"a": 1})) == {"x": 1, "y": 2, "names": {"a": 1}}


def test_copied_and_pickled() -> None:
    for one in (Point(1, 2, {"a": 1}), Counter(4), Facts(packets=3)):
        assert pickle.loads(pickle.dumps(one)) == one
        assert copy.deepcopy(one) == one == copy.copy(one)
