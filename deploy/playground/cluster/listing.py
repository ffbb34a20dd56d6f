"""list and watch: selection, pages, and the stream of changes as JSON lines.

Pages of one list come from one snapshot, kept until it is read or pushed out by newer ones (then 410).
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from .errors import bad_request, expired
from .objects import Object
from .resources import Resource
from .selectors import Predicate
from .store import Change, Compacted, Store
from .tables import partial, table
from .versions import shown

_SNAPSHOTS = 64
_BOOKMARK_SECONDS = 30.0
_LAST_BOOKMARK_SECONDS = 2.0
_INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True)
class View:
    """How the client wants objects shown: form is "", Table or Partial; include is includeObject."""

    form: str = ""
    include: str = "Metadata"

    def one(self, resource: Resource, obj: Object) -> Object:
        if self.form == "Table":
            version = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return table(resource, [obj], version, self.include)
        return partial(obj) if self.form == "Partial" else shown(resource, obj)

    def many(self, resource: Resource, objects: list[Object], listing: Object) -> Object:
        if self.form == "Table":
            return table(resource, objects, listing, self.include)
        if self.form == "Partial":
            items = [partial(obj) for obj in objects]
            kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        else:
            # A typed list's items carry no kind of their own; custom objects do.
            hidden = () if resource.custom else ("kind", "apiVersion")
            items = [{k: v for k, v in shown(resource, obj).items() if k not in hidden} for obj in objects]
            kind, version = resource.list_kind, resource.group_version
        return {"kind": kind, "apiVersion": version, "metadata": listing, "items": items}


@dataclass(frozen=True)
class Query:
    """A list's or watch's question, already parsed."""

    resource: Resource
    namespace: str
    matches: Predicate
    selective: bool
    view: View


@dataclass(frozen=True)
class WatchOptions:
    """since: None means "from now, with what there is"; seconds: how long; bookmarks; initial events."""

    since: int | None
    seconds: float
    bookmarks: bool
    initial: bool


class Listing:
    """Answers lists and feeds watches from the store; closing the store ends every watch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshots: OrderedDict[str, tuple[int, list[Object]]] = OrderedDict()

    def select(self, query: Query) -> list[Object]:
        return [obj for obj in self._store.all(query.resource, query.namespace) if query.matches(obj)]

    def page(self, query: Query, limit: int, token: str) -> Object:
        """A list document, at most `limit` objects long when limit is over 0."""
        if token:
            revision, objects = self._resume(token)
        else:
            revision, objects = self._store.revision, self.select(query)
        listing: Object = {"resourceVersion": str(revision)}
        if limit and len(objects) > limit:
            objects, rest = objects[:limit], objects[limit:]
            listing["continue"] = self._keep(revision, rest)
            if not query.selective:
                listing["remainingItemCount"] = len(rest)
        return query.view.many(query.resource, objects, listing)

    def _keep(self, revision: int, rest: list[Object]) -> str:
        key = secrets.token_hex(8)
        self._snapshots[key] = (revision, rest)
        while len(self._snapshots) > _SNAPSHOTS:
            self._snapshots.popitem(last=False)
        body = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": key})
        return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")

    def _resume(self, token: str) -> tuple[int, list[Object]]:
        try:
            key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["start"]
        except (ValueError, KeyError, TypeError) as error:
            raise bad_request("continue key is not valid") from error
        found = self._snapshots.get(key)
        if found is None:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You can start "
                "a new list without the continue parameter."
            )
        return found

    async def watch(self, query: Query, options: WatchOptions) -> AsyncIterator[bytes]:
        """JSON lines until the time is up, the server stops, or the history no longer reaches back."""
        end = time.monotonic() + options.seconds
        position = options.since
        if position is None or options.initial:
            position = self._store.revision
            for obj in self.select(query):
                yield _line("ADDED", query.view.one(query.resource, obj))
        if options.initial and options.bookmarks:
            yield _bookmark(query, position, initial=True)
        while not self._store.closed:
            try:
                changes = self._store.changes(query.resource, position)
            except Compacted as lost:
                yield _line("ERROR", expired(str(lost)).status())
                return
            for change in changes:
                if line := _event(query, change):
                    yield line
            position = max(position, self._store.revision)
            left = end - time.monotonic()
            if left <= 0:
                break
            # The last one comes before the time is up, so that a client knows from where to go on.
            pause = min(
                left, _BOOKMARK_SECONDS, left - _LAST_BOOKMARK_SECONDS if left > _LAST_BOOKMARK_SECONDS else left
            )
            if not await self._news(position, pause) and options.bookmarks:
                yield _bookmark(query, position)

    async def _news(self, position: int, seconds: float) -> bool:
        """Whether something was written (or the server stops) before the time was over."""
        try:
            async with asyncio.timeout(seconds):
                await self._store.wait(position)
        except TimeoutError:
            return False
        return True


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":")).encode() + b"\n"


def _event(query: Query, change: Change) -> bytes | None:
    """The change as this selection sees it: leaving the selection is a deletion."""
    if query.namespace and (change.after or change.before or {})["metadata"].get("namespace") != query.namespace:
        return None
    held = change.before is not None and query.matches(change.before)
    holds = change.after is not None and query.matches(change.after)
    if not held and not holds:
        return None
    if holds and change.after is not None:
        return _line("MODIFIED" if held else "ADDED", query.view.one(query.resource, change.after))
    last = dict(change.before or {})
    last["metadata"] = {**last["metadata"], "resourceVersion": str(change.revision)}
    return _line("DELETED", query.view.one(query.resource, last))


def _bookmark(query: Query, revision: int, *, initial: bool = False) -> bytes:
    metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
    if initial:
        metadata["annotations"] = {_INITIAL_END: "true"}
    resource = query.resource
    obj = {"kind": resource.kind, "apiVersion": resource.group_version, "metadata": metadata}
    if query.view.form == "Table":
        return _line("BOOKMARK", table(resource, [], {"resourceVersion": str(revision)}))
    return _line("BOOKMARK", obj)
