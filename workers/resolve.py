"""From a spec to the pods it means: every target looked up, what runs chosen, both ends narrowed to each other."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from workers.capture.cluster import Cluster
from workers.capture.own_traffic import without_ours
from workers.capture.targets import KUBELET_PORT, PodInfo, Target, capped, choose
from workers.contract.errors import TargetNotFound
from workers.contract.limits import Limits
from workers.contract.spec import CaptureSpec, Mode, TargetRef

MAX_HOSTS = 100
"""Addresses a filter names at most; libpcap compiles that in milliseconds."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What will be captured, and what people should know about it."""

    targets: tuple[Target, ...]
    notes: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    """uids of all pods that matched and ran, those beyond the cap, too."""


def resolve(spec: CaptureSpec, cluster: Cluster, limits: Limits) -> Resolved:
    """Look every target up. Raises TargetNotFound, ClusterForbidden, ClusterUnavailable."""
    found: list[Target] = []
    notes: list[str] = []
    for end, reference in enumerate(spec.targets):
        one = alone(spec, reference)
        targets, said = choose(one, cluster.pods(one), end)
        found += targets
        notes += said
    kept, said = capped(found, min(spec.max_pods or limits.max_pods, limits.max_pods))
    if spec.mode is Mode.BETWEEN:
        addresses = [_addresses(kept, end, cluster) for end in (0, 1)]
        kept = narrowed(kept, addresses)
        said += [_cut(len(those)) for those in addresses if len(those) > MAX_HOSTS]
    known = frozenset(one.pod.uid for one in found)
    return Resolved(tuple(_without_ours(one, spec, cluster) for one in kept), (*notes, *said), known)


def _without_ours(target: Target, spec: CaptureSpec, cluster: Cluster) -> Target:
    """Leave our own traffic out where it would be seen."""
    if not target.pod.host_network:
        return target
    node = cluster.node(target.pod.node) if target.pod.node else None
    port = node.kubelet_port if node is not None else KUBELET_PORT
    return without_ours(target, spec.interface, cluster.own_address(), port)


def running(spec: CaptureSpec, cluster: Cluster) -> list[Target]:
    """Return every pod the spec means that runs now; one of its targets may have none. Raises ClusterForbidden, …"""
    found: list[Target] = []
    for end, reference in enumerate(spec.targets):
        one = alone(spec, reference)
        with contextlib.suppress(TargetNotFound):
            found += choose(one, cluster.pods(one), end)[0]
    once = list({target.key: target for target in reversed(found)}.values())[::-1]
    if spec.mode is Mode.BETWEEN and len({one.end for one in once}) == 2:
        return narrowed(once, [_addresses(once, end, cluster) for end in (0, 1)])
    return [] if spec.mode is Mode.BETWEEN else once


def alone(spec: CaptureSpec, reference: TargetRef) -> CaptureSpec:
    """Return the spec with one of its targets only, in that target's namespace."""
    return replace(spec, target=reference, others=(), namespace=spec.namespace_of(reference))


def narrowed(targets: Sequence[Target], addresses: Sequence[Sequence[str]]) -> list[Target]:
    """Give each target of a pair the filter that matches what it says to the other end, and hears from it.

    `addresses[end]` are those of an end. Raises TargetNotFound when both ends are the same pods.
    """
    if len({target.end for target in targets}) < 2:
        raise TargetNotFound("Both ends are the same pods. Name two that talk to each other.")
    return [replace(one, filter=_between(one.filter, addresses[1 - one.end])) for one in targets]


def _cut(addresses: int) -> str:
    return f"One end has {addresses} addresses; what the other one says to more than {MAX_HOSTS} of them is left out."


def _between(expression: str, others: Sequence[str]) -> str:
    hosts = " or ".join(f"host {address}" for address in others[:MAX_HOSTS])
    return f"({hosts}) and ({expression})" if expression else hosts


def _addresses(targets: Sequence[Target], end: int, cluster: Cluster) -> list[str]:
    """Every address an end may be spoken to by: its pods' own, and the virtual ones of services before them."""
    pods: list[PodInfo] = [one.pod for one in targets if one.end == end]
    own = [address for pod in pods for address in pod.ips]
    virtual = cluster.service_ips([pod for pod in pods if not pod.is_node])
    return list(dict.fromkeys([*own, *virtual]))
