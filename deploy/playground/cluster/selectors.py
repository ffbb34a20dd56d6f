"""Label and field selectors: text -> predicate over objects. Pure.

Grammar: k8s.io/apimachinery/pkg/labels (equality, set-based, existence) and pkg/fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import bad_request
from .objects import Object

Predicate = Callable[[Object], bool]

_KEY = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?)"
_SET = re.compile(rf"^({_KEY})\s+(in|notin)\s*\(([^()]*)\)$")
_EQUAL = re.compile(rf"^({_KEY})\s*(==|!=|=)\s*([-A-Za-z0-9_.]*)$")
_EXISTS = re.compile(rf"^(!?)\s*({_KEY})$")

_COMMON_FIELDS = ("metadata.name", "metadata.namespace")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "Secret": ("type",),
    "Service": ("spec.clusterIP", "spec.type"),
    "ReplicaSet": ("status.replicas",),
}


@dataclass(frozen=True)
class Requirement:
    """One term of a label selector; operator is in, notin, exists or absent."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        if self.operator == "exists":
            return self.key in labels
        if self.operator == "absent":
            return self.key not in labels
        held = labels.get(self.key)
        return (held in self.values) == (self.operator == "in")


def _split(text: str) -> list[str]:
    """Terms at commas outside parentheses."""
    return [term.strip() for term in re.split(r",(?![^(]*\))", text)] if text.strip() else []


def parse_labels(text: str) -> list[Requirement]:
    """`a=b,c in (d,e),!f` -> requirements. Raises Refusal(400)."""
    return [_requirement(term, text) for term in _split(text)]


def _requirement(term: str, whole: str) -> Requirement:
    if found := _SET.match(term):
        values = frozenset(value.strip() for value in found[3].split(","))
        return Requirement(found[1], found[2], values)
    if found := _EQUAL.match(term):
        operator = "notin" if found[2] == "!=" else "in"
        return Requirement(found[1], operator, frozenset({found[3]}))
    if found := _EXISTS.match(term):
        return Requirement(found[2], "absent" if found[1] else "exists")
    raise bad_request(f'unable to parse requirement: found "{term}" in label selector "{whole}"')


def _lookup(obj: Object, path: str) -> str:
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return "false" if path in ("spec.hostNetwork", "spec.unschedulable") else ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse_fields(text: str, kind: str) -> list[tuple[str, str, bool]]:
    """`status.phase!=Running` -> (path, value, wanted equal). Raises Refusal(400) on an unknown label."""
    terms = []
    for term in _split(text):
        found = re.match(r"^([A-Za-z.]+)\s*(==|!=|=)(.*)$", term)
        if not found:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        if found[1] not in (*_COMMON_FIELDS, *_FIELDS.get(kind, ())):
            raise bad_request(f"field label not supported: {found[1]}")
        terms.append((found[1], found[3], found[2] != "!="))
    return terms


def selector(labels: str, fields: str, kind: str) -> Predicate:
    """Both selectors of a list or watch as one predicate."""
    requirements, terms = parse_labels(labels), parse_fields(fields, kind)

    def matches(obj: Object) -> bool:
        held = obj.get("metadata", {}).get("labels") or {}
        return all(req.matches(held) for req in requirements) and all(
            (_lookup(obj, path) == value) == equal for path, value, equal in terms
        )

    return matches


def label_selector(spec: Object) -> Callable[[Mapping[str, str]], bool]:
    """metav1.LabelSelector (matchLabels, matchExpressions) -> predicate over labels; empty matches all."""
    operators = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}
    requirements = [Requirement(k, "in", frozenset({v})) for k, v in (spec.get("matchLabels") or {}).items()]
    requirements += [
        Requirement(e["key"], operators[e["operator"]], frozenset(e.get("values") or ()))
        for e in spec.get("matchExpressions") or ()
    ]
    return lambda labels: all(req.matches(labels) for req in requirements)
