"""Pure: Services -> nftables script (DNAT with random backends) and the DNS pods' hosts file."""

from __future__ import annotations

import ipaddress

from .process import Json

TABLE = "threadcap_services"


def ruleset(services: list[Json], networks: tuple[str, str]) -> str:
    """The whole NAT table as one atomic script.

    A service port without backends is refused at once, as kube-proxy does. A pod that reaches itself
    through its own service is masqueraded, since it would drop packets from its own address.
    """
    rules = [line for service in services for line in _service_rules(service)]
    pods = sorted({backend["ip"] for service in services for backend in _backends(service)})
    v4 = [ip for ip in pods if ":" not in ip]
    v6 = [ip for ip in pods if ":" in ip]
    lines = [f"table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
    lines += [_pairs("hairpin4", "ipv4_addr", v4), _pairs("hairpin6", "ipv6_addr", v6)]
    lines += ["chain services {", *rules, "}"]
    lines += ["chain prerouting { type nat hook prerouting priority -100; jump services; }"]
    lines += ["chain output { type nat hook output priority -100; jump services; }"]
    lines += ["chain postrouting { type nat hook postrouting priority 100;"]
    lines += ["ct status dnat ip saddr . ip daddr @hairpin4 masquerade"]
    lines += ["ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade", "}"]
    lines += ["chain unanswered {", f"ip daddr {networks[0]} reject with icmpx port-unreachable"]
    lines += [f"ip6 daddr {networks[1]} reject with icmpx port-unreachable", "}"]
    lines += ["chain forward { type filter hook forward priority 0; jump unanswered; }"]
    # IPv6 has no send_redirects to turn off, and every hop of ours leaves by the way it came.
    lines += ["chain local { type filter hook output priority 0;", "icmpv6 type nd-redirect drop"]
    lines += ["jump unanswered", "}", "}"]
    return "\n".join(lines) + "\n"


def hosts_file(records: dict[str, list[str]]) -> str:
    """hosts(5) lines, one a name and address."""
    lines = [f"{ipaddress.ip_address(ip)} {_host_name(name)}" for name, ips in sorted(records.items()) for ip in ips]
    return "".join(f"{line}\n" for line in lines)


def _host_name(name: str) -> str:
    if not name.replace(".", "").replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"{name!r} is no host name")
    return name


def _backends(service: Json) -> list[Json]:
    return [backend for port in service.get("ports", []) for backend in port.get("backends") or []]


def _pairs(name: str, kind: str, ips: list[str]) -> str:
    elements = ", ".join(f"{ip} . {ip}" for ip in ips)
    content = f"elements = {{ {elements} }};" if ips else ""
    return f"set {name} {{ type {kind} . {kind}; {content} }}"


def _service_rules(service: Json) -> list[str]:
    rules = []
    for cluster_ip in service.get("clusterIPs", []):
        if cluster_ip in ("None", ""):
            continue
        family = ipaddress.ip_address(cluster_ip).version
        for port in service.get("ports", []):
            rules += _port_rule(family, cluster_ip, port)
    return rules


def _port_rule(family: int, cluster_ip: str, port: Json) -> list[str]:
    backends = [b for b in port.get("backends") or [] if ipaddress.ip_address(b["ip"]).version == family]
    if not backends:
        return []
    word = "ip" if family == 4 else "ip6"
    protocol = "udp" if port.get("protocol") == "UDP" else "tcp"
    choices = ", ".join(f"{n} : {b['ip']} . {int(b['port'])}" for n, b in enumerate(backends))
    match = f"{word} daddr {cluster_ip} {protocol} dport {int(port['port'])}"
    return [f"{match} dnat {word} to numgen random mod {len(backends)} map {{ {choices} }}"]
