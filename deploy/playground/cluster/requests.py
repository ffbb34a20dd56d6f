"""A request's path, query and headers -> what is asked. Pure.

Follows k8s.io/apiserver/pkg/endpoints/request.RequestInfoFactory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import bad_request
from .listing import View, WatchOptions
from .rbac import Attributes
from .registry import DeleteOptions

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "GET": "get", "HEAD": "get", "DELETE": "delete"}
_LONGEST_WATCH = 2400.0


@dataclass(frozen=True)
class Asked:
    """group "" is core; name and subresource may be empty. `path` alone is set for non-resource requests."""

    attributes: Attributes
    version: str = ""


def is_true(text: str | None) -> bool:
    return (text or "").lower() in ("1", "true", "t")


def parse(method: str, path: str, query: Mapping[str, str]) -> Asked:
    """Split a path; anything that isn't below /api/v1 or /apis/<group>/<version> is a plain path."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return Asked(Attributes(method.lower(), path=path))
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    resource, name = rest[0], rest[1] if len(rest) > 1 else ""
    subresource = "/".join(rest[2:])
    verb = _verb(method, name, query)
    return Asked(Attributes(verb, group, resource, subresource, namespace, name), version)


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and not name:
        return "watch" if is_true(query.get("watch")) else "list"
    return "deletecollection" if verb == "delete" and not name else verb


def view(accept: str, query: Mapping[str, str]) -> View:
    """The first media type we can serve: a Table, metadata only, or the objects themselves."""
    for entry in accept.split(","):
        media, *parameters = (part.strip() for part in entry.split(";"))
        shape = next((p[3:] for p in parameters if p.startswith("as=")), "")
        if media not in ("application/json", "*/*", "application/*", "") or "v=v1beta1" in parameters:
            continue
        if shape == "Table":
            return View("Table", query.get("includeObject") or "Metadata")
        if shape.startswith("PartialObjectMetadata"):
            return View("Partial")
        if not shape:
            return View()
    return View()


def integer(query: Mapping[str, str], name: str) -> int | None:
    """A whole number from the query; Refusal(400) when it isn't one."""
    text = query.get(name)
    if not text:
        return None
    if not text.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def watch_options(query: Mapping[str, str]) -> WatchOptions:
    since = integer(query, "resourceVersion")
    return WatchOptions(
        since=since or None,
        seconds=float(integer(query, "timeoutSeconds") or _LONGEST_WATCH),
        bookmarks=is_true(query.get("allowWatchBookmarks")),
        initial=is_true(query.get("sendInitialEvents")),
    )


def delete_options(body: Mapping[str, object], query: Mapping[str, str]) -> DeleteOptions:
    """From the body, or from the query where the body says nothing."""
    grace = body.get("gracePeriodSeconds")
    if grace is None:
        grace = integer(query, "gracePeriodSeconds")
    if grace is not None and not (isinstance(grace, int) and grace >= 0):
        raise bad_request(f"invalid gracePeriodSeconds: {grace}")
    policy = body.get("propagationPolicy") or query.get("propagationPolicy")
    if not policy:
        orphan = body.get("orphanDependents") or is_true(query.get("orphanDependents"))
        policy = "Orphan" if orphan else "Background"
    found = body.get("preconditions")
    conditions = found if isinstance(found, dict) else {}
    return DeleteOptions(
        grace=grace,
        policy=str(policy),
        uid=str(conditions.get("uid") or ""),
        resource_version=str(conditions.get("resourceVersion") or ""),
        dry_run=bool(body.get("dryRun") or query.get("dryRun")),
    )
