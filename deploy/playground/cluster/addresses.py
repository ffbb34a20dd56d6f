"""ClusterIPs: given out from 198.19.0.0/16 as services are created."""

from __future__ import annotations

import ipaddress

from .errors import Refusal, invalid_value
from .errors import invalid as invalid_object
from .objects import Object, name_of
from .resources import SERVICES
from .store import Store

SERVICE_NETWORK = ipaddress.ip_network("198.19.0.0/16")
# The first 256 stay free for services that ask for an address of their own (the API server, DNS).
_FIRST_DYNAMIC = 256


def assign_cluster_ip(store: Store, service: Object) -> None:
    """Fill in clusterIP and clusterIPs of a new Service. Raises Refusal(422) when the wish can't be met."""
    spec = service["spec"]
    if spec["type"] == "ExternalName":
        return
    asked = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
    if asked != "None":
        taken = {held["spec"].get("clusterIP") for held in store.all(SERVICES)}
        asked = _checked(service, asked, taken) if asked else _free(taken)
    spec["clusterIP"], spec["clusterIPs"] = asked, [asked]


def _free(taken: set[str]) -> str:
    first = int(SERVICE_NETWORK.network_address) + _FIRST_DYNAMIC
    last = int(SERVICE_NETWORK.broadcast_address)
    for number in range(first, last):
        address = str(ipaddress.ip_address(number))
        if address not in taken:
            return address
    raise Refusal(500, "failed to allocate a serviceIP: range is full")


def _checked(service: Object, asked: str, taken: set[str]) -> str:
    why = ""
    if asked in taken:
        why = "provided IP is already allocated"
    elif not _within(asked):
        why = f"the provided IP ({asked}) is not in the valid range. The range of valid IPs is {SERVICE_NETWORK}"
    if why:
        cause = invalid_value("spec.clusterIPs", f'["{asked}"]', f"failed to allocate IP {asked}: {why}")
        raise invalid_object(SERVICES, name_of(service), [cause])
    return asked


def _within(text: str) -> bool:
    try:
        return ipaddress.ip_address(text) in SERVICE_NETWORK
    except ValueError:
        return False
