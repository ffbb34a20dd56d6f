"""Asking what the planner must know about targets: what containers have, what we may do, what namespaces enforce."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from workers.capture.attached import probe
from workers.capture.cluster import Cluster
from workers.capture.methods.inside import Inside, lacking, restless
from workers.capture.planner import considered, needed
from workers.capture.plans import EXEC, SIDECAR, UPLOAD, VETH, Equipment, Right, Survey
from workers.capture.targets import NodeInfo, Target
from workers.capture.tcpdump import Probe
from workers.contract.errors import ClusterUnavailable, ThreadcapError
from workers.contract.spec import CaptureSpec

log = structlog.get_logger(__name__)

K = TypeVar("K")
V = TypeVar("V")
REMEMBERED = 300.0
"""Seconds a container's probe is good for; a new container has a new id."""
PROBED = (EXEC, SIDECAR, VETH, UPLOAD)
"""Methods that must know what a container has."""


class Once(Generic[K, V]):
    """Answers that are asked for once, by one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[K, V] = {}
        self._lock = threading.Lock()

    def __call__(self, key: K, ask: Callable[[K], V]) -> V:
        with self._lock:
            if key not in self._known:
                self._known[key] = ask(key)
            return self._known[key]


class Probes:
    """What containers had when they were last asked: it hardly changes, and asking is an exec. Safe to share.

    Captures that ask at once for the same container ask it once. Errors are not kept.
    """

    def __init__(self, seconds: float = REMEMBERED, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._known: dict[str, tuple[float, Probe | str]] = {}
        self._asking: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: str, ask: Callable[[], Probe | str]) -> Probe | str:
        """Return what is known of a container (`key` is its id), asked anew when that is old."""
        with self._lock:
            now = self._clock()
            self._known = {name: kept for name, kept in self._known.items() if kept[0] > now}
            self._asking = {name: lock for name, lock in self._asking.items() if name in self._known or lock.locked()}
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:
            with self._lock:
                if key in self._known:
                    return self._known[key][1]
            found = ask()
            with self._lock:
                self._known[key] = (self._clock() + self._seconds, found)
            return found


class Surveyor:
    """Asks once a job what several targets share. Safe to use from many threads."""

    def __init__(self, cluster: Cluster, spec: CaptureSpec, equipment: Equipment, probes: Probes) -> None:
        self._probes = probes
        self._cluster = cluster
        self._spec = spec
        self._equipment = equipment
        self._rights: Once[Right, bool] = Once()
        self._levels: Once[str, str] = Once()
        self._nodes: Once[str, NodeInfo | None] = Once()
        self.errors: dict[str, ThreadcapError] = {}
        """Pod -> why its containers could not be asked at all."""

    def containers(self, target: Target, *, every: bool = False) -> Survey:
        """Ask container after container until one can capture, or `every` one a method would look at."""
        probes: dict[str, Probe | str] = {}
        for container in self._worth_asking(target):
            found = probes[container] = self._probe(target, container)
            if isinstance(self.errors.get(target.pod.name), ClusterUnavailable):
                break  # the others are on the same node
            if not every and not isinstance(found, str) and self._will_do(target, container, found):
                break
        return Survey(probes)

    def _worth_asking(self, target: Target) -> tuple[str, ...]:
        names = {method.name for method in considered(self._spec, self._equipment)}
        if names == {SIDECAR}:
            return Inside(SIDECAR).candidates(target, self._spec)
        if names & {SIDECAR, VETH}:
            return target.containers
        return target.containers[:1] if names & set(PROBED) else ()

    @staticmethod
    def _will_do(target: Target, container: str, probe: Probe) -> bool:
        return not lacking(probe) and not restless(target, container, probe)

    def everything(self, target: Target, known: Survey) -> Survey:
        """Ask what all methods want to know; what is `known` is not asked again."""
        spaces = {target.pod.namespace, self._equipment.agent_namespace} - {""}
        wanted = needed(target, self._spec, self._equipment)
        return Survey(
            probes=known.probes,
            rights={right: self._rights(right, self._cluster.may) for right in wanted},
            security={space: self._levels(space, self._cluster.security) for space in spaces},
            node=self._nodes(target.pod.node, self._cluster.node) if target.pod.node else None,
        )

    def _probe(self, target: Target, container: str) -> Probe | str:
        named = next((one.id for one in target.pod.containers if one.name == container), "")
        try:
            if not named:
                return probe(self._cluster, target.pod, container)
            return self._probes.get(named, lambda: probe(self._cluster, target.pod, container))
        except ThreadcapError as error:
            log.info("container not asked", pod=target.pod.name, container=container, error=str(error))
            self.errors.setdefault(target.pod.name, error)
            return f"it could not be asked ({error.user_message.rstrip('.')})"
