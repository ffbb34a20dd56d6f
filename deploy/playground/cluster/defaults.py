"""What Kubernetes fills in when an object is created: kind -> function that completes it in place. Pure.

Values from k8s.io/kubernetes/pkg/apis/{core,apps}/v1/defaults.go.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from . import batch, definitions
from .objects import Object

_JOBS = ("Job", "CronJob")
_TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")


def complete(obj: Object) -> None:
    """Fill in the defaults of the object's kind."""
    kind = str(obj.get("kind", ""))
    if kind in _TEMPLATED:
        template = obj.setdefault("spec", {}).setdefault("template", {})
        pod_spec(template.setdefault("spec", {}))
    if kind in _JOBS:
        job = batch.job_template(obj)
        pod_spec(job.setdefault("template", {}).setdefault("spec", {}))
        batch.complete_job(job)
    if kind in _COMPLETERS:
        _COMPLETERS[kind](obj)


def initial_status(obj: Object) -> Object:
    """The status a new object starts with, whatever its maker wrote there."""
    kind = obj.get("kind")
    if kind == "Pod":
        return {"phase": "Pending", "qosClass": _quality(obj["spec"])}
    if kind in ("Service", "Ingress"):
        return {"loadBalancer": {}}
    return {"phase": "Active"} if kind == "Namespace" else {}


def pod_spec(spec: Object) -> None:
    """Defaults of a PodSpec, in a pod or a template."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    if spec.get("serviceAccount") and not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(field) or ():
            container_defaults(container)


def container_defaults(container: Object) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("resources", {})
    image = str(container.get("image", ""))
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    container.setdefault("imagePullPolicy", "Always" if tag in ("", "latest") else "IfNotPresent")
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        if container.get(probe):
            _probe(container[probe])


def _probe(probe: Object) -> None:
    numbers = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    for field, value in numbers.items():
        probe.setdefault(field, value)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")


def _pod(pod: Object) -> None:
    spec = pod.setdefault("spec", {})
    pod_spec(spec)
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("priority", 0)
    _tolerations(spec)


def _tolerations(spec: Object) -> None:
    """Admission's DefaultTolerationSeconds: a pod stays five minutes on a node that is silent or not ready."""
    held = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(t.get("key") in (key, None, "") and t.get("effect") in ("NoExecute", None, "") for t in held):
            held.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})


def _quality(spec: Object) -> str:
    """BestEffort, Burstable or Guaranteed, by requests and limits."""
    resources = [c.get("resources") or {} for c in spec.get("containers") or ()]
    if not any(r.get("limits") or r.get("requests") for r in resources):
        return "BestEffort"
    whole = all(
        {"cpu", "memory"} <= set(r.get("limits") or {}) and (r.get("requests") or r["limits"]) == r["limits"]
        for r in resources
    )
    return "Guaranteed" if whole else "Burstable"


def _deployment(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")


def _replicaset(obj: Object) -> None:
    obj["spec"].setdefault("replicas", 1)


def _statefulset(obj: Object) -> None:
    obj["spec"].setdefault("replicas", 1)
    obj["spec"].setdefault("podManagementPolicy", "OrderedReady")
    obj["spec"].setdefault("revisionHistoryLimit", 10)
    obj["spec"].setdefault("updateStrategy", {"type": "RollingUpdate"})


def _daemonset(obj: Object) -> None:
    obj["spec"].setdefault("revisionHistoryLimit", 10)
    obj["spec"].setdefault("updateStrategy", {"type": "RollingUpdate"})


def _service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


def _secret(obj: Object) -> None:
    obj.setdefault("type", "Opaque")
    plain = obj.pop("stringData", None) or {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
    if encoded:
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def _namespace(obj: Object) -> None:
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])


def _binding(obj: Object) -> None:
    for subject in obj.get("subjects") or ():
        group = "" if subject.get("kind") == "ServiceAccount" else "rbac.authorization.k8s.io"
        if group:
            subject.setdefault("apiGroup", group)


_COMPLETERS: dict[str, Callable[[Object], None]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replicaset,
    "StatefulSet": _statefulset,
    "DaemonSet": _daemonset,
    "CronJob": batch.complete_cron_job,
    "Service": _service,
    "Secret": _secret,
    "Namespace": _namespace,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "CustomResourceDefinition": definitions.complete,
}
