"""What Kubernetes refuses with 422: object (and its former self) -> causes. Pure.

As much of k8s.io/kubernetes/pkg/apis/core/validation as people and our own code can run into.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from . import batch, definitions, errors
from .errors import Cause
from .objects import Object, name_of

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_PATH_SEGMENT = re.compile(r"^[^/%]+$")
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
    "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_NAMED = ("Namespace", "Service")
_PATH_NAMED = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
_POD_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
    "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
    "negative)"
)
_TEMPLATES = {"Job": "spec.template.spec", "CronJob": "spec.jobTemplate.spec.template.spec"}
_NOT_EPHEMERAL = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy")


def on_create(obj: Object) -> list[Cause]:
    """Faults of a new object, defaults already filled in."""
    causes = name(obj)
    kind = obj.get("kind")
    if kind == "Pod":
        causes += pod_spec(obj.get("spec") or {}, "spec")
        if obj["spec"].get("ephemeralContainers"):
            causes.append(errors.forbidden_field("spec.ephemeralContainers", "cannot be set on create"))
    elif kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"):
        causes += _workload(obj)
    elif kind in ("Job", "CronJob"):
        causes += batch.job_causes(obj)
        causes += pod_spec(batch.job_template(obj)["template"]["spec"], _TEMPLATES[kind])
    elif kind == "Ingress":
        causes += batch.ingress_causes(obj.get("spec") or {})
    elif kind == "Service" and obj["spec"]["type"] != "ExternalName":
        causes += _service(obj["spec"])
    elif kind in ("RoleBinding", "ClusterRoleBinding"):
        causes += _role_reference(obj.get("roleRef") or {})
    elif kind == "CustomResourceDefinition":
        causes += definitions.causes(obj)
    return causes


def on_update(before: Object, after: Object) -> list[Cause]:
    """Faults of a change through the main endpoint."""
    kind = after.get("kind")
    if kind in ("ConfigMap", "Secret") and before.get("immutable"):
        return _immutable(before, after)
    if kind == "CustomResourceDefinition":
        return definitions.causes(after)
    if kind == "Pod":
        return _pod_update(before["spec"], after["spec"])
    if kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"):
        causes = _workload(after)
        if before["spec"].get("selector") != after["spec"].get("selector"):
            text = errors.invalid_value("spec.selector", str(after["spec"].get("selector")), "field is immutable")
            causes.append(text)
        return causes
    if kind == "Job":
        return batch.job_causes(after) + batch.job_change(before, after)
    if kind == "CronJob":
        return batch.job_causes(after)
    if kind == "Ingress":
        return batch.ingress_causes(after.get("spec") or {})
    if kind == "Service" and before["spec"].get("clusterIP") != after["spec"].get("clusterIP"):
        return [errors.invalid_value("spec.clusterIPs[0]", after["spec"].get("clusterIP"), "field is immutable")]
    if kind in ("RoleBinding", "ClusterRoleBinding") and before.get("roleRef") != after.get("roleRef"):
        return [errors.invalid_value("roleRef", str(after.get("roleRef")), "cannot change roleRef")]
    return []


def _immutable(before: Object, after: Object) -> list[Cause]:
    text = "field is immutable when `immutable` is set"
    fields = ("immutable", "data", "binaryData")
    return [errors.forbidden_field(field, text) for field in fields if before.get(field) != after.get(field)]


def on_ephemeral(before: Object, after: Object) -> list[Cause]:
    """The ephemeralcontainers subresource: only additions, complete and uniquely named."""
    old = {c["name"]: c for c in before["spec"].get("ephemeralContainers") or ()}
    new = after["spec"].get("ephemeralContainers") or []
    path = "spec.ephemeralContainers"
    named = {c.get("name"): c for c in new}
    causes = []
    for name, container in old.items():
        if name not in named:
            text = f'existing ephemeral containers "{name}" may not be removed\n'
            causes.append(errors.forbidden_field(path, text))
        elif named[name] != container:
            text = f'existing ephemeral containers "{name}" may not be changed\n'
            causes.append(errors.forbidden_field(path, text))
    taken = {c["name"] for f in ("containers", "initContainers") for c in before["spec"].get(f) or ()}
    targets = {c["name"] for c in before["spec"]["containers"]}
    for index, container in enumerate(new):
        causes += _ephemeral(container, f"{path}[{index}]", taken, targets)
        taken.add(container.get("name", ""))
    return causes


def _ephemeral(container: Object, path: str, taken: set[str], targets: set[str]) -> list[Cause]:
    causes = _container(container, path, taken)
    causes += [
        errors.forbidden_field(f"{path}.{name}", "cannot be set for an Ephemeral Container")
        for name in _NOT_EPHEMERAL
        if container.get(name)
    ]
    if container.get("resources"):
        causes.append(errors.forbidden_field(f"{path}.resources", "cannot be set for an Ephemeral Container"))
    target = container.get("targetContainerName")
    if target and target not in targets:
        causes.append(Cause(f"{path}.targetContainerName", f'Not found: "{target}"', "FieldValueNotFound"))
    return causes


def _role_reference(reference: Object) -> list[Cause]:
    causes = [] if reference.get("name") else [errors.required("roleRef.name")]
    if reference.get("kind") not in ("Role", "ClusterRole"):
        causes.append(errors.unsupported("roleRef.kind", str(reference.get("kind", "")), ("Role", "ClusterRole")))
    return causes


def name(obj: Object) -> list[Cause]:
    """Faults of a new object's name."""
    name, kind = name_of(obj), obj.get("kind")
    if not name:
        return [errors.required("metadata.name", "name or generateName is required")]
    if kind in _PATH_NAMED:
        good, text = bool(_PATH_SEGMENT.match(name)), "may not contain '/' or '%'"
    elif kind in _LABEL_NAMED:
        good, text = bool(_LABEL.match(name)), _LABEL_TEXT
    else:
        good, text = len(name) <= 253 and bool(_SUBDOMAIN.match(name)), _SUBDOMAIN_TEXT
    return [] if good else [errors.invalid_value("metadata.name", name, text)]


