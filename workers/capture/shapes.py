"""From the API's objects to ours and back. Pure: knows the shapes, not the client."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from workers.capture.changes import ClusterEvent
from workers.capture.targets import KUBELET_PORT, ContainerInfo, NodeInfo, PodInfo


def literally(argv: Sequence[str]) -> list[str]:
    """Return an argv as a pod's spec must have it: Kubernetes reads `$(NAME)` as a variable and `$$` as one dollar."""
    return [word.replace("$", "$$") for word in argv]


def capture_container(name: str, image: str, argv: Sequence[str]) -> dict[str, Any]:
    """Return an ephemeral container that may capture.

    runAsUser is said, as it would be inherited from the pod; NET_RAW, as CRI-O's default set lacks it. SETGID and
    SETUID: Debian's tcpdump changes its user even from root to root, and refuses to start without them."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": literally(argv),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "runAsUser": 0,
            "runAsNonRoot": False,
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_RAW", "SETGID", "SETUID"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


MANAGED_BY = "app.kubernetes.io/managed-by"
OWNER = "threadcap"
JOB_LABEL = "threadcap.dev/job"
INSTALLATION_LABEL = "threadcap.dev/installation"
"""Which Threadcap's it is, where several share a cluster: only that one knows the job."""
EXPIRES = "threadcap.dev/expires"
"""Annotation of what we create: epoch seconds after which whoever sees it may delete it."""


@dataclasses.dataclass(frozen=True, slots=True)
class AgentPod:
    """A capturing pod of ours. `seconds` is how long it may live; `privileged` sees the node's processes."""

    name: str
    namespace: str
    node: str
    image: str
    argv: tuple[str, ...]
    job_id: str
    seconds: int
    spool_bytes: int
    host_network: bool
    privileged: bool
    installation: str = ""


def agent_manifest(pod: AgentPod, now: float) -> dict[str, Any]:
    """Return the pod. Its disk is bounded by the volume and by the container's limit; requests are small, as `nodeName`
    passes the scheduler by and the kubelet refuses what does not fit."""
    disk = f"{pod.spool_bytes // (1 << 20) + 16}Mi"
    capabilities = {"drop": ["ALL"], "add": ["NET_RAW", "SETGID", "SETUID"]}
    unprivileged = {"privileged": False, "allowPrivilegeEscalation": False, "capabilities": capabilities}
    container = {
        "name": "capture",
        "image": pod.image,
        "imagePullPolicy": "IfNotPresent",
        "command": literally(pod.argv),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"runAsUser": 0, **({"privileged": True} if pod.privileged else unprivileged)},
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "1Mi"},
            "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": disk},
        },
        "volumeMounts": [{"name": "spool", "mountPath": "/spool"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "labels": {MANAGED_BY: OWNER, JOB_LABEL: pod.job_id, **_installation(pod)},
            "annotations": {EXPIRES: str(int(now + pod.seconds)), "sidecar.istio.io/inject": "false"},
        },
        "spec": {
            "nodeName": pod.node,
            "hostPID": pod.privileged,
            "hostNetwork": pod.host_network,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": pod.seconds,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "containers": [container],
            "volumes": [{"name": "spool", "emptyDir": {"sizeLimit": disk}}],
        },
    }


def _installation(pod: AgentPod) -> dict[str, str]:
    return {INSTALLATION_LABEL: pod.installation} if pod.installation else {}


@dataclasses.dataclass(frozen=True, slots=True)
class FoundAgent:
    """A capturing pod as it was found. Times in epoch seconds; `expires` 0 when it does not say."""

    pod: PodInfo
    created: float
    expires: float

    @property
    def job_id(self) -> str:
        """The job it captures for."""
        return self.pod.labels.get(JOB_LABEL, "")

    @property
    def installation(self) -> str:
        """Whose it is, "" when that is not said."""
        return self.pod.labels.get(INSTALLATION_LABEL, "")


def found_agent(pod: Any) -> FoundAgent:
    """Read a capturing pod as the client's model has it."""
    expires = (pod.metadata.annotations or {}).get(EXPIRES, "")
    return FoundAgent(
        pod_info(pod), pod.metadata.creation_timestamp.timestamp(), float(expires) if expires.isdigit() else 0.0
    )


