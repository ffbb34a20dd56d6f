"""The playground's Kubernetes: an API server on loopback and one node with real pods.

In: HTTPS requests of any Kubernetes client. Out: what a 1.34 API server answers, as far as our code, the scene
and everyday kubectl reach. The server knows nothing of Threadcap, and Threadcap nothing of it. What may not
live here: images, the scene, the node's inner workings (package `node`).

kmock was judged for the resource API: it keeps objects, but has no selectors, versions that conflict, patches
other than merge, RBAC, tables or expiring watches, which is most of what is here.
"""

from .cluster import FAULTS, Cluster, ClusterSettings
from .credentials import Kubeconfig

__all__ = ["FAULTS", "Cluster", "ClusterSettings", "Kubeconfig"]
