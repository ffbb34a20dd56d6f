"""Nodes that run short of disk or memory: a capture there ends at once, before it makes matters worse.

One watch of the cluster's nodes a process, shared by all captures. Where the right to watch nodes is missing there is
none: captures then go on, and the log says so once.
"""

import threading
from collections.abc import Iterator
from typing import Protocol

import structlog

from workers.capture.targets import NodeInfo
from workers.contract.errors import ClusterForbidden, ThreadcapError

log = structlog.get_logger(__name__)

HARMFUL = ("DiskPressure", "MemoryPressure")
"""Conditions that end a capture. Not PIDPressure: a capture adds a handful of processes, and all at its start."""
WATCH_SECONDS = 300.0
"""How long one watch lasts; the nodes are listed anew after that."""
RETRY_SECONDS = 1.0

Pressures = frozenset[str] | None
"""Those of HARMFUL that hold on a node; None when that is not known."""


def harmful(node: NodeInfo | None) -> Pressures:
    """Return what a node runs short of, None when it is not known."""
    return None if node is None else frozenset(HARMFUL) & frozenset(node.pressures)


def said(node: str, pressures: frozenset[str]) -> str:
    """Say it, as a clause."""
    return f"node {node} reports {' and '.join(sorted(pressures))}"


class Nodes(Protocol):
    """Where nodes are followed: a Cluster."""

    def follow_nodes(self, seconds: float) -> Iterator[NodeInfo]:
        """See Cluster.follow_nodes."""


class PressureWatch:
    """What every node runs short of, as the API last said. Start it once; ask from any thread."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._known: dict[str, frozenset[str]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="node-pressure", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more. A watch that hears nothing just now ends with the process."""
        self._closing.set()

    def __call__(self, node: str) -> Pressures:
        """Return what a node runs short of; None for a node nothing is known of."""
        return self._known.get(node)

    def _follow(self) -> None:
        while not self._closing.is_set():
            try:
                self._listen()
            except ClusterForbidden as error:
                log.info("nodes are not watched: captures go on when one runs short", error=str(error))
                return
            except ThreadcapError as error:
                log.info("nodes are watched anew", error=str(error))
                self._closing.wait(RETRY_SECONDS)

    def _listen(self) -> None:
        for node in self._nodes.follow_nodes(WATCH_SECONDS):
            now = harmful(node) or frozenset()
            if now != self._known.get(node.name, frozenset()):
                log.warning("node pressure", node=node.name, now=sorted(now))
            self._known[node.name] = now
            if self._closing.is_set():
                return
