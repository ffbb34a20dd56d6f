"""The cluster's twin: pods are values in memory, their containers real processes in a network namespace each.

    with MemoryCluster(tmp_path) as cluster:
        cluster.add(PodInfo(...), shell="busybox")
        cluster.workloads[TargetKind.DEPLOYMENT, "web"] = "app=web"

Held to the real Cluster by tests/contract/test_cluster.py.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from msgspec import structs

from tests.support.local_exec import LocalPod, PipeExec
from workers.capture.changes import ClusterEvent, PodChange, PodFeed
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import ExecRefused, ExecResult
from workers.capture.plans import Right
from workers.capture.shapes import AgentPod, FoundAgent
from workers.capture.targets import ContainerInfo, NodeInfo, PodInfo, ServiceInfo, by_prefix, not_found
from workers.contract.errors import ClusterForbidden, TargetNotFound
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

WORKLOADS = (TargetKind.DEPLOYMENT, TargetKind.STATEFULSET, TargetKind.DAEMONSET)


class MemoryCluster:
    """Context manager; what runs in its pods ends with it."""

    def __init__(self, folder: Path) -> None:
        self.workloads: dict[tuple[TargetKind, str], str] = {}
        """(kind, name) -> label selector of its pods."""
        self.services: dict[str, str] = {}
        self.refused: set[str] = set()
        """"verb resource/subresource" that we may not do."""
        self.images: dict[str, str] = {}
        """Image -> why a container of it waits; one that is not here starts at once."""
        self.levels: dict[str, str] = {}
        """Namespace -> the Pod Security level it enforces."""
        self.nodes: dict[str, NodeInfo] = {}
        self.address = ""
        """Where we speak to it from."""
        self.slow: dict[str, float] = {}
        """Pod -> seconds before anything runs in it."""
        self._folder = folder
        self._pods: dict[tuple[str, str], PodInfo] = {}
        self._bodies: dict[str, LocalPod] = {}
        self._changes: list[PodChange] = []
        self.events: list[ClusterEvent] = []
        """What happened, in namespace `shop` or any other."""
        self.feed = PodFeed(self.follow_pods)
        self._agents: dict[tuple[str, str], float] = {}
        """When each of our own pods expires."""
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    @property
    def real(self) -> Cluster:
        """Itself, for those who ask for a Cluster."""
        return cast(Cluster, self)

    def add(self, pod: PodInfo, *, shell: str = "dash", lacking: Sequence[str] = ()) -> LocalPod:
        """Put a pod on; `lacking` are tools its containers don't have."""
        folder = self._folder / pod.name
        folder.mkdir()
        body = self._exits.enter_context(LocalPod(folder, shell, lacking=lacking))
        self._bodies[pod.name] = body
        self.change(pod)
        return body

    def change(self, pod: PodInfo) -> None:
        """The pod is like this now."""
        self._pods[pod.namespace, pod.name] = pod
        self._changes.append(PodChange(pod))

    def remove(self, namespace: str, name: str) -> None:
        """The pod is deleted; its processes are the caller's to end."""
        self._changes.append(PodChange(self._pods.pop((namespace, name)), gone=True))

    def pods(self, spec: CaptureSpec) -> list[PodInfo]:
        """See Cluster.pods."""
        found = self._find(spec.target.kind, spec.target.name, spec.namespace)
        if found:
            return found
        if spec.namespace not in {namespace for namespace, _ in self._pods}:
            raise TargetNotFound(f"There is no namespace {spec.namespace}. Name the right one with `-n NAMESPACE`.")
        if found is None:
            known = [name for namespace, name in self._pods if namespace == spec.namespace]
            raise not_found(spec, [*known, *(name for _, name in self.workloads)])
        return []

    def pod(self, namespace: str, name: str) -> PodInfo | None:
        """See Cluster.pod."""
        return self._pods.get((namespace, name))

    def inventory(self, namespace: str) -> tuple[list[PodInfo], list[ServiceInfo]]:
        """See Cluster.inventory."""
        pods = [structs.replace(pod, labels={}, containers=()) for pod in self._pods.values()]
        return pods, [ServiceInfo(namespace, name) for name in self.services]

    def may(self, right: Right) -> bool:
        """See Cluster.may."""
        return f"{right.verb} {right.resource}/{right.subresource}".rstrip("/") not in self.refused

    def security(self, namespace: str) -> str:
        """See Cluster.security."""
        return self.levels.get(namespace, "")

    def node(self, name: str) -> NodeInfo | None:
        """See Cluster.node."""
        return self.nodes.get(name)

    def own_address(self) -> str:
        """See Cluster.own_address."""
        return self.address

    def follow_pods(self, namespace: str, seconds: float, mark: str = "") -> Iterator[PodChange]:
        """See Cluster.follow_pods."""
        deadline, at = time.monotonic() + seconds, int(mark or len(self._changes))
        yield PodChange(mark=str(at))
        while time.monotonic() < deadline:
            for change in self._changes[at:]:
                at += 1
                if change.pod is not None and change.pod.namespace == namespace:
                    yield structs.replace(change, mark=str(at))
            time.sleep(0.02)

    def follow_events(self, namespace: str, seconds: float, mark: str = "") -> Iterator[ClusterEvent]:
        """See Cluster.follow_events."""
        deadline, at = time.monotonic() + seconds, int(mark or len(self.events))
        yield ClusterEvent(mark=str(at))
        while time.monotonic() < deadline:
            for event in self.events[at:]:
                at += 1
                yield structs.replace(event, mark=str(at))
            time.sleep(0.02)

    def service_ips(self, pods: Sequence[PodInfo]) -> list[str]:
        """See Cluster.service_ips: services have no addresses here."""
        return []

    def follow_nodes(self, seconds: float) -> Iterator[NodeInfo]:
        """See Cluster.follow_nodes."""
        deadline, told = time.monotonic() + seconds, dict[str, NodeInfo]()
        while time.monotonic() < deadline:
            news = {name: node for name, node in self.nodes.items() if told.get(name) != node}
            told |= news
            yield from news.values()
            time.sleep(0.02)

    def create_agent(self, agent: AgentPod) -> None:
        """See Cluster.create_agent: it is in a network namespace of its own, wherever it should be."""
        if (agent.namespace, agent.name) in self._pods:
            return
        waits = self.images.get(agent.image, "")
        container = ContainerInfo("capture", agent.image, running=not waits, waiting_reason=waits)
        pod = PodInfo(agent.namespace, agent.name, f"uid-{agent.name}", agent.node, "Running", containers=(container,))
        body = self.add(pod)
        self._agents[agent.namespace, agent.name] = time.time() + agent.seconds
        if not waits:
            body.open_exec(pod, "capture", agent.argv, whole=True)

    def delete_pod(self, namespace: str, name: str) -> None:
        """See Cluster.delete_pod: what runs in it ends."""
        self._agents.pop((namespace, name), None)
        if self._pods.pop((namespace, name), None) is not None:
            self._bodies.pop(name).__exit__(None, None, None)

    def agents(self, namespace: str) -> list[FoundAgent]:
        """See Cluster.agents."""
        here = ((key, expires) for key, expires in self._agents.items() if key[0] == namespace)
        return [FoundAgent(self._pods[key], 0.0, expires) for key, expires in here]

    def add_container(self, pod: PodInfo, name: str, image: str, argv: Sequence[str]) -> None:
        """See Cluster.add_container."""
        if not self.may(Right("patch", "pods", "ephemeralcontainers", pod.namespace)):
            raise ClusterForbidden("The cluster does not let Threadcap do this.")
        held = self._held(pod)
        if name in [one.name for one in held.containers]:
            return
        waits = self.images.get(image, "")
        added = ContainerInfo(name, image, running=not waits, waiting_reason=waits, ephemeral=True)
        self.change(structs.replace(held, containers=(*held.containers, added)))
        if not waits:
            self._bodies[pod.name].open_exec(pod, name, argv, whole=True)

    def follow_container(self, pod: PodInfo, name: str, seconds: float) -> Iterator[ContainerInfo]:
        """See Cluster.follow_container."""
        deadline, told = time.monotonic() + seconds, None
        while time.monotonic() < deadline and (held := self._pods.get((pod.namespace, pod.name))):
            now = next((one for one in self._alive(held) if one.name == name), None)
            if now is not None and now != told:
                told = now
                yield now
            time.sleep(0.02)

    def open_exec(self, pod: PodInfo, container: str, argv: Sequence[str]) -> PipeExec:
        """See Cluster.open_exec."""
        held = self._held(pod)
        known = {one.name: one for one in self._alive(held)}
        if container not in known:
            raise ExecRefused(f"The cluster refused: container {container} is not valid for pod {pod.name}.")
        if not known[container].running:
            raise ExecRefused("That container is not running. Try again when it runs, or name another with `-c NAME`.")
        time.sleep(self.slow.get(pod.name, 0.0))
        ours = known[container].ephemeral or (pod.namespace, pod.name) in self._agents
        return self._bodies[pod.name].open_exec(pod, container, argv, whole=ours)

    def run(
        self, pod: PodInfo, container: str, argv: Sequence[str], *, timeout: float = 15, limit: int = 65536
    ) -> ExecResult:
        """See Cluster.run."""
        running = self.open_exec(pod, container, argv)
        try:
            return running.collect(timeout=timeout, limit=limit)
        finally:
            running.close()

    def _held(self, pod: PodInfo) -> PodInfo:
        held = self._pods.get((pod.namespace, pod.name))
        if held is None:
            raise TargetNotFound("It is gone: the cluster no longer knows it.")
        return held

    def _alive(self, pod: PodInfo) -> list[ContainerInfo]:
        """The containers as they are now: one of ours lives as long as what it began with."""
        ours = (pod.namespace, pod.name) in self._agents
        return [self._now(pod, one) if ours or one.ephemeral else one for one in pod.containers]

    def _now(self, pod: PodInfo, one: ContainerInfo) -> ContainerInfo:
        if not one.running or self._bodies[pod.name].holds(one.name):
            return one
        return structs.replace(one, running=False, waiting_reason="Completed")

    def _find(self, kind: TargetKind, name: str, namespace: str) -> list[PodInfo] | None:
        """None when there is no such thing, [] when it has no pods."""
        one = self._pods.get((namespace, name))
        match kind:
            case TargetKind.POD:
                return [one] if one else self._prefixed(name, namespace)
            case TargetKind.SELECTOR:
                return self._selected(name, namespace) or None
            case TargetKind.SERVICE:
                return self._selected(self.services[name], namespace) if name in self.services else None
            case TargetKind.ANY if one:
                return [one]
            case TargetKind.ANY:
                tried = (self._find(workload, name, namespace) for workload in WORKLOADS)
                found = next((found for found in tried if found is not None), None)
                return self._prefixed(name, namespace) if found is None else found
        selector = self.workloads.get((kind, name))
        return None if selector is None else self._selected(selector, namespace)

    def _prefixed(self, name: str, namespace: str) -> list[PodInfo] | None:
        here = [pod for (where, _), pod in self._pods.items() if where == namespace]
        return by_prefix(CaptureSpec(TargetRef(TargetKind.POD, name), namespace), here) or None

    def _selected(self, selector: str, namespace: str) -> list[PodInfo]:
        here = (pod for (where, _), pod in self._pods.items() if where == namespace)
        return [pod for pod in here if _matches(selector, pod.labels)]


def _matches(selector: str, labels: Mapping[str, str]) -> bool:
    """`key=value` and `key in (a,b)`, as far as tests write them."""
    key, found, values = selector.partition(" in ")
    if found:
        return labels.get(key.strip()) in [value.strip() for value in values.strip("()").split(",")]
    key, _, value = selector.partition("=")
    return labels.get(key) == value