def pod_spec(spec: Object, path: str) -> list[Cause]:
    causes, taken = [], set[str]()
    if not spec.get("containers"):
        causes.append(errors.required(f"{path}.containers"))
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            causes += _container(container, f"{path}.{field}[{index}]", taken)
            taken.add(container.get("name", ""))
    policies = ("Always", "OnFailure", "Never")
    if spec.get("restartPolicy") not in policies:
        causes.append(errors.unsupported(f"{path}.restartPolicy", str(spec.get("restartPolicy")), policies))
    return causes + _mounts(spec, path)


def _container(container: Object, path: str, taken: set[str]) -> list[Cause]:
    causes, name = [], container.get("name")
    if not name:
        causes.append(errors.required(f"{path}.name"))
    elif not _LABEL.match(str(name)):
        causes.append(errors.invalid_value(f"{path}.name", name, _LABEL_TEXT))
    elif name in taken:
        causes.append(errors.duplicate(f"{path}.name", name))
    if not container.get("image"):
        causes.append(errors.required(f"{path}.image"))
    for index, port in enumerate(container.get("ports") or ()):
        if not 1 <= int(port.get("containerPort", 0)) <= 65535:
            where = f"{path}.ports[{index}].containerPort"
            causes.append(
                errors.invalid_value(where, port.get("containerPort"), "must be between 1 and 65535, inclusive")
            )
    return causes


def _mounts(spec: Object, path: str) -> list[Cause]:
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    return [
        Cause(
            f"{path}.{field}[{i}].volumeMounts[{j}].name",
            f'Not found: "{mount.get("name")}"',
            "FieldValueNotFound",
        )
        for field in ("initContainers", "containers")
        for i, container in enumerate(spec.get(field) or ())
        for j, mount in enumerate(container.get("volumeMounts") or ())
        if mount.get("name") not in volumes
    ]


def _pod_update(before: Object, after: Object) -> list[Cause]:
    old, new = deepcopy(before), deepcopy(after)
    for spec in (old, new):
        for field in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"):
            spec.pop(field, None)
        for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
            container.pop("image", None)
    return [] if old == new else [errors.forbidden_field("spec", _POD_CHANGE)]


def _workload(obj: Object) -> list[Cause]:
    spec: dict[str, Any] = obj["spec"]
    selector = spec.get("selector") or {}
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    causes = []
    wanted = selector.get("matchLabels") or {}
    if not selector:
        causes.append(errors.required("spec.selector"))
    elif any(labels.get(key) != value for key, value in wanted.items()):
        causes.append(
            errors.invalid_value(
                "spec.template.metadata.labels", str(labels), "`selector` does not match template `labels`"
            )
        )
    if int(spec.get("replicas") or 0) < 0:
        causes.append(errors.invalid_value("spec.replicas", spec["replicas"], "must be greater than or equal to 0"))
    return causes + pod_spec(spec["template"]["spec"], "spec.template.spec")


def _service(spec: Object) -> list[Cause]:
    if not spec.get("ports"):
        return [] if spec.get("clusterIP") == "None" else [errors.required("spec.ports")]
    many, causes = len(spec["ports"]) > 1, []
    for index, port in enumerate(spec["ports"]):
        if many and not port.get("name"):
            causes.append(errors.required(f"spec.ports[{index}].name"))
        if not 1 <= int(port.get("port") or 0) <= 65535:
            text = "must be between 1 and 65535, inclusive"
            causes.append(errors.invalid_value(f"spec.ports[{index}].port", port.get("port"), text))
    return causes
