"""Objects in memory, one global revision, and the history from which watches are fed.

In: whole objects that the registry already judged. Out: the stored object, change records in order. A
watcher holds a position in the history, not a queue: a slow one costs nothing and learns that it fell
behind (`Compacted`). Objects are shared with readers and must not be changed in place.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from .objects import Object, name_of, namespace_of
from .resources import Resource

Key = tuple[str, str]


class Compacted(Exception):
    """The revision asked for is older than the history kept; carries (asked, oldest kept)."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")


@dataclass(frozen=True)
class Change:
    """One write: `after` is None for a removal, `before` for a creation."""

    revision: int
    resource: Resource
    before: Object | None
    after: Object | None


@dataclass
class _Shelf:
    """One resource's objects and history; `compacted` is the newest revision no longer in `history`."""

    objects: dict[Key, Object] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    compacted: int = 0


class Store:
    """See the module. `keep` is how many changes of each resource stay watchable."""

    def __init__(self, keep: int = 2000) -> None:
        self.revision = 1
        self.closed = False
        self._keep = keep
        self._shelves: dict[Key, _Shelf] = {}
        self._news = asyncio.Event()
        self._listeners: list[Callable[[Change], None]] = []

    def _shelf(self, resource: Resource) -> _Shelf:
        return self._shelves.setdefault(resource.shelf, _Shelf())

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return self._shelf(resource).objects.get((namespace, name))

    def all(self, resource: Resource, namespace: str = "") -> list[Object]:
        """All objects in key order; an empty namespace means every one."""
        objects = self._shelf(resource).objects
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

    def put(self, resource: Resource, obj: Object) -> Object:
        """Store a new or changed object under the next revision; the object given becomes the store's."""
        key = (namespace_of(obj), name_of(obj))
        shelf = self._shelf(resource)
        before = shelf.objects.get(key)
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        shelf.objects[key] = obj
        self._record(shelf, Change(self.revision, resource, before, obj))
        return obj

    def remove(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Take an object out; the last state is returned with the revision of its removal."""
        shelf = self._shelf(resource)
        before = shelf.objects.pop((namespace, name), None)
        if before is None:
            return None
        self.revision += 1
        final = {**before, "metadata": {**before["metadata"], "resourceVersion": str(self.revision)}}
        self._record(shelf, Change(self.revision, resource, final, None))
        return final

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` at once on each change; it must be quick and must not write."""
        self._listeners.append(listener)

    def changes(self, resource: Resource, after: int) -> list[Change]:
        """What happened to a resource since revision `after`. Raises Compacted."""
        shelf = self._shelf(resource)
        if after < shelf.compacted:
            raise Compacted(after, shelf.compacted)
        start = bisect_right(shelf.history, after, key=lambda change: change.revision)
        return shelf.history[start:]

    def compact(self) -> None:
        """Forget the history, so that every older watch gets 410."""
        for shelf in self._shelves.values():
            shelf.history.clear()
            shelf.compacted = self.revision

    async def wait(self, after: int) -> None:
        """Return once the revision is past `after`, or the store is closed."""
        while self.revision <= after and not self.closed:
            await self._news.wait()

    def close(self) -> None:
        """Wake everyone who waits, for good."""
        self.closed = True
        self._news.set()

    def _record(self, shelf: _Shelf, change: Change) -> None:
        shelf.history.append(change)
        if len(shelf.history) > 2 * self._keep:
            shelf.compacted = shelf.history[-self._keep - 1].revision
            del shelf.history[: -self._keep]
        self._news.set()
        self._news = asyncio.Event()
        for listener in self._listeners:
            listener(change)
