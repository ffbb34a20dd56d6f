"""One watch of the nodes: what it knows, what it does when the watch ends or may not be."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from workers.capture import pressure
from workers.capture.pressure import PressureWatch
from workers.capture.targets import NodeInfo
from workers.contract.errors import ClusterForbidden, ClusterUnavailable


class Nodes:
    """Each watch plays the next of `watches`: what it yields, or what it raises in the end."""

    def __init__(self, *watches: list[NodeInfo | Exception]) -> None:
        self.watches = list(watches)
        self.asked = 0
        self.over = threading.Event()

    def follow_nodes(self, seconds: float) -> Iterator[NodeInfo]:
        """See Cluster.follow_nodes."""
        self.asked += 1
        for one in self.watches.pop(0) if self.watches else []:
            if isinstance(one, Exception):
                raise one
            yield one
        if not self.watches:
            self.over.wait(20)


def _until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressure, "RETRY_SECONDS", 0.01)


def _watched(nodes: Nodes) -> PressureWatch:
    watch = PressureWatch(nodes)
    watch.start()
    return watch


def test_the_newest_word_on_each_node_stands_whatever_ends_a_watch() -> None:
    nodes = Nodes(
        [NodeInfo("n1"), NodeInfo("n2", pressures=("PIDPressure", "MemoryPressure")), ClusterUnavailable("away")],
        [NodeInfo("n1", pressures=("DiskPressure",))],
        [NodeInfo("n2")],
    )
    watch = _watched(nodes)
    _until(lambda: nodes.asked == 3 and watch("n2") == frozenset())
    assert watch("n1") == frozenset({"DiskPressure"})
    assert watch("n3") is None
    watch.close()
    nodes.over.set()


def test_without_the_right_nothing_is_known_and_nothing_asked_again() -> None:
    nodes = Nodes([ClusterForbidden("no")], [NodeInfo("n1")])
    watch = _watched(nodes)
    watch._thread.join(20)
    assert not watch._thread.is_alive()
    assert (nodes.asked, watch("n1")) == (1, None)
