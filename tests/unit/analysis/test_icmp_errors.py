"""ICMP errors are put together by what they complain about, and are bounded."""

import struct

from tests.unit.analysis.captures import CLIENT, SERVER, Pcap, analyse, ip4
from workers.analysis.icmp import MAX_ERRORS


def test_errors_beyond_those_kept_are_counted() -> None:
    pcap = Pcap()
    for port in range(MAX_ERRORS + 5):
        about = ip4(17, CLIENT, SERVER, struct.pack("!HHHH", 4_000, 1 + port, 8, 0))[14:]
        pcap.add(port * 0.01, ip4(1, SERVER, CLIENT, b"\3\3" + bytes(6) + about))
    for compiled in (True, False):
        facts = analyse(pcap.bytes(), compiled=compiled)
        assert len(facts.icmp_errors) == MAX_ERRORS
        assert "ICMP errors beyond the kinds kept: 5" in facts.approximations
