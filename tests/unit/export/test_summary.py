"""The figures at the top of the JSON: their keys and types are a promise, each is explained, sums are sums."""

import json
from typing import Any

import pytest

from tests.unit.analysis.captures import (
    ACK,
    PSH,
    RST,
    SYN,
    Pcap,
    Tcp,
    analyse,
    dns,
    needs_pcaps,
    shared,
    shared_facts,
    udp,
)
from tests.unit.findings.cases import SPEC, target
from workers.contract.facts import Facts, TlsFacts
from workers.export import report_json
from workers.export import summary as module
from workers.export.summary import summary
from workers.report import build

NUMBER, NAMES = "number", "map of names to numbers"
HANDSHAKES = dict.fromkeys(["complete", "unanswered", "refused", "half_open", "unseen"], NUMBER)
TCP = (
    "connections syn_unanswered syn_unjudged retransmissions fast_retransmissions spurious_retransmissions out_of_order"
    " lost_segments duplicate_acks zero_windows zero_window_probes window_full keep_alives acked_unseen resets"
).split(" ")
SCHEMA: dict[str, Any] = {
    "packets": NUMBER,
    "bytes": NUMBER,
    "captured_bytes": NUMBER,
    "cut_packets": NUMBER,
    "duration_s": "seconds",
    "link_types": "list of numbers",
    "truncated": "flag",
    "tcp": dict.fromkeys(TCP, NUMBER) | {"handshakes": HANDSHAKES},
    "dns": {"queries": NUMBER, "responses": NUMBER, "rcodes": NAMES, "unanswered": NUMBER, "unjudged": NUMBER},
    "http": {"requests": NUMBER, "responses": NUMBER, "status": NAMES},
    "tls": {
        "client_hellos": NUMBER,
        "server_hellos": NUMBER,
        "sni": NAMES,
        "versions": NAMES,
        "alerts": NUMBER,
        "certificates": NUMBER,
    },
}
"""Changing or removing a line here breaks scripts: then REPORT_SCHEMA must grow. Adding one does not."""


def shape(value: Any) -> Any:
    """What SCHEMA says of a value."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return NUMBER
    if isinstance(value, float):
        return "seconds"
    if isinstance(value, list):
        assert all(shape(item) == NUMBER for item in value)
        return "list of numbers"
    return {key: shape(item) for key, item in value.items()}


def fits(value: dict[str, Any], schema: dict[str, Any]) -> None:
    """Compare with SCHEMA, maps of any names included."""
    assert value.keys() == schema.keys()
    for key, expected in schema.items():
        if expected == NAMES:
            assert set(shape(value[key]).values()) <= {NUMBER}, key
        elif isinstance(expected, dict):
            fits(value[key], expected)
        else:
            assert shape(value[key]) == expected, key


def _small() -> Pcap:
    pcap = Pcap(snaplen=200)
    web = Tcp(pcap).handshake()
    request, response = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n", b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    web.send(0.1, "c", PSH | ACK, 1, 1, request).send(0.2, "s", PSH | ACK, 1, 1 + len(request), response)
    web.send(0.9, "c", PSH | ACK, 1, 1, request).send(1.0, "s", RST, 99)
    Tcp(pcap, 40_001).send(1.1, "c", SYN, 0).send(2.1, "c", SYN, 0)
    Tcp(pcap, 40_002).send(2.2, "c", SYN, 0).send(2.3, "s", RST | ACK, 0, 1)
    Tcp(pcap, 40_003).send(2.4, "c", ACK | PSH, 50, 60, bytes(300))
    pcap.add(2.5, udp("198.18.0.1", 5353 + 1, "198.18.0.3", 53, dns(7, "a.shop")))
    pcap.add(2.6, udp("198.18.0.3", 53, "198.18.0.1", 5353 + 1, dns(7, "a.shop", response=True, rcode=3)))
    pcap.add(2.7, udp("198.18.0.1", 6000, "198.18.0.3", 53, dns(8, "b.shop")))
    Tcp(pcap, 40_004).send(4.0, "c", SYN, 0)
    return pcap


def _json(*captures: bytes) -> dict[str, Any]:
    targets = [target(analyse(capture), pod=f"file-{n}") for n, capture in enumerate(captures)]
    told: dict[str, Any] = json.loads(b"".join(report_json(build("file", SPEC, targets, {}, 0.0))))
    return told


@pytest.mark.parametrize("facts", [[], [Facts()], [analyse(b"no capture")], [_small().facts()]], ids=range(4))
def test_keys_and_types_are_as_promised(facts: list[Facts]) -> None:
    fits(summary(facts), SCHEMA)


@needs_pcaps
@pytest.mark.parametrize("name", shared("anchors/*.pcap", "anchors/*.pcapng", "hostile/*")[::5])
def test_keys_and_types_hold_for_public_captures(name: str) -> None:
    fits(summary([shared_facts(name)]), SCHEMA)


def test_every_key_is_explained() -> None:
    def keys(schema: dict[str, Any]) -> list[str]:
        return [key for name, part in schema.items() for key in (name, *(keys(part) if isinstance(part, dict) else ()))]

    assert [key for key in keys(SCHEMA) if f"`{key}`" not in (module.__doc__ or "")] == []


def test_figures_of_a_small_capture() -> None:
    told = _json(_small().bytes())
    assert {key: told[key] for key in ("packets", "duration_s", "link_types", "truncated", "cut_packets")} == {
        "packets": 16,
        "duration_s": 4.0,
        "link_types": [1],
        "truncated": False,
        "cut_packets": 1,
    }
    assert told["bytes"] - told["captured_bytes"] == 54 + 300 - 200
    assert told["tcp"] == dict.fromkeys(TCP, 0) | {
        "connections": 5,
        "handshakes": {"complete": 1, "unanswered": 2, "refused": 1, "half_open": 0, "unseen": 1},
        "syn_unanswered": 2,
        "syn_unjudged": 1,
        "retransmissions": 2,
        "spurious_retransmissions": 1,
        "resets": 2,
    }
    assert told["dns"] == {"queries": 2, "responses": 1, "rcodes": {"NXDOMAIN": 1}, "unanswered": 1, "unjudged": 0}
    assert told["http"] == {"requests": 1, "responses": 1, "status": {"503": 1}}


def test_several_files_are_summed_and_each_has_its_own() -> None:
    one, other = _small().bytes(), Pcap(link_type=113).add(9.5, bytes(40)).add(8.0, bytes(40)).bytes()
    told = _json(one, other[:-1])
    assert told["packets"] == 17
    assert told["link_types"] == [1, 113]
    assert told["duration_s"] == 9.5
    assert told["truncated"] is True
    assert [part["summary"]["packets"] for part in told["targets"]] == [16, 1]
    assert [part["summary"]["truncated"] for part in told["targets"]] == [False, True]
    assert told["targets"][0]["summary"]["tcp"] == told["tcp"]
    for part in told["targets"]:
        fits(part["summary"], SCHEMA)


def test_a_target_without_facts_has_no_figures() -> None:
    told = json.loads(b"".join(report_json(build("abcdefgh", SPEC, [target(None)], {}, 0.0))))
    assert told["targets"][0]["summary"] is None
    assert told["packets"] == 0


def test_server_names_are_counted_and_bounded() -> None:
    facts = [Facts(tls=TlsFacts(names={"a.shop": 2, "b.shop": 1})) for _ in range(2)]
    assert summary(facts)["tls"]["sni"] == {"a.shop": 4, "b.shop": 2}
