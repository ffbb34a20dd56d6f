"""The table of resources: what this server knows, from which discovery, routing and storage follow.

Adding a kind is adding a line here; its defaults, validation and columns are looked up by kind elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .objects import Object

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Subresource:
    """A subresource as discovery shows it: kind (with group/version when not the parent's) and verbs."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group_version: tuple[str, str] | None = None


@dataclass(frozen=True)
class Custom:
    """What a CustomResourceDefinition says of one of its versions.

    columns: (name, type, priority, JSONPath); ending: the definition is being deleted.
    """

    singular: str
    list_kind: str
    storage: str
    schema: Object
    columns: tuple[tuple[str, str, int, str], ...]
    ending: bool = False


@dataclass(frozen=True)
class Resource:
    """One kind: group "" is core. `stored` is False for those that only answer (reviews)."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    stored: bool = True
    custom: Custom | None = field(default=None, compare=False)

    @property
    def shelf(self) -> tuple[str, str]:
        """Where its objects are kept: versions share them, and so do the two groups of events."""
        return ("" if self.group == "events.k8s.io" else self.group, self.plural)

    @property
    def group_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`pods`, `deployments.apps`: how messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular(self) -> str:
        return self.custom.singular if self.custom else self.kind.lower()

    @property
    def list_kind(self) -> str:
        return self.custom.list_kind if self.custom else f"{self.kind}List"

    @property
    def verbs(self) -> tuple[str, ...]:
        return ALL_VERBS if self.stored else ("create",)

    @property
    def has_status(self) -> bool:
        return self.subresource("status") is not None

    def subresource(self, name: str) -> Subresource | None:
        return next((sub for sub in self.subresources if sub.name == name), None)


def _status(kind: str) -> Subresource:
    return Subresource("status", kind, ("get", "patch", "update"))


_SCALE = Subresource("scale", "Scale", ("get", "patch", "update"), ("autoscaling", "v1"))
_POD_SUBRESOURCES = (
    Subresource("attach", "PodAttachOptions", ("create", "get")),
    Subresource("ephemeralcontainers", "Pod", ("get", "patch", "update")),
    Subresource("eviction", "Eviction", ("create",), ("policy", "v1")),
    Subresource("exec", "PodExecOptions", ("create", "get")),
    Subresource("log", "Pod", ("get",)),
    _status("Pod"),
)
_RBAC = "rbac.authorization.k8s.io"
_AUTHZ = "authorization.k8s.io"
_AUTHN = "authentication.k8s.io"


def _workload(plural: str, kind: str, short: str, *, scale: bool = True) -> Resource:
    subresources = ((_SCALE,) if scale else ()) + (_status(kind),)
    return Resource("apps", "v1", plural, kind, short=(short,), categories=("all",), subresources=subresources)


def _review(group: str, plural: str, kind: str, *, namespaced: bool = False) -> Resource:
    return Resource(group, "v1", plural, kind, namespaced=namespaced, stored=False)


NAMESPACES = Resource(
    "",
    "v1",
    "namespaces",
    "Namespace",
    namespaced=False,
    short=("ns",),
    subresources=(Subresource("finalize", "Namespace", ("update",)), _status("Namespace")),
)
PODS = Resource("", "v1", "pods", "Pod", short=("po",), categories=("all",), subresources=_POD_SUBRESOURCES)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False, short=("no",), subresources=(_status("Node"),))
SERVICES = Resource(
    "",
    "v1",
    "services",
    "Service",
    short=("svc",),
    categories=("all",),
    subresources=(_status("Service"),),
)
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", short=("cm",))
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS = Resource(
    "",
    "v1",
    "serviceaccounts",
    "ServiceAccount",
    short=("sa",),
    subresources=(Subresource("token", "TokenRequest", ("create",), (_AUTHN, "v1")),),
)
QUOTAS = Resource(
    "", "v1", "resourcequotas", "ResourceQuota", short=("quota",), subresources=(_status("ResourceQuota"),)
)
EVENTS = Resource("", "v1", "events", "Event", short=("ev",))
NEW_EVENTS = Resource("events.k8s.io", "v1", "events", "Event", short=("ev",))
DEPLOYMENTS = _workload("deployments", "Deployment", "deploy")
REPLICASETS = _workload("replicasets", "ReplicaSet", "rs")
STATEFULSETS = _workload("statefulsets", "StatefulSet", "sts")
DAEMONSETS = _workload("daemonsets", "DaemonSet", "ds", scale=False)
JOBS = Resource("batch", "v1", "jobs", "Job", categories=("all",), subresources=(_status("Job"),))
CRONJOBS = Resource(
    "batch", "v1", "cronjobs", "CronJob", short=("cj",), categories=("all",), subresources=(_status("CronJob"),)
)
INGRESSES = Resource(
    "networking.k8s.io", "v1", "ingresses", "Ingress", short=("ing",), subresources=(_status("Ingress"),)
)
ENDPOINTSLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ROLES = Resource(_RBAC, "v1", "roles", "Role")
ROLEBINDINGS = Resource(_RBAC, "v1", "rolebindings", "RoleBinding")
CLUSTERROLES = Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTERROLEBINDINGS = Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
CRDS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
    short=("crd", "crds"),
    categories=("api-extensions",),
    subresources=(_status("CustomResourceDefinition"),),
)
SELF_ACCESS = _review(_AUTHZ, "selfsubjectaccessreviews", "SelfSubjectAccessReview")
SELF_RULES = _review(_AUTHZ, "selfsubjectrulesreviews", "SelfSubjectRulesReview")
SUBJECT_ACCESS = _review(_AUTHZ, "subjectaccessreviews", "SubjectAccessReview")
LOCAL_ACCESS = _review(_AUTHZ, "localsubjectaccessreviews", "LocalSubjectAccessReview", namespaced=True)
SELF_REVIEW = _review(_AUTHN, "selfsubjectreviews", "SelfSubjectReview")
TOKEN_REVIEW = _review(_AUTHN, "tokenreviews", "TokenReview")

BUILT_IN = (
    NAMESPACES,
    PODS,
    NODES,
    SERVICES,
    CONFIGMAPS,
    SECRETS,
    SERVICE_ACCOUNTS,
    QUOTAS,
    EVENTS,
    DEPLOYMENTS,
    REPLICASETS,
    STATEFULSETS,
    DAEMONSETS,
    JOBS,
    CRONJOBS,
    INGRESSES,
    ENDPOINTSLICES,
    LEASES,
    ROLES,
    ROLEBINDINGS,
    CLUSTERROLES,
    CLUSTERROLEBINDINGS,
    CRDS,
    NEW_EVENTS,
    SELF_ACCESS,
    SELF_RULES,
    SUBJECT_ACCESS,
    LOCAL_ACCESS,
    SELF_REVIEW,
    TOKEN_REVIEW,
)


_VERSION = re.compile(r"^v(\d+)(?:(alpha|beta)(\d+))?$")


def version_order(version: str) -> tuple[int, int, int, str]:
    """A sort key: v2, v1, v1beta2, v1alpha1, then others by the alphabet (apimachinery/pkg/version)."""
    found = _VERSION.match(version)
    if not found:
        return (3, 0, 0, version)
    stage = {None: 0, "beta": 1, "alpha": 2}[found[2]]
    return (stage, -int(found[1]), -int(found[3] or 0), version)


class Catalogue:
    """The resources served, by path and by kind; CustomResourceDefinitions add to it."""

    def __init__(self, resources: tuple[Resource, ...] = BUILT_IN) -> None:
        self.resources = list(resources)

    def replace(self, group: str, plural: str, served: list[Resource]) -> None:
        """What a CustomResourceDefinition serves from now on; built-in resources stay."""
        kept = [r for r in self.resources if r.custom is None or (r.group, r.plural) != (group, plural)]
        self.resources = kept + served

    def shelves(self) -> list[Resource]:
        """One resource for each kind of stored objects."""
        return list({r.shelf: r for r in reversed(self.resources) if r.stored}.values())

    def versions(self, group: str) -> list[str]:
        """The preferred one first."""
        return sorted({r.version for r in self.resources if r.group == group}, key=version_order)

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        wanted = (group, version, plural)
        return next((r for r in self.resources if (r.group, r.version, r.plural) == wanted), None)

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        return next((r for r in self.resources if (r.group_version, r.kind) == (api_version, kind)), None)

    def groups(self) -> list[str]:
        return sorted({r.group for r in self.resources if r.group})

    def in_group(self, group: str, version: str) -> list[Resource]:
        return [r for r in self.resources if (r.group, r.version) == (group, version)]

    def api_resources(self, group: str, version: str) -> list[Object]:
        """The entries of an APIResourceList, subresources included."""
        entries: list[Object] = []
        for resource in self.in_group(group, version):
            entries.append(_entry(resource))
            entries.extend(_sub_entry(resource, sub) for sub in resource.subresources)
        return entries


def _entry(resource: Resource) -> Object:
    entry: Object = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        entry["shortNames"] = list(resource.short)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    return entry


def _sub_entry(resource: Resource, sub: Subresource) -> Object:
    entry: Object = {
        "name": f"{resource.plural}/{sub.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": sub.kind,
        "verbs": list(sub.verbs),
    }
    if sub.group_version:
        entry["group"], entry["version"] = sub.group_version
    return entry
