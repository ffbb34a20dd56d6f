"""ResourceQuota, of pods by their number only: who is refused, and what a quota's status says.

Words are those of k8s.io/apiserver's resourcequota admission. Pods that have ended don't count.
"""

from __future__ import annotations

from . import errors
from .objects import Object, name_of, namespace_of, uid_of
from .resources import PODS, QUOTAS
from .store import Store

_KEYS = ("pods", "count/pods")


def admit(store: Store, pod: Object) -> None:
    """Raises Refusal(403) when one pod more is more than a quota of its namespace allows."""
    for quota in store.all(QUOTAS, namespace_of(pod)):
        for key, limit in _limits(quota).items():
            used = _used(store, quota, key)
            if used + 1 > int(limit):
                asked = f"requested: {key}=1, used: {key}={used}, limited: {key}={limit}"
                raise errors.forbidden(PODS, name_of(pod), f"exceeded quota: {name_of(quota)}, {asked}")


def status(store: Store, quota: Object) -> Object:
    """The status a quota has now."""
    hard = (quota.get("spec") or {}).get("hard") or {}
    return {"hard": hard, "used": {key: str(_used(store, quota, key)) for key in _limits(quota)}}


def _limits(quota: Object) -> dict[str, str]:
    hard = (quota.get("spec") or {}).get("hard") or {}
    return {key: str(value) for key, value in hard.items() if key in _KEYS}


def _used(store: Store, quota: Object, key: str) -> int:
    """`pods` counts those that may still run, `count/pods` all there are."""
    pods = store.all(PODS, namespace_of(quota))
    ended = {uid_of(pod) for pod in pods if pod["status"].get("phase") in ("Succeeded", "Failed")}
    return len(pods) - (len(ended) if key == "pods" else 0)
