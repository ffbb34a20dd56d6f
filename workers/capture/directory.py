"""Who has which address: pods and services out of the API's own JSON lists, for naming. Pure but for a lock.

The client's models take 6 ms of CPU a pod (measured, kubernetes 37.0.2), half a minute for 5,000 pods at the end of
every capture; naming needs five fields, and JSON alone takes a twentieth.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from workers.capture.targets import PodInfo, ServiceInfo

T = TypeVar("T")
ENDED = frozenset({"Succeeded", "Failed"})
"""Phases in which a pod still shows its last address though another pod may have it by now."""


def addressed_pods(items: Iterable[Mapping[str, Any]]) -> list[PodInfo]:
    """Return the pods of a PodList's `items` that hold addresses, or held them until they ended at a known time.

    What naming does not need is left out.
    """
    pods = [_pod(item) for item in items]
    return [pod for pod in pods if pod.phase not in ENDED or pod.ended]


def services(items: Iterable[Mapping[str, Any]]) -> list[ServiceInfo]:
    """Return the services of a ServiceList's `items` with their virtual and external addresses."""
    return [_service(item) for item in items]


def _pod(item: Mapping[str, Any]) -> PodInfo:
    meta, spec, status = item.get("metadata") or {}, item.get("spec") or {}, item.get("status") or {}
    ips = [entry.get("ip") for entry in status.get("podIPs") or ()] or [status.get("podIP")]
    return PodInfo(
        namespace=meta.get("namespace", ""),
        name=meta.get("name", ""),
        node=spec.get("nodeName") or "",
        phase=status.get("phase") or "",
        ips=tuple(ip for ip in ips if ip),
        host_network=bool(spec.get("hostNetwork")),
        started=_seconds(status.get("startTime")),
        ended=_ended(status) if status.get("phase") in ENDED else 0.0,
    )


def _ended(status: Mapping[str, Any]) -> float:
    """When the last of its containers ended; 0 when it never says."""
    states = [(one.get("state") or {}).get("terminated") or {} for one in status.get("containerStatuses") or ()]
    return max((_seconds(state.get("finishedAt")) for state in states), default=0.0)


def _seconds(time: str | None) -> float:
    """A time of the API (RFC 3339, UTC) as epoch seconds; 0 for none, or what is no time."""
    try:
        return datetime.fromisoformat(time or "").timestamp()
    except ValueError:
        return 0.0


def _service(item: Mapping[str, Any]) -> ServiceInfo:
    meta, spec = item.get("metadata") or {}, item.get("spec") or {}
    ingress = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    every = spec.get("clusterIPs") or [spec.get("clusterIP")]
    ips = [*every, *(spec.get("externalIPs") or ()), *(entry.get("ip") for entry in ingress)]
    return ServiceInfo(meta.get("namespace", ""), meta.get("name", ""), tuple(ip for ip in ips if ip and ip != "None"))


class Shared(Generic[T]):
    """A value made by one thread at a time and good for `seconds`: captures that end together list once."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, T]] = {}

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return the value of `key`, made anew when it is old. Errors of `make` are raised and not kept."""
        with self._lock:
            now = self._clock()
            self._kept = {name: kept for name, kept in self._kept.items() if kept[0] > now}
            if key not in self._kept:
                self._kept[key] = (self._clock() + self._seconds, make())
            return self._kept[key][1]
