"""Role-based access control: (user, attributes) -> allowed, from the roles in the store.

Follows k8s.io/kubernetes/pkg/registry/rbac/validation. One evaluator answers requests and access reviews.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .objects import Object, meta, namespace_of
from .resources import BUILT_IN, CLUSTERROLEBINDINGS, CLUSTERROLES, ROLEBINDINGS, ROLES, Resource
from .store import Store

SUPERUSERS = "system:masters"
_WRITERS_ONLY = ("exec", "attach")
_API = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class User:
    """Who asks, as authentication found."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict, compare=False)

    def info(self) -> Object:
        """authentication.k8s.io UserInfo."""
        info: Object = {"username": self.name, "groups": list(self.groups)}
        if self.uid:
            info["uid"] = self.uid
        return info | ({"extra": self.extra} if self.extra else {})


@dataclass(frozen=True)
class Attributes:
    """What is asked: a resource request, or a plain path when `path` is set."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    def denial(self, user: User) -> str:
        """The sentence after "is forbidden: " (pkg/registry/authorization/util)."""
        if self.path:
            return f'User "{user.name}" cannot {self.verb} path "{self.path}"'
        scope = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return (
            f'User "{user.name}" cannot {self.verb} resource "{self.full_resource}" in API group "{self.group}" {scope}'
        )


def _has(listed: list[str] | None, wanted: str) -> bool:
    return "*" in (listed or ()) or wanted in (listed or ())


def _path_matches(listed: list[str] | None, path: str) -> bool:
    return any(entry in ("*", path) or (entry.endswith("*") and path.startswith(entry[:-1])) for entry in listed or ())


def rule_allows(rule: Object, asked: Attributes) -> bool:
    """One PolicyRule against one request."""
    if not _has(rule.get("verbs"), asked.verb):
        return False
    if asked.path:
        return _path_matches(rule.get("nonResourceURLs"), asked.path)
    resources = rule.get("resources") or ()
    named = asked.full_resource in resources or "*" in resources
    named = named or bool(asked.subresource and f"*/{asked.subresource}" in resources)
    names = rule.get("resourceNames")
    return named and _has(rule.get("apiGroups"), asked.group) and (not names or asked.name in names)


def _is_subject(subject: Object, user: User, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
    return name == user.name if kind == "User" else kind == "Group" and name in user.groups


class Authorizer:
    """Reads roles and bindings from the store at each question: a change holds at once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def allows(self, user: User, asked: Attributes) -> bool:
        if SUPERUSERS in user.groups:
            return True
        return any(rule_allows(rule, asked) for rule in self.rules(user, asked.namespace))

    def rules(self, user: User, namespace: str) -> Iterator[Object]:
        """Every rule that holds for the user cluster-wide and, when given, in the namespace."""
        if SUPERUSERS in user.groups:
            yield {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            yield {"verbs": ["*"], "nonResourceURLs": ["*"]}
            return
        bindings = self._store.all(CLUSTERROLEBINDINGS)
        if namespace:
            bindings = bindings + self._store.all(ROLEBINDINGS, namespace)
        for binding in bindings:
            scope = namespace_of(binding)
            if any(_is_subject(subject, user, scope) for subject in binding.get("subjects") or ()):
                yield from self._role_rules(binding["roleRef"], scope)

    def _role_rules(self, reference: Object, namespace: str) -> list[Object]:
        if reference.get("kind") == "Role":
            role = self._store.get(ROLES, namespace, reference.get("name", ""))
        else:
            role = self._store.get(CLUSTERROLES, "", reference.get("name", ""))
        return list((role or {}).get("rules") or ())


def rules_status(rules: list[Object]) -> Object:
    """Status of a SelfSubjectRulesReview."""
    return {
        "resourceRules": [_pick(r, "apiGroups", "resources", "resourceNames") for r in rules if r.get("resources")],
        "nonResourceRules": [_pick(r, "nonResourceURLs") for r in rules if r.get("nonResourceURLs")],
        "incomplete": False,
    }


def _pick(rule: Object, *fields: str) -> Object:
    return {"verbs": rule["verbs"]} | {name: rule[name] for name in fields if name in rule}


def _cluster_role(name: str, rules: list[Object]) -> Object:
    return {"apiVersion": f"{_API}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def _binding(name: str, role: str, *groups: str) -> Object:
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _API, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": _API, "kind": "Group", "name": group} for group in groups],
    }


def _rules(resources: list[Resource], verbs: list[str], *, write: bool = False) -> list[Object]:
    groups = sorted({resource.group for resource in resources})
    return [{"verbs": verbs, "apiGroups": [g], "resources": _names(resources, g, write)} for g in groups]


def _names(resources: list[Resource], group: str, write: bool) -> list[str]:
    """Resources and subresources by their discovery names; exec and attach only for those who may write."""
    names = []
    for resource in (r for r in resources if r.group == group):
        subs = [s.name for s in resource.subresources if write or ("get" in s.verbs and s.name not in _WRITERS_ONLY)]
        names += [resource.plural, *(f"{resource.plural}/{sub}" for sub in subs)]
    return names


def bootstrap_policy() -> list[Object]:
    """The roles and bindings a cluster starts with, as far as anyone here meets them."""
    open_paths = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
    discovery = [*open_paths, "/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"]
    reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]
    viewed = [r for r in BUILT_IN if r.stored and r.namespaced and r.group != _API and r.plural != "secrets"]
    edited = [r for r in BUILT_IN if r.stored and r.namespaced and r.group != _API]
    read, write = ["get", "list", "watch"], ["create", "delete", "deletecollection", "patch", "update"]
    roles = ["roles", "rolebindings"]
    edit = _rules(edited, read + write, write=True)
    policy = [
        _cluster_role("cluster-admin", list(_everything())),
        _cluster_role("view", _rules(viewed, read)),
        _cluster_role("edit", edit),
        _cluster_role("admin", [*edit, {"verbs": ["*"], "apiGroups": [_API], "resources": roles}]),
        _cluster_role(
            "system:basic-user",
            [
                {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": reviews},
                {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
            ],
        ),
        _cluster_role("system:discovery", [{"verbs": ["get"], "nonResourceURLs": discovery}]),
        _cluster_role("system:public-info-viewer", [{"verbs": ["get"], "nonResourceURLs": open_paths}]),
        _binding("cluster-admin", "cluster-admin", SUPERUSERS),
        _binding("system:basic-user", "system:basic-user", "system:authenticated"),
        _binding("system:discovery", "system:discovery", "system:authenticated"),
        _binding(
            "system:public-info-viewer",
            "system:public-info-viewer",
            "system:authenticated",
            "system:unauthenticated",
        ),
    ]
    for entry in policy:
        meta(entry)["labels"] = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    return policy


def _everything() -> Iterator[Object]:
    yield {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    yield {"verbs": ["*"], "nonResourceURLs": ["*"]}
