"""Which node takes a pod, and which node may keep it: selectors, cordons and taints, as kube-scheduler's filters
and the taint eviction controller decide. Left out: resources, topology constraints, preemption.
"""

from __future__ import annotations

from collections import Counter

from .events import record
from .objects import (
    Object,
    condition,
    controller_of,
    is_active,
    name_of,
    namespace_of,
    now,
    parse_timestamp,
    timestamp,
    uid_of,
)
from .registry import DeleteOptions, Registry
from .resources import NODES, PODS
from .selectors import label_selector

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_NEVER = float("inf")
_SCHEDULER = "default-scheduler"


def schedule(registry: Registry, pod: Object) -> None:
    """Bind a pod to a fitting node: the one with the fewest pods of its own controller, then of all."""
    nodes = registry.store.all(NODES)
    reasons = {name_of(node): why_not(pod, node) for node in nodes}
    fitting = [name for name, why in reasons.items() if not why]
    if not fitting:
        _unschedulable(registry, pod, [why for why in reasons.values() if why])
        return
    placed = [other for other in registry.store.all(PODS) if is_active(other)]
    load = Counter(other["spec"].get("nodeName") for other in placed)
    twins = Counter(other["spec"].get("nodeName") for other in placed if _are_twins(pod, other))
    chosen = min(fitting, key=lambda name: (twins[name], load[name]))
    bound = {**pod, "metadata": dict(pod["metadata"]), "spec": {**pod["spec"], "nodeName": chosen}}
    pod = registry.store.put(PODS, bound)
    _scheduled(registry, pod, "True")
    place = f"{namespace_of(pod)}/{name_of(pod)}"
    record(registry, pod, "Scheduled", f"Successfully assigned {place} to {chosen}", by=_SCHEDULER)


def why_not(pod: Object, node: Object) -> str:
    """The reason of the first filter that refuses the node, as kube-scheduler words it; "" when it fits."""
    spec = node.get("spec") or {}
    if spec.get("unschedulable") and not tolerates(pod, {"key": UNSCHEDULABLE, "effect": "NoSchedule"}):
        return "node(s) were unschedulable"
    taint = next((t for t in spec.get("taints") or () if _repels(t) and not tolerates(pod, t)), None)
    if taint is not None:
        return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    return "" if _selects(pod["spec"], node) else "node(s) didn't match Pod's node affinity/selector"


def tolerates(pod: Object, taint: Object) -> bool:
    return any(_matches(entry, taint) for entry in pod["spec"].get("tolerations") or ())


def seconds_left(pod: Object, node: Object) -> float:
    """How long the node's NoExecute taints let the pod stay: 0 or less is over, infinite for ever."""
    taints = [t for t in (node.get("spec") or {}).get("taints") or () if t.get("effect") == "NoExecute"]
    return min((_stay(pod, taint) for taint in taints), default=_NEVER)


def evict(registry: Registry, pod: Object) -> None:
    """What the taint eviction controller does to a pod that may not stay."""
    why = "Taint manager: deleting due to NoExecute taint"
    mark_disrupted(registry, pod, "DeletionByTaintManager", why)
    text = f"Marking for deletion Pod {namespace_of(pod)}/{name_of(pod)}"
    record(registry, pod, "TaintManagerEviction", text, by="taint-eviction-controller")
    registry.delete(PODS, namespace_of(pod), name_of(pod), DeleteOptions(uid=uid_of(pod)))


def collect_orphan(registry: Registry, pod: Object) -> None:
    """What the pod garbage collector does to a pod whose node was deleted (40 s later on a real cluster)."""
    pod = mark_disrupted(registry, pod, "DeletionByPodGC", "PodGC: node no longer exists")
    registry.set_status(PODS, pod, {**pod["status"], "phase": "Failed"})
    registry.delete(PODS, namespace_of(pod), name_of(pod), DeleteOptions(grace=0, uid=uid_of(pod)))


def mark_disrupted(registry: Registry, pod: Object, reason: str, message: str) -> Object:
    """Give a pod the condition DisruptionTarget."""
    entry = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
    return _with_condition(registry, pod, {**entry, "lastTransitionTime": timestamp()})


def _stay(pod: Object, taint: Object) -> float:
    matching = [entry for entry in pod["spec"].get("tolerations") or () if _matches(entry, taint)]
    if not matching:
        return 0.0
    limits = [float(entry["tolerationSeconds"]) for entry in matching if entry.get("tolerationSeconds") is not None]
    if not limits:
        return _NEVER
    since = parse_timestamp(taint["timeAdded"]) if taint.get("timeAdded") else now()
    return min(limits) - (now() - since).total_seconds()


def _repels(taint: Object) -> bool:
    return taint.get("effect") in ("NoSchedule", "NoExecute")


def _matches(entry: Object, taint: Object) -> bool:
    """core/v1 Toleration.ToleratesTaint."""
    if entry.get("effect") and entry["effect"] != taint.get("effect"):
        return False
    if entry.get("key") and entry["key"] != taint.get("key"):
        return False
    exists = entry.get("operator") == "Exists"
    return exists or bool(entry.get("key") and entry.get("value", "") == taint.get("value", ""))


def _selects(spec: Object, node: Object) -> bool:
    labels = node["metadata"].get("labels") or {}
    if not label_selector({"matchLabels": spec.get("nodeSelector") or {}})(labels):
        return False
    wish = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    terms = (wish or {}).get("nodeSelectorTerms")
    fields = {"metadata.name": name_of(node)}  # the only field there is
    return terms is None or any(
        label_selector({"matchExpressions": t.get("matchExpressions") or []})(labels)
        and label_selector({"matchExpressions": t.get("matchFields") or []})(fields)
        for t in terms
    )


def _are_twins(pod: Object, other: Object) -> bool:
    owner = controller_of(pod)
    return owner is not None and owner.get("uid") == (controller_of(other) or {}).get("uid")


def _unschedulable(registry: Registry, pod: Object, reasons: list[str]) -> None:
    """Words of framework.FitError, with what its PostFilter plugins add in 1.34."""
    total = len(reasons)
    head = f"0/{total} nodes are available"
    counted = ", ".join(sorted(f"{count} {why}" for why, count in Counter(reasons).items()))
    unhelpful = f"preemption: {head}: {total} Preemption is not helpful for scheduling."
    text = (
        f"{head}: {counted}. no new claims to deallocate, {unhelpful}"
        if total
        else "no nodes available to schedule pods"
    )
    if _scheduled(registry, pod, "False", "Unschedulable", text):
        record(registry, pod, "FailedScheduling", text, warning=True, by=_SCHEDULER)


def _scheduled(registry: Registry, pod: Object, status: str, reason: str = "", message: str = "") -> bool:
    """Write PodScheduled; whether it was news."""
    held = condition(pod, "PodScheduled") or {}
    if (held.get("status"), held.get("message", "")) == (status, message):
        return False
    entry: Object = {"type": "PodScheduled", "status": status, "lastTransitionTime": timestamp()}
    _with_condition(registry, pod, entry | ({"reason": reason, "message": message} if reason else {}))
    return True


def _with_condition(registry: Registry, pod: Object, entry: Object) -> Object:
    others = [c for c in pod["status"].get("conditions") or () if c["type"] != entry["type"]]
    return registry.set_status(PODS, pod, {**pod["status"], "conditions": [*others, entry]})
