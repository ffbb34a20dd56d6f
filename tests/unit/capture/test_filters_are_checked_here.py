"""A filter is compiled before any pod is touched; names are never looked up from where we run."""

import subprocess
import time
from typing import Any

import pytest

from workers.capture import filters
from workers.contract.errors import BadFilter, ThreadcapError

GOOD = [
    "port 443",
    "tcp port http or udp port 53",
    "portrange 8000-8080",
    "host 192.0.2.7 and not port 22",
    "net 198.18.0.0/15",
    "src net 192.0.2.0 mask 255.255.255.0",
    "host 2001:db8::1",
    "ip6 net 2001:db8::/32",
    "tcp[tcpflags] & (tcp-syn|tcp-rst) != 0",
    "tcp[13] & 7!=0 and len <= 100",
    "ip[2:2] - ((ip[0]&0xf)<<2) > 20",
    "icmp[icmptype] = icmp-echo or icmp6",
    "(tcp or udp) and greater 100",
    "ip proto 47 or proto \\tcp",
    "not (host 192.0.2.1 or host 192.0.2.2)",
]
NAMES = [
    "host payments",
    "host evil.example",
    "src host payments.shop.svc",
    "net backbone",
    "gateway router",
    "port 80 and evil.example",
    "host \\tcp",
    "host tcp-evil",
    "host icmp-evil",
    "payments",
    "-w /tmp/x",
    "--version",
    "-r x",
    "-zreboot",
    "host 192.0.2.1 evil",
    "proto 192.0.2.1 evil.example",
    "host 1-2",
]
WRONG = ["port", "tcp and", "port 99999", "host 300.1.1.1", "((tcp)", "-1", "&&", "port 80 81"]


@pytest.mark.parametrize("expression", GOOD)
def test_accepted(expression: str) -> None:
    filters.check(expression, "any")


def test_nothing_is_a_filter_too() -> None:
    filters.check("", "any")


@pytest.mark.parametrize("expression", NAMES)
def test_names_are_refused_before_libpcap_sees_them(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("libpcap was asked")

    monkeypatch.setattr(subprocess, "Popen", never)
    with pytest.raises(BadFilter, match="names are not looked up"):
        filters.check(expression, "any")


@pytest.mark.parametrize("expression", WRONG)
def test_what_does_not_compile_is_explained(expression: str) -> None:
    with pytest.raises(BadFilter, match="not a filter tcpdump understands") as caught:
        filters.check(expression, "any")
    assert "tcpdump:" not in caught.value.user_message


def test_ethernet_words_depend_on_the_link() -> None:
    for expression in ("ether host 02:00:00:00:00:01", "vlan 7"):
        filters.check(expression, "eth0")
        with pytest.raises(BadFilter, match="-i eth0"):
            filters.check(expression, "any")


def test_too_long_is_refused_at_once() -> None:
    with pytest.raises(BadFilter, match="10000000 characters"):
        filters.check("x" * 10_000_000, "any")


def test_time_is_limited(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    slow = tmp_path / "tcpdump"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(filters, "COMPILE_SECONDS", 1)
    monkeypatch.setattr(filters, "PROGRAM", str(slow))
    began = time.monotonic()
    with pytest.raises(BadFilter, match="too long to compile"):
        filters.check("port 80", "any")
    assert time.monotonic() - began < 20


def test_no_compiler_is_not_the_persons_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "PROGRAM", "/nonexistent/tcpdump")
    with pytest.raises(ThreadcapError) as caught:
        filters.check("port 80", "any")
    assert "no tcpdump" in caught.value.user_message
    assert not isinstance(caught.value, BadFilter)
