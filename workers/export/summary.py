"""The figures at the top of the JSON, one file's or several files' together: what scripts read first.

Every key is always there. Numbers are whole, maps go from a name to a number and have only what was seen. Sums over
several files count what two of them show twice; each file's own figures are under its target. Names in brackets are
Wireshark's display filters, whose frame counts ours equal but for the differences listed in
tests/unit/analysis/test_against_tshark.py and tests/unit/export/test_summary_against_tshark.py.

- `packets`: records read from the file
- `bytes`: their lengths on the wire, link layer included, before any cut (capinfos: data size)
- `captured_bytes`: as many of them as are in the file
- `cut_packets`: packets that are shorter in the file than they were on the wire (snaplen)
- `duration_s`: seconds between the earliest and the latest packet, microseconds kept; of several files over all of them
- `link_types`: numbers of the tcpdump.org list, as the file declares them, each once
- `truncated`: true when a file ends in the middle of something or is damaged: the figures are of what is before it
- `tcp`
  - `connections`: conversations, those that began before the capture included (distinct tcp.stream). A SYN with
    another sequence number on known ports begins a new one; one that was idle and went on after 16,384 others
    counts again (then `notes` say so)
  - `handshakes`: the same by how far they came: `complete`, `unanswered`, `refused` (a RST or an ICMP error answers
    the SYN), `half_open` (a SYN-ACK, and no ACK of it), `unseen` (neither SYN nor SYN-ACK is in the capture)
  - `syn_unanswered`: connections whose SYN, sent once or often, has no answer of any kind in the capture
  - `syn_unjudged`: as many of those as were tried once, in the capture's last second: too early to tell
  - `retransmissions`: frames that send data again; fast and spurious ones included (tcp.analysis.retransmission)
  - `fast_retransmissions`: after two duplicate ACKs, within 20 ms of the last (tcp.analysis.fast_retransmission)
  - `spurious_retransmissions`: of data acknowledged before (tcp.analysis.spurious_retransmission)
  - `out_of_order`: late, but within the round trip (tcp.analysis.out_of_order)
  - `lost_segments`: frames before which data is missing in the capture (tcp.analysis.lost_segment)
  - `duplicate_acks` (tcp.analysis.duplicate_ack), `zero_windows` (tcp.analysis.zero_window)
  - `zero_window_probes`: a byte sent to learn whether such a window opened (tcp.analysis.zero_window_probe)
  - `window_full`: frames that fill the receiver's window, as far as its unit is known (tcp.analysis.window_full)
  - `keep_alives` (tcp.analysis.keep_alive)
  - `acked_unseen`: frames that acknowledge data which the capture lacks: it lost packets, not the network
  - `resets`: frames with RST (tcp.flags.reset); quoted in ICMP errors and inside tunnels, too, as all of these
- `dns`: port 53, UDP and TCP; no mDNS, no LLMNR
  - `queries`, `responses`: messages (dns.flags.response)
  - `rcodes`: responses by NOERROR, NXDOMAIN, ... (dns.flags.rcode)
  - `unanswered`: queries with no response in the capture; one sent again on the same port with the same id counts once
  - `unjudged`: as many of those as came in the capture's last second
- `http`: HTTP/1.x in the clear, on any port
  - `requests`, `responses`: messages whose head is in the capture, whether the body is or not
  - `status`: responses by their code, interim ones included (http.response.code)
- `tls`: on any port
  - `client_hellos`, `server_hellos`: messages (tls.handshake.type), HelloRetryRequests included
  - `sni`: ClientHellos by the server name they ask for; at most 256 names, further ones count as `other`
  - `versions`: handshakes by the version the server chose, such as `TLS 1.3`
  - `alerts`: frames with an alert, encrypted ones included (tls.alert_message)
  - `certificates`: frames that complete a Certificate message, clear up to TLS 1.2 (tls.handshake.certificate)
"""

from collections.abc import Iterable, Sequence
from typing import Any

from workers.contract.facts import Facts

_TCP = {
    "retransmissions": "retransmission",
    "fast_retransmissions": "fast_retransmission",
    "spurious_retransmissions": "spurious_retransmission",
    "out_of_order": "out_of_order",
    "lost_segments": "lost_segment",
    "duplicate_acks": "duplicate_ack",
    "zero_windows": "zero_window",
    "zero_window_probes": "zero_window_probe",
    "window_full": "window_full",
    "keep_alives": "keep_alive",
    "acked_unseen": "ack_lost_segment",
    "resets": "rst",
}
"""Key -> name in `Facts.counts`."""
_STAGES = ("complete", "unanswered", "refused", "half_open", "unseen")


def summary(facts: Sequence[Facts]) -> dict[str, Any]:
    """The figures of captures together, as documented above. Never raises on any facts."""
    seen = [one for one in facts if one.packets]
    duration = max((one.last_at for one in seen), default=0.0) - min((one.first_at for one in seen), default=0.0)
    return {
        "packets": sum(one.packets for one in facts),
        "bytes": sum(one.wire_bytes for one in facts),
        "captured_bytes": sum(one.captured_bytes for one in facts),
        "cut_packets": sum(one.cut_packets for one in facts),
        "duration_s": round(max(0.0, duration), 6),
        "link_types": list(dict.fromkeys(number for one in facts for number in one.link_types)),
        "truncated": any(one.error is not None for one in facts),
        "tcp": _tcp(facts),
        "dns": _dns(facts),
        "http": _http(facts),
        "tls": _tls(facts),
    }


def _counted(facts: Iterable[Facts], name: str) -> int:
    return sum(one.counts.get(name, 0) for one in facts)


def _added(maps: Iterable[dict[str, int]]) -> dict[str, int]:
    together: dict[str, int] = {}
    for one in maps:
        for name, number in one.items():
            together[name] = together.get(name, 0) + number
    return dict(sorted(together.items()))


def _tcp(facts: Sequence[Facts]) -> dict[str, Any]:
    handshakes = {stage: _counted(facts, f"tcp_{stage}") for stage in _STAGES}
    return {
        "connections": sum(handshakes.values()),
        "handshakes": handshakes,
        "syn_unanswered": handshakes["unanswered"],
        "syn_unjudged": _counted(facts, "tcp_unjudged"),
        **{key: _counted(facts, name) for key, name in _TCP.items()},
    }


def _dns(facts: Sequence[Facts]) -> dict[str, Any]:
    unjudged = _counted(facts, "dns_unjudged")
    return {
        "queries": sum(one.dns.queries for one in facts),
        "responses": sum(one.dns.responses for one in facts),
        "rcodes": _added(one.dns.rcodes for one in facts),
        "unanswered": sum(one.dns.unanswered.count for one in facts) + unjudged,
        "unjudged": unjudged,
    }


def _http(facts: Sequence[Facts]) -> dict[str, Any]:
    return {
        "requests": sum(one.http.requests for one in facts),
        "responses": sum(one.http.responses for one in facts),
        "status": _added(one.http.statuses for one in facts),
    }


def _tls(facts: Sequence[Facts]) -> dict[str, Any]:
    return {
        "client_hellos": sum(one.tls.client_hellos for one in facts),
        "server_hellos": sum(one.tls.server_hellos for one in facts),
        "sni": _added(one.tls.names for one in facts),
        "versions": _added(one.tls.versions for one in facts),
        "alerts": _counted(facts, "tls_alert"),
        "certificates": _counted(facts, "tls_cert"),
    }
