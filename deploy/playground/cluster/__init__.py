"""The playground's Kubernetes: an API server on loopback and nodes with real pods.

In: HTTPS requests of any Kubernetes client. Out: what a 1.34 API server answers, as far as our code, the scene
and everyday kubectl reach. The server knows nothing of Threadcap, and Threadcap nothing of it. What may not
live here: images, the scene, the node's inner workings (package `node`).

kmock was judged for the resource API: it keeps objects, but has no selectors, versions that conflict, patches
other than merge, RBAC, tables or expiring watches, which is most of what is here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cluster import FAULTS, Cluster, ClusterSettings
    from .credentials import Kubeconfig

__all__ = ["FAULTS", "Cluster", "ClusterSettings", "Kubeconfig"]

_HOMES = {"FAULTS": "cluster", "Cluster": "cluster", "ClusterSettings": "cluster", "Kubeconfig": "credentials"}


def __getattr__(name: str) -> object:
    """Import the server when it is asked for: the node's agent shares this package and needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
