"""Services -> EndpointSlices, and what the nodes need of both: forwarding table and DNS records."""

from __future__ import annotations

from typing import Any

from .objects import (
    Object,
    controller_of,
    is_deleting,
    is_ready,
    name_of,
    namespace_of,
    owner_reference,
    random_suffix,
    uid_of,
)
from .registry import Registry
from .resources import ENDPOINTSLICES, PODS, SERVICES
from .selectors import label_selector
from .store import Store

_SERVICE_NAME = "kubernetes.io/service-name"
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_DOMAIN = "svc.cluster.local"


def sync_service(registry: Registry, service: Object) -> None:
    """One slice a service with a selector; written only when it differs."""
    selector = service["spec"].get("selector")
    if not selector or is_deleting(service):
        return
    matches = label_selector({"matchLabels": selector})
    pods = [
        pod
        for pod in registry.store.all(PODS, namespace_of(service))
        if matches(pod["metadata"].get("labels") or {}) and _address(pod)
    ]
    pods = [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]
    content = {
        "addressType": "IPv4",
        "endpoints": [_endpoint(pod) for pod in pods],
        "ports": [_slice_port(port, pods) for port in service["spec"].get("ports") or ()],
    }
    existing = next(iter(slices_of(registry.store, service)), None)
    if existing is None:
        registry.create(ENDPOINTSLICES, namespace_of(service), _slice_metadata(service) | content)
    else:
        change = lambda obj: obj | content  # noqa: E731
        registry.update(ENDPOINTSLICES, namespace_of(service), name_of(existing), change)


def slices_of(store: Store, service: Object) -> list[Object]:
    return [
        entry
        for entry in store.all(ENDPOINTSLICES, namespace_of(service))
        if (controller_of(entry) or {}).get("uid") == uid_of(service)
    ]


def _address(pod: Object) -> str:
    return str(pod.get("status", {}).get("podIP") or "")


def _slice_metadata(service: Object) -> Object:
    labels = {**(service["metadata"].get("labels") or {}), _SERVICE_NAME: name_of(service)}
    labels[_MANAGED_BY] = "endpointslice-controller.k8s.io"
    metadata = {
        "name": f"{name_of(service)}-{random_suffix()}",
        "generateName": f"{name_of(service)}-",
        "labels": labels,
        "ownerReferences": [owner_reference(service)],
    }
    return {"metadata": metadata}


def _endpoint(pod: Object) -> Object:
    leaving, ready = is_deleting(pod), is_ready(pod)
    target = {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)}
    return {
        "addresses": [_address(pod)],
        "conditions": {"ready": ready and not leaving, "serving": ready, "terminating": leaving},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": target,
    }


def _slice_port(port: Object, pods: list[Object]) -> Object:
    wanted = port.get("targetPort") or port["port"]
    number = wanted if isinstance(wanted, int) else _named_port(str(wanted), pods)
    entry: Object = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP")}
    return entry | ({"port": number} if number is not None else {})


def _named_port(name: str, pods: list[Object]) -> int | None:
    """The number behind a port's name, from the first pod that knows it."""
    if name.isdigit():
        return int(name)
    ports = (port for pod in pods for container in pod["spec"]["containers"] for port in container.get("ports") or ())
    return next((int(port["containerPort"]) for port in ports if port.get("name") == name), None)


def node_services(store: Store) -> Object:
    """The body of an agent's PUT /services."""
    services, dns = [], dict[str, list[str]]()
    for service in store.all(SERVICES):
        slices = slices_of(store, service)
        ready = [e for entry in slices for e in entry["endpoints"] if e["conditions"]["ready"]]
        host = f"{name_of(service)}.{namespace_of(service)}.{_DOMAIN}"
        if service["spec"].get("clusterIP") == "None":
            dns[host] = [address for endpoint in ready for address in endpoint["addresses"]]
            dns |= _pod_names(store, service, host, ready)
        elif service["spec"].get("clusterIP"):
            dns[host] = list(service["spec"]["clusterIPs"])
            services.append(_forwarding(service, slices, ready))
    return {"services": services, "dns": dns}


def _pod_names(store: Store, service: Object, host: str, ready: list[Object]) -> dict[str, list[str]]:
    """Names of a headless service's pods that have a hostname (StatefulSets)."""
    named = {}
    for endpoint in ready:
        pod = store.get(PODS, namespace_of(service), endpoint["targetRef"]["name"])
        if pod and pod["spec"].get("hostname") and pod["spec"].get("subdomain") == name_of(service):
            named[f"{pod['spec']['hostname']}.{host}"] = list(endpoint["addresses"])
    return named


def _forwarding(service: Object, slices: list[Object], ready: list[Object]) -> Object:
    targets = {p["name"]: p.get("port") for entry in slices for p in entry["ports"]}
    ports: list[Any] = []
    for port in service["spec"].get("ports") or ():
        number = targets.get(port.get("name", ""))
        addresses = [address for endpoint in ready for address in endpoint["addresses"]] if number else []
        ports.append(
            {
                "port": port["port"],
                "protocol": port.get("protocol", "TCP"),
                "backends": [{"ip": address, "port": number} for address in addresses],
            }
        )
    return {
        "name": name_of(service),
        "namespace": namespace_of(service),
        "clusterIPs": list(service["spec"]["clusterIPs"]),
        "ports": ports,
    }
