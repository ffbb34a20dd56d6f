"""Cases for the rules, in as few words as they need: a checkout pod that calls payments, web and the cluster's DNS."""

import itertools
from collections.abc import Sequence
from typing import Any

from workers.contract.facts import (
    Conversation,
    DnsFacts,
    DnsName,
    Facts,
    HttpFacts,
    HttpGroup,
    Reset,
    Spread,
    Tally,
    TcpFacts,
    TlsFacts,
    TlsHandshake,
)
from workers.contract.report import CaptureOutcome, Finding, Named, TargetResult
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.findings import Case, find

START, END = 1_795_300_000.0, 1_795_300_030.0
CHECKOUT, CHECKOUT_B, PAYMENTS, DNS = "198.19.1.4", "198.19.1.5", "198.18.7.1", "198.18.0.10"
SPEC = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "checkout"), "shop")
NAMES = {
    PAYMENTS: Named("service", "payments", "shop"),
    "198.19.3.4": Named("pod", "payments-6c4d-aaaaa", "shop"),
    DNS: Named("service", "dns", "kube-system"),
}

_ids = itertools.count(1)


def tally(count: int) -> Tally:
    return Tally(count, tuple(range(1, min(count, 20) + 1)))


def spread(p50: float, p95: float = 0.0, count: int = 50) -> Spread:
    return Spread(count, p50 / 2, p50, max(p50, p95), max(p50, p95))


def talk(
    server: str = PAYMENTS, port: int = 8080, client: str = CHECKOUT, at: float = START + 5, **tcp: Any
) -> Conversation:
    """A conversation, healthy unless `tcp` says otherwise; packets and payload follow from its handshake."""
    nth = next(_ids)
    about: dict[str, Any] = {
        "handshake": "complete",
        "syns": tally(1),
        "server_rtt": 0.0004,
        "handshake_rtt": 0.0005,
        **tcp,
    }
    answered = about["handshake"] not in ("unanswered", "half-open", "refused")
    sizes: dict[str, Any] = {"client_packets": 6, "server_packets": 5, "client_payload": 200, "server_payload": 900}
    if not answered:
        sizes = {"client_packets": about["syns"].count, "server_packets": int(about["handshake"] != "unanswered")}
    sizes |= {key: about.pop(key) for key in list(about) if key in Conversation.__struct_fields__ and key != "tcp"}
    sizes.setdefault("last_at", at + 1)
    return Conversation(nth, "tcp", client, 40_000 + nth, server, port, at, tcp=TcpFacts(**about), **sizes)


def silent(count: int, **about: Any) -> list[Conversation]:
    return [talk(handshake="unanswered", syns=tally(2), **about) for _ in range(count)]


def healthy(count: int, **about: Any) -> list[Conversation]:
    return [talk(**about) for _ in range(count)]


def reset(stage: str, by: str = "server", frame: int = 9) -> tuple[Reset, ...]:
    return (Reset(frame, by, stage, 0.2),)


def http(requests: int, p50: float = 0.01, p95: float = 0.02, **about: Any) -> HttpGroup:
    errors, unanswered = about.pop("errors", 0), about.pop("unanswered", 0)
    statuses = about.pop("statuses", {"200": requests - errors - unanswered} | ({"503": errors} if errors else {}))
    values: dict[str, Any] = {
        "server": PAYMENTS,
        "server_port": 8080,
        "host": "payments",
        "method": "POST",
        "path": "/charge",
    }
    values |= about
    answered = requests - unanswered
    return HttpGroup(
        **values,
        requests=tally(requests),
        statuses=statuses,
        errors=tally(errors),
        unanswered=tally(unanswered),
        latency=spread(p50, p95, answered) if answered else Spread(),
        slowest_frame=7,
    )


def dns(name: str, queries: int = 1, p50: float = 0.001, qtype: str = "A", **about: Any) -> DnsName:
    unanswered = about.pop("unanswered", 0)
    rcodes = about.pop("rcodes", {"NOERROR": queries - unanswered} if queries > unanswered else {})
    answered = sum(rcodes.values())
    return DnsName(
        name,
        qtype,
        about.pop("server", DNS),
        about.pop("client", CHECKOUT),
        tally(queries),
        answered,
        tally(unanswered),
        rcodes=rcodes,
        latency=spread(p50, p50 * 2, answered) if answered else Spread(),
        **about,
    )


def facts(
    flows: Sequence[Conversation] = (),
    webs: Sequence[HttpGroup] = (),
    names: Sequence[DnsName] = (),
    hellos: Sequence[TlsHandshake] = (),
    **about: Any,
) -> Facts:
    packets = sum(f.client_packets + f.server_packets for f in flows) + sum(2 * n.queries.count for n in names)
    requests = sum(g.requests.count for g in webs)
    responses = sum(sum(g.statuses.values()) for g in webs)
    values: dict[str, Any] = {
        "format": "pcap",
        "link_types": (276,),
        "packets": max(packets, 2 * requests),
        "first_at": START,
        "last_at": END,
        "conversations": tuple(flows),
        "http": HttpFacts(requests, responses, latency=spread(0.01, 0.02, responses), groups=tuple(webs)),
        "dns": DnsFacts(
            sum(n.queries.count for n in names),
            sum(n.answered for n in names),
            latency=spread(0.001, 0.002, 10),
            names=tuple(names),
        ),
        "tls": TlsFacts(tuple(hellos)),
    }
    return Facts(**(values | about))


def target(one: Facts | None, pod: str = "checkout-7d9f-x2z", ip: str = CHECKOUT, **about: Any) -> TargetResult:
    values: dict[str, Any] = {
        "node": "n1",
        "outcome": CaptureOutcome(complete=True, proved=True, packets=1000, received=1000),
    }
    return TargetResult("shop", pod, "app", pod_ips=(ip,), facts=one, **(values | about))


def judge(*targets: TargetResult | Facts, spec: CaptureSpec | None = SPEC) -> tuple[Finding, ...]:
    return find(Case(tuple(t if isinstance(t, TargetResult) else target(t) for t in targets), NAMES, spec))


def only(found: Sequence[Finding], rule: str) -> Finding:
    """The one finding of a rule."""
    matching = [finding for finding in found if finding.rule == rule]
    assert len(matching) == 1, [(f.rule, f.sentence) for f in found]
    return matching[0]


def rules(found: Sequence[Finding]) -> set[str]:
    return {finding.rule for finding in found}


def alarms(found: Sequence[Finding]) -> list[str]:
    """What would wake somebody."""
    return [f"{f.rule}: {f.sentence}" for f in found if f.severity in ("critical", "warning")]
