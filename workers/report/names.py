"""What addresses are called, from lists of the cluster's objects and from what the traffic says."""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from workers.contract.facts import Facts
from workers.contract.report import Former, Named
from workers.findings.naming import unported

MOST = 8
"""Further names of one address that are told."""


class Known(Struct, frozen=True):
    """One pod, service or node and its addresses, as the cluster lists it. Times are epoch seconds, 0 if not known."""

    name: str
    ips: tuple[str, ...]
    namespace: str = ""
    since: float = 0.0
    until: float = 0.0
    """When it ended: others may have its addresses by now."""


def resolve_names(
    pods: Iterable[Known] = (),
    services: Iterable[Known] = (),
    nodes: Iterable[Known] = (),
    facts: Iterable[Facts] = (),
) -> dict[str, Named]:
    """Map addresses to what they are.

    A node's address stays the node's though hostNetwork pods share it. A pod's or service's address that two
    objects claim goes to the first in the list; those that ended stand behind it as former owners, or alone where
    nobody took the address. Names from traffic fill what the cluster does not know, since they are only what clients
    believed: names asked in DNS first, then those put into TLS (SNI), then into HTTP (Host); of several the latest
    asked for, the others beside it.
    """
    found: dict[str, Named] = {}
    ended: dict[str, list[Former]] = {}
    for kind, items in (("node", nodes), ("service", services), ("pod", pods)):
        for item in items:
            for ip in item.ips:
                if not ip or ip == "None":  # a headless service has the word instead of an address
                    continue
                if item.until > 0:
                    ended.setdefault(ip, []).append(Former(kind, item.name, item.namespace, item.since, item.until))
                else:
                    found.setdefault(ip, Named(kind, item.name, item.namespace, item.since))
    for ip, owners in ended.items():
        found[ip] = _with_former(found.get(ip), sorted(owners, key=lambda one: -one.until))
    for ip, named in _from_traffic(list(facts)).items():
        found.setdefault(ip, named)
    for ip in ("127.0.0.1", "::1"):
        found.setdefault(ip, Named("local", "localhost"))
    return found


def _with_former(now: Named | None, owners: list[Former]) -> Named:
    if now is not None:
        return replace(now, former=tuple(owners))
    last = owners[0]
    return Named(last.kind, last.name, last.namespace, last.since, last.until, former=tuple(owners[1:]))


def _from_traffic(facts: list[Facts]) -> dict[str, Named]:
    """Names by address, from the best source that has any."""
    found: dict[str, Named] = {}
    for kind, pairs in (("dns", _from_dns(facts)), ("sni", _from_tls(facts)), ("host", _from_http(facts))):
        names: dict[str, dict[str, None]] = {}
        for ip, name in pairs:
            known = names.setdefault(ip, {})
            known.pop(name, None)
            known[name] = None
        for ip, known in names.items():
            latest, *others = reversed(known)
            found.setdefault(ip, Named(kind, latest, also=tuple(others[:MOST])))
    return found


def _from_dns(facts: list[Facts]) -> Iterator[tuple[str, str]]:
    """Yield (address, name asked for), the latest last."""
    for one in facts:
        for group in one.dns.names:
            if group.qtype in ("A", "AAAA") and group.rcodes.get("NOERROR", 0) > 0:
                for answer in group.answers:
                    if _is_address(answer):
                        yield answer, group.name.rstrip(".")
    for told in sorted((told for one in facts for told in one.dns.addresses), key=lambda told: told.at):
        yield told.address, told.name.rstrip(".")


def _from_tls(facts: list[Facts]) -> Iterator[tuple[str, str]]:
    """Yield (address, server name) of hellos whose conversation is known."""
    for one in facts:
        flows = {flow.id: flow for flow in one.conversations}
        for hello in one.tls.handshakes:
            if hello.sni and hello.conversation in flows:
                yield flows[hello.conversation].server, hello.sni.lower().rstrip(".")


def _from_http(facts: list[Facts]) -> Iterator[tuple[str, str]]:
    """Yield (address, host) of requests that name one."""
    for one in facts:
        for group in one.http.groups:
            if name := unported(group.host):
                yield group.server, name


def _is_address(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()
