"""Every display filter a finding carries is one that Wireshark takes, and it shows the evidence."""

import struct
import subprocess
from pathlib import Path

from tests.unit.findings.cases import (
    PAYMENTS,
    START,
    dns,
    facts,
    http,
    judge,
    reset,
    silent,
    talk,
    tally,
)
from workers.contract.facts import IcmpError, TlsAlert, TlsHandshake
from workers.contract.report import Finding
from workers.findings import filters


def everything_wrong() -> tuple[Finding, ...]:
    """Findings of every rule with a filter, over IPv4 and IPv6."""
    found: list[Finding] = []
    for server in (PAYMENTS, "2001:db8::7"):
        flows = [
            *silent(5, server=server),
            *(talk(server, handshake="refused", refused_by="reset", resets=reset("refused")) for _ in range(5)),
            *(talk(server, 81, resets=reset("before-response")) for _ in range(5)),
            *(talk(server, 82, syns=tally(2), handshake_rtt=1.1) for _ in range(5)),
            *(talk(server, 83, handshake="half-open") for _ in range(5)),
            *(talk(server, 84, retransmissions_server=tally(30), server_packets=100) for _ in range(5)),
            *(talk(server, 85, zero_windows_server=tally(9), zero_window_seconds=4) for _ in range(5)),
            *(talk(server, 8080, last_at=START + 6) for _ in range(5)),
        ]
        tls = [talk(server, 8443, server_payload=0) for _ in range(9)]
        alert = (TlsAlert(9, "server", "fatal", "handshake_failure"),)
        hellos = [
            *(TlsHandshake(f.id, client_hello_frame=3, alerts=alert) for f in tls[:3]),
            *(TlsHandshake(f.id, client_hello_frame=3, server_hello_frame=4, expired=True) for f in tls[3:6]),
            *(TlsHandshake(f.id, client_hello_frame=3) for f in tls[6:]),
        ]
        names = [
            dns("a.example.com", 9, unanswered=5, server=server),
            dns("b.example.com", 9, rcodes={"SERVFAIL": 9}, server=server),
            dns("c.example.com", 9, rcodes={"NXDOMAIN": 9}, server=server),
            dns("d.example.com", 9, p50=0.9, server=server),
        ]
        webs = [http(50, 1.5, 3.0, errors=20, unanswered=9, server=server)]
        icmp = (IcmpError("host unreachable", server, "tcp", "198.19.1.4", "198.19.8.8", 80, tally(9)),)
        found += judge(facts([*flows, *tls], webs, names, hellos, icmp_errors=icmp))
    return tuple(found)


def test_wireshark_takes_every_filter(tmp_path: Path) -> None:
    found = everything_wrong()
    written = {f.display_filter for f in found if f.display_filter}
    assert len({f.rule for f in found if f.display_filter}) >= 16
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
    together = " || ".join(f"({text})" for text in sorted(written))
    argv = ["tshark", "-n", "-r", str(empty), "-Y", together]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr


def test_what_is_no_address_leaves_the_filter_out() -> None:
    assert filters.address("evil || 1") == ""
    assert filters.endpoint("198.18.0.1", 70_000) == "ip.addr == 198.18.0.1"
    assert filters.both("", "tcp") == "tcp"
    assert filters.quoted('a" || "') == ""
    assert filters.any_of([]) == ""
