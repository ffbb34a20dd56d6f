"""What clients ask before anything else: versions, groups, resources, and just enough OpenAPI.

kubectl looks into OpenAPI v3 to learn that `fieldValidation` is understood, and to explain; v2 stays empty.
"""

from __future__ import annotations

from . import openapi
from .objects import Object
from .resources import Catalogue, Resource

AGGREGATED = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION: Object = {
    "major": "1",
    "minor": "34",
    "emulationMajor": "1",
    "emulationMinor": "34",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "33",
    "gitVersion": "v1.34.9+playground",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


def answer(catalogue: Catalogue, path: str, server: str) -> Object | None:
    """The document at a discovery path, or None. `server` is host:port."""
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["version"]:
            return VERSION
        case ["api"]:
            return _core_versions(server)
        case ["apis"]:
            return _groups(catalogue)
        case ["api", "v1"]:
            return _resources(catalogue, "", "v1")
        case ["apis", group] if group in catalogue.groups():
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(catalogue, group)}
        case ["apis", group, version] if catalogue.in_group(group, version):
            return _resources(catalogue, group, version)
        case ["openapi", "v2"]:
            return {
                "swagger": "2.0",
                "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
                "paths": {},
                "definitions": {},
            }
        case ["openapi", "v3"]:
            return _openapi_index(catalogue)
        case ["openapi", "v3", "api", "v1"]:
            return _openapi(catalogue, "", "v1")
        case ["openapi", "v3", "apis", group, version] if catalogue.in_group(group, version):
            return _openapi(catalogue, group, version)
    return None


def paths(catalogue: Catalogue) -> Object:
    """The document at `/`."""
    groups = [f"/apis/{group}" for group in catalogue.groups()]
    versions = [f"/apis/{gv}" for gv in sorted({r.group_version for r in catalogue.resources if r.group})]
    fixed = ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
    return {"paths": sorted([*fixed, *groups, *versions])}


def _core_versions(server: str) -> Object:
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server}],
    }


def _group(catalogue: Catalogue, group: str) -> Object:
    entries = [{"groupVersion": f"{group}/{version}", "version": version} for version in catalogue.versions(group)]
    return {"name": group, "versions": entries, "preferredVersion": entries[0]}


def _groups(catalogue: Catalogue) -> Object:
    groups = [_group(catalogue, group) for group in catalogue.groups()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _resources(catalogue: Catalogue, group: str, version: str) -> Object:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": catalogue.api_resources(group, version),
    }


def aggregated(catalogue: Catalogue, *, core: bool) -> Object:
    """Everything in one document (KEP-3352): the core group at /api, the others at /apis."""
    items = [
        {
            "metadata": {"creationTimestamp": None} | ({"name": group} if group else {}),
            "versions": [_version(catalogue, group, version) for version in catalogue.versions(group)],
        }
        for group in ([""] if core else catalogue.groups())
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _version(catalogue: Catalogue, group: str, version: str) -> Object:
    resources = [_discovered(resource) for resource in catalogue.in_group(group, version)]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _discovered(resource: Resource) -> Object:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    found: Object = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    words = {"shortNames": resource.short, "categories": resource.categories}
    found |= {name: list(listed) for name, listed in words.items() if listed}
    if resource.subresources:
        found["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": dict(
                    zip(("group", "version"), sub.group_version or (resource.group, resource.version), strict=True),
                    kind=sub.kind,
                ),
                "verbs": list(sub.verbs),
            }
            for sub in resource.subresources
        ]
    return found


def _openapi_index(catalogue: Catalogue) -> Object:
    versions = sorted({(r.group, r.version) for r in catalogue.resources})
    keys = [f"apis/{group}/{version}" if group else f"api/{version}" for group, version in versions]
    return {"paths": {key: {"serverRelativeURL": f"/openapi/v3/{key}?hash=0"} for key in keys}}


def _openapi(catalogue: Catalogue, group: str, version: str) -> Object:
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    found: Object = {}
    for resource in catalogue.in_group(group, version):
        scope = "namespaces/{namespace}/" if resource.namespaced else ""
        kind = {"group": group, "kind": resource.kind, "version": version}
        field = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
        operation = {
            "parameters": [field],
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": kind,
        }
        found[f"{root}/{scope}{resource.plural}/{{name}}"] = {"patch": operation}
    info = {"title": "Kubernetes", "version": "v1.34.9"}
    return {
        "openapi": "3.0.0",
        "info": info,
        "paths": found,
        "components": {"schemas": _schemas(catalogue, group, version)},
    }


def _schemas(catalogue: Catalogue, group: str, version: str) -> Object:
    found: Object = {}
    for resource in catalogue.in_group(group, version):
        if resource.custom:
            kind = {"group": group, "version": version, "kind": resource.kind}
            name = ".".join([*reversed(group.split(".")), version, resource.kind])
            found[name] = {**resource.custom.schema, "x-kubernetes-group-version-kind": [kind]}
        elif resource.stored:
            # One kind's part may be another's whole: the whole one says which kind it is.
            for name, schema in openapi.components(resource).items():
                found[name] = schema if "x-kubernetes-group-version-kind" in schema else found.get(name, schema)
    return found