def node_info(node: Any) -> NodeInfo:
    """Read a node as the client's model has it."""
    conditions = {one.type: one.status for one in node.status.conditions or ()}
    pressures = tuple(sorted(kind for kind, held in conditions.items() if kind.endswith("Pressure") and held == "True"))
    ips = tuple(one.address for one in node.status.addresses or () if one.type in ("InternalIP", "ExternalIP"))
    info = node.status.node_info
    machine = info.architecture if info is not None else ""
    kubelet = node.status.daemon_endpoints.kubelet_endpoint if node.status.daemon_endpoints is not None else None
    port = kubelet.port if kubelet is not None else KUBELET_PORT
    return NodeInfo(node.metadata.name, conditions.get("Ready") == "True", ips, pressures, machine or "", port)


def cluster_event(event: Mapping[str, Any], mark: str) -> ClusterEvent:
    """Read an event (core/v1) as plain JSON; whatever it lacks is ""."""
    about = event.get("involvedObject") or {}
    kind, name = str(about.get("kind") or ""), str(about.get("name") or "")
    return ClusterEvent(str(event.get("reason") or ""), kind, name, str(event.get("message") or ""), mark)


def node_target(node: NodeInfo) -> PodInfo:
    """Return a node as something to capture."""
    return PodInfo(
        "",
        node.name,
        node=node.name,
        phase="Running" if node.ready else "NotReady",
        ips=node.ips,
        host_network=True,
        is_node=True,
    )


def selector_text(selector: Any) -> str:
    """Return a LabelSelector as the API takes it in a query."""
    terms = [f"{key}={value}" for key, value in sorted((selector.match_labels or {}).items())]
    for term in selector.match_expressions or ():
        values = f"({','.join(term.values or ())})"
        forms = {"In": f"{term.key} in {values}", "NotIn": f"{term.key} notin {values}", "Exists": term.key}
        terms.append(forms.get(term.operator, f"!{term.key}"))
    return ",".join(terms)


def pod_info(pod: Any) -> PodInfo:
    """Read a pod as the client's model has it."""
    status, spec, meta = pod.status, pod.spec, pod.metadata
    statuses = {s.name: s for s in [*(status.container_statuses or ()), *(status.ephemeral_container_statuses or ())]}
    ordinary = [_container(c, statuses.get(c.name)) for c in spec.containers]
    # native sidecars (KEP-753) are init containers that keep running
    sidecars = {s.name: s for s in status.init_container_statuses or ()}
    resident = [c for c in spec.init_containers or () if c.restart_policy == "Always"]
    ordinary += [_container(c, sidecars.get(c.name)) for c in resident]
    added = [_container(c, statuses.get(c.name)) for c in spec.ephemeral_containers or ()]
    ips = [entry.ip for entry in status.pod_ips or () if entry.ip] or ([status.pod_ip] if status.pod_ip else [])
    return PodInfo(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid or "",
        node=spec.node_name or "",
        phase=status.phase or "",
        ips=tuple(ips),
        host_network=bool(spec.host_network),
        deleting=meta.deletion_timestamp is not None,
        labels=dict(meta.labels or {}),
        annotations=dict(meta.annotations or {}),
        containers=(*ordinary, *(structs.replace(c, ephemeral=True) for c in added)),
        owner=next(((one.kind, one.name) for one in meta.owner_references or () if one.controller), ("", "")),
        reason=status.reason or "",
        disk_limited=any(_disk_limited(c) for c in spec.containers),
    )


def _disk_limited(container: Any) -> bool:
    resources = container.resources
    return bool(resources is not None and "ephemeral-storage" in (resources.limits or {}))


def _container(container: Any, status: Any) -> ContainerInfo:
    state = status.state if status is not None else None
    waiting = state.waiting.reason if state is not None and state.waiting is not None else ""
    if state is not None and state.terminated is not None:
        waiting = state.terminated.reason or "terminated"
    running = state is not None and state.running is not None
    said = state.terminated.message or "" if state is not None and state.terminated is not None else ""
    named = (status.container_id or "") if status is not None else ""
    return ContainerInfo(
        container.name,
        container.image or "",
        running,
        waiting or "",
        id=named,
        message=said.strip(),
        restarts=(status.restart_count or 0) if status is not None else 0,
        started=_epoch(state.running.started_at) if state is not None and state.running is not None else 0.0,
    )


def _epoch(moment: Any) -> float:
    """The client reads times as datetimes."""
    return float(moment.timestamp()) if moment is not None else 0.0
