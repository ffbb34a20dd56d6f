"""CustomResourceDefinitions: checked, completed, and turned into resources that are served. Pure.

Follows k8s.io/apiextensions-apiserver. Left out: conversion webhooks (versions differ in name only), the scale
subresource, CEL rules, selectable fields, and names that two definitions claim.
"""

from __future__ import annotations

from . import errors
from .errors import Cause
from .objects import Object, is_deleting, name_of
from .resources import CRDS, Catalogue, Custom, Resource, Subresource
from .store import Change

_AGE = (("Age", "date", 0, ".metadata.creationTimestamp"),)


def complete(crd: Object) -> None:
    """Fill in the defaults of a definition (apis/apiextensions/v1/defaults.go)."""
    spec = crd.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = str(names.get("kind", ""))
    names.setdefault("singular", kind.lower())
    names.setdefault("listKind", f"{kind}List" if kind else "")
    spec.setdefault("conversion", {"strategy": "None"})


def causes(crd: Object) -> list[Cause]:
    """Faults of a definition, defaults already filled in."""
    spec, found = crd["spec"], list[Cause]()
    names = spec["names"]
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    if name_of(crd) != wanted:
        found.append(errors.invalid_value("metadata.name", name_of(crd), 'must be spec.names.plural+"."+spec.group'))
    found += [errors.required(f"spec.{field}") for field in ("group", "scope") if not spec.get(field)]
    found += [errors.required(f"spec.names.{field}") for field in ("plural", "kind") if not names.get(field)]
    if spec.get("scope") not in (None, "", "Cluster", "Namespaced"):
        found.append(errors.unsupported("spec.scope", str(spec["scope"]), ("Cluster", "Namespaced")))
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        text = "must have exactly one version marked as storage version"
        found.append(errors.invalid_value("spec.versions", str([v.get("name") for v in versions]), text))
    for index, version in enumerate(versions):
        if not version.get("name"):
            found.append(errors.required(f"spec.versions[{index}].name"))
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            where = f"spec.versions[{index}].schema.openAPIV3Schema"
            found.append(errors.required(where, "schemas are required"))
        for place, column in enumerate(version.get("additionalPrinterColumns") or ()):
            where = f"spec.versions[{index}].additionalPrinterColumns[{place}]"
            found += [errors.required(f"{where}.{key}") for key in ("name", "type", "jsonPath") if not column.get(key)]
    return found


def served(crd: Object) -> list[Resource]:
    """The resources of a definition that passed `causes`, one for each version that is served."""
    return [_resource(crd, version) for version in crd["spec"]["versions"] if version.get("served")]


def _resource(crd: Object, version: Object) -> Resource:
    spec = crd["spec"]
    names = spec["names"]
    columns = tuple(
        (c["name"], c["type"], int(c.get("priority") or 0), c["jsonPath"])
        for c in version.get("additionalPrinterColumns") or ()
    )
    custom = Custom(
        singular=names["singular"],
        list_kind=names["listKind"],
        storage=next(v["name"] for v in spec["versions"] if v.get("storage")),
        schema=version["schema"]["openAPIV3Schema"],
        columns=columns or _AGE,
        ending=is_deleting(crd),
    )
    status = "status" in (version.get("subresources") or {})
    return Resource(
        spec["group"],
        version["name"],
        names["plural"],
        names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        short=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=(Subresource("status", names["kind"], ("get", "patch", "update")),) if status else (),
        custom=custom,
    )


def follow(catalogue: Catalogue, change: Change) -> None:
    """Keep the catalogue in step with the definitions in the store."""
    crd = change.after or change.before
    if change.resource is CRDS and crd is not None:
        spec = crd["spec"]
        catalogue.replace(spec["group"], spec["names"]["plural"], served(crd) if change.after else [])
