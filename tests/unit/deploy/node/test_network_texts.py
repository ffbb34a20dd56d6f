"""The texts the node hands to nft, dnsmasq and resolvers."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.playground.cluster.node import faults, sandbox, services, streaming

NETWORKS = ("198.19.0.0/16", "2001:db8:ffff::/112")


def service(*backends: dict[str, Any], ips: tuple[str, ...] = ("198.19.0.20",)) -> dict[str, Any]:
    port = {"port": 80, "protocol": "TCP", "backends": list(backends)}
    return {"name": "web", "namespace": "shop", "clusterIPs": list(ips), "ports": [port]}


def test_backends_are_chosen_at_random_by_family() -> None:
    backends = [{"ip": ip, "port": 8080} for ip in ("198.18.1.2", "198.18.1.3", "2001:db8:1::2")]
    text = services.ruleset([service(*backends, ips=("198.19.0.20", "2001:db8:ffff::20"))], NETWORKS)
    assert (
        "ip daddr 198.19.0.20 tcp dport 80 dnat ip to numgen random mod 2 "
        "map { 0 : 198.18.1.2 . 8080, 1 : 198.18.1.3 . 8080 }"
    ) in text
    assert "ip6 daddr 2001:db8:ffff::20 tcp dport 80 dnat ip6 to numgen random mod 1" in text


def test_headless_services_and_ports_without_backends_have_no_rule() -> None:
    text = services.ruleset([service(ips=("None",)), service()], NETWORKS)
    assert "dnat ip to" not in text
    assert "reject with icmpx port-unreachable" in text


@pytest.mark.parametrize("bad", ["198.19.0.20; flush ruleset", "x"])
def test_words_that_are_no_address_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        services.ruleset([service({"ip": "198.18.1.2", "port": 1}, ips=(bad,))], NETWORKS)
    with pytest.raises(ValueError, match="does not appear to be"):
        services.ruleset([service({"ip": bad, "port": 1})], NETWORKS)


def test_hosts_file_has_sorted_lines_and_refuses_odd_names() -> None:
    text = services.hosts_file({"b.shop.svc": ["198.19.0.2"], "a.shop.svc": ["198.19.0.1", "2001:db8::1"]})
    assert text == "198.19.0.1 a.shop.svc\n2001:db8::1 a.shop.svc\n198.19.0.2 b.shop.svc\n"
    with pytest.raises(ValueError, match="is no host name"):
        services.hosts_file({"a\nb": ["198.19.0.1"]})


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ({"kind": "drop", "port": 8080}, "th dport 8080 drop"),
        ({"kind": "refuse", "port": 8080}, "(syn | ack) == syn reject with tcp reset"),
        ({"kind": "reset", "port": 8080}, "psh == psh reject with tcp reset"),
    ],
)
def test_fault_rules(fault: dict[str, Any], rule: str) -> None:
    assert rule in faults.ruleset(faults.check(fault))


def test_none_and_delay_take_the_rules_away() -> None:
    for fault in ({"kind": "none"}, {"kind": "delay", "delayMs": 800}):
        assert "chain" not in faults.ruleset(faults.check(fault))
    assert faults.check({"kind": "delay", "delayMs": 800})["delayMs"] == 800


@pytest.mark.parametrize(
    "fault", [{"kind": "melt"}, {"kind": "drop"}, {"kind": "drop", "port": "x"}, {"kind": "drop", "port": 70000}]
)
def test_faults_that_make_no_sense(fault: dict[str, Any]) -> None:
    with pytest.raises(faults.FaultError):
        faults.check(fault)


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "shop"}, "spec": spec}


def test_resolv_conf_by_policy() -> None:
    assert sandbox.resolv_conf(pod()).splitlines() == [
        "search shop.svc.cluster.local svc.cluster.local cluster.local",
        "nameserver 198.19.0.10",
        "options ndots:5",
    ]
    assert sandbox.resolv_conf(pod(dnsPolicy="Default")) == ""
    own = {"nameservers": ["198.19.0.11"], "searches": ["x"], "options": [{"name": "ndots", "value": "1"}]}
    assert sandbox.resolv_conf(pod(dnsPolicy="None", dnsConfig=own)) == (
        "search x\nnameserver 198.19.0.11\noptions ndots:1\n"
    )


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("", None),
        ("v4.channel.k8s.io", "v4.channel.k8s.io"),
        ("v4.channel.k8s.io, v5.channel.k8s.io", "v5.channel.k8s.io"),
        ("x, v4.channel.k8s.io", "v4.channel.k8s.io"),
    ],
)
def test_protocol_choice(offered: str, chosen: str | None) -> None:
    assert streaming.choose_protocol(offered) == chosen
    with pytest.raises(streaming.Refused):
        streaming.choose_protocol("channel.k8s.io")
