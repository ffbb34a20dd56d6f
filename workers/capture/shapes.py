"""From the API's objects to ours and back. Pure: knows the shapes, not the client."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from workers.capture.targets import ContainerInfo, PodInfo


def capture_container(name: str, image: str, argv: Sequence[str]) -> dict[str, Any]:
    """Return an ephemeral container that may capture.

    runAsUser is said, as it would be inherited from the pod; NET_RAW, as CRI-O's default set lacks it. SETGID and
    SETUID: Debian's tcpdump changes its user even from root to root, and refuses to start without them."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(argv),
        "securityContext": {
            "runAsUser": 0,
            "runAsNonRoot": False,
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["NET_RAW", "SETGID", "SETUID"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


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
        containers=(*ordinary, *(dataclasses.replace(c, ephemeral=True) for c in added)),
    )


def _container(container: Any, status: Any) -> ContainerInfo:
    state = status.state if status is not None else None
    waiting = state.waiting.reason if state is not None and state.waiting is not None else ""
    if state is not None and state.terminated is not None:
        waiting = state.terminated.reason or "terminated"
    running = state is not None and state.running is not None
    return ContainerInfo(container.name, container.image or "", running, waiting or "")
