"""What addresses are called, from lists of the cluster's objects and from DNS answers in the traffic."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from workers.contract.facts import Facts
from workers.contract.report import Named


@dataclass(frozen=True, slots=True)
class Known:
    """One pod, service or node and its addresses, as the cluster lists it."""

    name: str
    ips: tuple[str, ...]
    namespace: str = ""


def resolve_names(
    pods: Iterable[Known] = (),
    services: Iterable[Known] = (),
    nodes: Iterable[Known] = (),
    facts: Iterable[Facts] = (),
) -> dict[str, Named]:
    """Map addresses to what they are.

    A node's address stays the node's though hostNetwork pods share it. A pod's or service's address that two
    objects claim (one ended, the next began) goes to the first in the list. Names from DNS answers fill what the
    cluster does not know: they are what the client believed, so they come last.
    """
    found: dict[str, Named] = {}
    for kind, items in (("node", nodes), ("service", services), ("pod", pods)):
        for item in items:
            for ip in item.ips:
                if ip and ip != "None":  # a headless service has the word instead of an address
                    found.setdefault(ip, Named(kind, item.name, item.namespace))
    for ip, name in _from_dns(facts):
        found.setdefault(ip, Named("dns", name))
    for ip in ("127.0.0.1", "::1"):
        found.setdefault(ip, Named("local", "localhost"))
    return found


def _from_dns(facts: Iterable[Facts]) -> Iterator[tuple[str, str]]:
    """Yield (address, name asked for) from answers to address queries."""
    for one in facts:
        for group in one.dns.names:
            if group.qtype in ("A", "AAAA") and group.rcodes.get("NOERROR", 0) > 0:
                for answer in group.answers:
                    if _is_address(answer):
                        yield answer, group.name.rstrip(".")


def _is_address(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()
