"""The controller loop: after any change, bring everything a step nearer to what specs say.

A pass looks at the whole store. At a playground's size that costs less than bookkeeping would, and it makes
every controller level-triggered: missed or doubled wake-ups change nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from . import quota
from .endpoints import sync_service
from .errors import Refusal
from .establishing import sync_definition
from .events import record
from .garbage import collect, sync_namespace
from .jobs import sync_cron_job, sync_job
from .nodes import sync_node
from .objects import Object, is_active, is_deleting, name_of, namespace_of, uid_of
from .registry import Registry
from .resources import (
    CRDS,
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    LEASES,
    NAMESPACES,
    NEW_EVENTS,
    NODES,
    PODS,
    QUOTAS,
    REPLICASETS,
    SERVICES,
    STATEFULSETS,
    Resource,
)
from .scheduling import collect_orphan, evict, schedule, seconds_left
from .store import Change
from .workloads import sync_daemonset, sync_deployment, sync_replicaset, sync_statefulset

_LOG = logging.getLogger(__name__)
# A pass waits this long for more changes of the same burst.
_GATHER_SECONDS = 0.005
_CLOCK_SECONDS = 1.0
_SILENT = (EVENTS, NEW_EVENTS, LEASES)
# What was refused is tried again after this long, then twice as long, and so on (client-go's rate limiter).
_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 30.0


def _sync_quota(registry: Registry, obj: Object) -> None:
    registry.set_status(QUOTAS, obj, quota.status(registry.store, obj))


Sync = Callable[[Registry, Object], None]
_SYNCS: tuple[tuple[Resource, Sync], ...] = (
    (NODES, sync_node),
    (DEPLOYMENTS, sync_deployment),
    (REPLICASETS, sync_replicaset),
    (STATEFULSETS, sync_statefulset),
    (DAEMONSETS, sync_daemonset),
    (CRONJOBS, sync_cron_job),
    (JOBS, sync_job),
    (SERVICES, sync_service),
    (QUOTAS, _sync_quota),
    (CRDS, sync_definition),
)


@dataclass(frozen=True)
class _Wait:
    """An object whose last step was refused; a changed one need not wait."""

    obj: Object
    until: float
    delay: float


class Controllers:
    """Run `run()` as a task; it ends when cancelled."""

    def __init__(self, registry: Registry, ca: str) -> None:
        self._registry, self._ca = registry, ca
        self._dirty = asyncio.Event()
        self._refused: dict[str, _Wait] = {}
        registry.store.listen(self._noted)

    def _noted(self, change: Change) -> None:
        if change.resource not in _SILENT:
            self._dirty.set()

    async def run(self) -> None:
        self._dirty.set()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._dirty.wait(), _CLOCK_SECONDS if self._timed() else None)
            await asyncio.sleep(_GATHER_SECONDS)
            self._dirty.clear()
            self.step()

    def _timed(self) -> bool:
        """Whether there is what waits for the clock, and not for a change."""
        return any(self._registry.store.all(resource) for resource in (JOBS, CRONJOBS))

    def step(self) -> None:
        """One pass over everything."""
        registry, store = self._registry, self._registry.store
        for namespace in store.all(NAMESPACES):
            self._guarded(partial(sync_namespace, registry, namespace, self._ca), namespace)
        for resource, sync in _SYNCS:
            for obj in store.all(resource):
                self._guarded(partial(sync, registry, obj), obj)
        for pod in store.all(PODS):
            if not pod["spec"].get("nodeName") and not is_deleting(pod):
                self._guarded(partial(schedule, registry, pod), pod)
            elif is_active(pod):
                self._guarded(partial(self._maybe_evict, pod), pod)
        try:
            collect(registry)
        except Refusal as refusal:
            _LOG.warning("garbage collection: %s", refusal.message)

    def _maybe_evict(self, pod: Object) -> None:
        """Take a pod off a node whose NoExecute taints it does not tolerate (any longer), or that is no more."""
        node = self._registry.store.get(NODES, "", pod["spec"]["nodeName"])
        if node is None:
            collect_orphan(self._registry, pod)
            return
        left = seconds_left(pod, node)
        if left <= 0:
            evict(self._registry, pod)
        elif left < float("inf"):
            asyncio.get_running_loop().call_later(left, self._dirty.set)

    def _guarded(self, step: Callable[[], None], obj: Object) -> None:
        """A refusal concerns one object only: note it there, wait with it and go on with the others."""
        held = self._refused.get(uid_of(obj))
        if held and held.obj is obj and time.monotonic() < held.until:
            return
        try:
            step()
            self._refused.pop(uid_of(obj), None)
        except Refusal as refusal:
            _LOG.warning("%s %s/%s: %s", obj["kind"], namespace_of(obj), name_of(obj), refusal.message)
            record(self._registry, obj, "FailedCreate", f"Error creating: {refusal.message}", warning=True)
            self._wait_with(obj)
        except Exception:
            # The boundary: validation is partial, and one object of an odd shape must not stop all the others.
            _LOG.exception("%s %s/%s can't be reconciled", obj["kind"], namespace_of(obj), name_of(obj))

    def _wait_with(self, obj: Object) -> None:
        held = self._refused.get(uid_of(obj))
        delay = min(2 * held.delay, _LAST_RETRY_SECONDS) if held else _FIRST_RETRY_SECONDS
        self._refused[uid_of(obj)] = _Wait(obj, time.monotonic() + delay, delay)
        asyncio.get_running_loop().call_later(delay, self._dirty.set)
