"""Every way to the same inner packet: link layers, tags, tunnels, extension headers and fragments."""

import struct
from collections.abc import Sequence

import pytest

from workers.packets import marks
from workers.packets.decode import Decoder
from workers.packets.packet import NOTHING, Packet

A4, B4 = bytes([198, 18, 0, 1]), bytes([198, 18, 0, 2])
A6, B6 = bytes.fromhex("20010db8") + bytes(11) + b"\1", bytes.fromhex("20010db8") + bytes(11) + b"\2"
PORTS = struct.pack("!HH", 4000, 80)
TCP = PORTS + struct.pack("!IIHHHH", 7, 9, 0x5018, 100, 0, 0) + b"hello"


def ip4(protocol: int, payload: bytes, fragment: int = 0) -> bytes:
    """An IPv4 packet."""
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0) + A4 + B4 + payload


def ip6(protocol: int, payload: bytes) -> bytes:
    """An IPv6 packet."""
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + A6 + B6 + payload


def udp(port: int, payload: bytes) -> bytes:
    """A UDP datagram in an IPv4 packet."""
    return ip4(17, struct.pack("!HHHH", 5000, port, 8 + len(payload), 0) + payload)


def ethernet(kind: int, payload: bytes) -> bytes:
    """An Ethernet frame."""
    return bytes(12) + struct.pack("!H", kind) + payload


def decode(*frames: bytes, link_type: int = 1, wire: int | None = None) -> Packet:
    """The packet after the last of these frames."""
    decoder, packet = Decoder(), Packet()
    for frame in frames:
        decoder.decode(packet, b"??" + frame + b"??", 2, len(frame), wire or len(frame), link_type)
    return packet


INNER4, INNER6 = ip4(6, TCP), ip6(6, TCP)
WAYS = {
    "ethernet": (1, ethernet(0x0800, INNER4)),
    "padded": (1, ethernet(0x0800, INNER4) + bytes(20)),
    "snap": (1, ethernet(60, b"\xaa\xaa\x03\0\0\0\x08\0" + INNER4)),
    "llc": (1, ethernet(60, b"\6\6\3" + INNER4)),
    "vlan": (1, ethernet(0x8100, b"\0\5\x08\0" + INNER4)),
    "qinq": (1, ethernet(0x88A8, b"\0\5\x81\0\0\6\x08\0" + INNER4)),
    "mpls": (1, ethernet(0x8847, b"\0\1\0\x40\0\2\1\x40" + INNER4)),
    "pseudowire": (1, ethernet(0x8847, b"\0\1\1\x40" + bytes(4) + ethernet(0x0800, INNER4))),
    "pppoe": (1, ethernet(0x8864, b"\x11\0\0\1\0\0\0\x21" + INNER4)),
    "null": (0, b"\2\0\0\0" + INNER4),
    "null-swapped": (0, b"\0\0\0\2" + INNER4),
    "ppp": (9, b"\xff\x03\0\x21" + INNER4),
    "raw": (101, INNER4),
    "raw6": (101, INNER6),
    "loop6": (108, b"\0\0\0\x18" + INNER6),
    "cooked": (113, bytes(14) + b"\x08\0" + INNER4),
    "cooked2": (276, b"\x08\0" + bytes(18) + INNER4),
    "ipip": (101, ip4(4, INNER4)),
    "6in4": (101, ip4(41, INNER6)),
    "gre": (101, ip4(47, b"\0\0\x08\0" + INNER4)),
    "gre-key": (101, ip4(47, b"\x20\0\x65\x58" + bytes(4) + ethernet(0x0800, INNER4))),
    "erspan2": (101, ip4(47, b"\x10\0\x88\xbe" + bytes(12) + ethernet(0x0800, INNER4))),
    "erspan3": (101, ip4(47, b"\x10\0\x22\xeb" + bytes(4 + 12) + ethernet(0x0800, INNER4))),
    "vxlan": (101, udp(4789, b"\x08" + bytes(7) + ethernet(0x0800, INNER4))),
    "geneve": (101, udp(6081, b"\1\0\x65\x58" + bytes(8) + ethernet(0x86DD, INNER6))),
    "gtp": (101, udp(2152, b"\x30\xff\0\0" + bytes(4) + INNER4)),
    "gtp-extension": (101, udp(2152, b"\x34\xff" + bytes(9) + b"\x85\1" + bytes(3) + INNER4)),
    "teredo-with-indications": (101, udp(3544, b"\0\1\0\0" + bytes(9) + bytes(8) + INNER6)),
    "teredo": (101, udp(3544, INNER6)),
    "extensions": (101, ip6(0, b"\x2b\0" + bytes(6) + b"\x3c\0" + bytes(6) + b"\6\0" + bytes(6) + TCP)),
    "authenticated": (101, ip4(51, b"\6\4" + bytes(22) + TCP)),
    "fddi": (10, b"\x50" + bytes(12) + b"\xaa\xaa\x03\0\0\0\x08\0" + INNER4),
    "wifi": (105, b"\x08\x01" + bytes(22) + b"\xaa\xaa\x03\0\0\0\x08\0" + INNER4),
    "wifi-quality": (127, b"\0\0\x08\0" + bytes(4) + b"\x88\x01" + bytes(24) + b"\xaa\xaa\x03\0\0\0\x86\xdd" + INNER6),
    "wifi-several": (
        105,
        b"\x88\x01" + bytes(22) + b"\x80\0" + bytes(14) + b"\xaa\xaa\x03\0\0\0\x08\0" + INNER4,
    ),
    "wifi-padded": (  # radiotap: a second word of fields, a time, then flags that say it is padded
        127,
        b"\0\0\x1d\0\3\0\0\x80"
        + bytes(4 + 4 + 8)
        + b"\x20"
        + bytes(4)
        + b"\x88\x01"
        + bytes(24 + 2)
        + b"\xaa\xaa\x03\0\0\0\x08\0"
        + INNER4,
    ),
    "nflog-big-endian": (239, b"\2\0\0\0" + struct.pack(">HH", 4 + len(INNER4), 9) + INNER4),
    "nflog": (239, b"\2\0\0\0\5\0\x0a\0\0\0\0\0" + struct.pack("<HH", 4 + len(INNER4), 9) + INNER4),
    "pktap": (258, struct.pack("<III", 16, 1, 1) + bytes(4) + ethernet(0x0800, INNER4)),
    "ipnet": (226, b"\1\x1a" + bytes(22) + INNER6),
    "ipoib": (242, bytes(40) + b"\x08\0\0\0" + INNER4),
    "arcnet": (129, bytes(4) + b"\xd4\0\0\1" + INNER4),
    "arcnet-short": (129, bytes(4) + b"\xf0" + INNER4),
    "frame-relay": (107, b"\x48\xe1\x86\xdd" + INNER6),
    "frame-relay-snap": (107, b"\x48\xe1\3\0\x80\0\0\0\x08\0" + INNER4),
    "frame-relay-nlpid": (107, b"\x48\xe1\x03\xcc" + INNER4 + bytes(4)),
    "switch-tag": (284, bytes(16) + b"\x08\0" + INNER4),
    "juniper": (178, b"MGC\x80\0\2xx" + ethernet(0x0800, INNER4)),
    "null-with-ethertype": (0, b"\x0f\0\x08\0" + INNER4),
    "vn-tag": (1, ethernet(0x8926, bytes(4) + b"\x08\0" + INNER4)),
    "macsec-in-the-clear": (1, ethernet(0x88E5, b"\x20" + bytes(13) + b"\x08\0" + INNER4)),
    "nsh": (1, ethernet(0x894F, b"\0\6\1\1" + bytes(20) + INNER4)),
    "arista": (1, ethernet(0xD28B, b"\0\1\0\x10" + bytes(8) + b"\x08\0" + INNER4)),
    "gre-wccp": (101, ip4(47, b"\0\0\x88\x3e" + bytes(4) + INNER4)),
    "gre-group-tag": (101, ip4(47, b"\0\0\x89\x09\x08\0\1\1\0\1\0\0" + INNER4)),
    "gre-wireless": (101, ip4(47, b"\0\0\x82\0\x08\1" + bytes(22) + b"\xaa\xaa\3\0\0\0\x08\0" + INNER4)),
    "gre-in-udp": (101, udp(4754, b"\0\0\x08\0" + INNER4)),
    "lisp": (101, udp(4341, bytes(8) + INNER4)),
    "vxlan-gpe": (101, udp(4790, b"\x0c\0\0\2" + bytes(4) + INNER6)),
    "gtp0": (101, udp(3386, b"\x1e\xff" + bytes(18) + INNER4)),
    "ayiya": (101, udp(5072, b"\x41\x52\x11\x29" + bytes(4 + 16 + 20) + INNER6)),
    "ethernet-in-ip": (101, ip6(143, ethernet(0x86DD, INNER6))),
    "ether-ip": (101, ip4(97, b"\x30\0" + ethernet(0x0800, INNER4))),
    "many-backbones": (1, b"".join(bytes(12) + b"\x88\xe7" + bytes(4) for _ in range(40)) + ethernet(0x0800, INNER4)),
    "atomic-fragment": (101, ip6(44, b"\6\0\0\0" + bytes(4) + TCP)),
}


@pytest.mark.parametrize("way", WAYS)
def test_inner_packet_is_found(way: str) -> None:
    link_type, frame = WAYS[way]
    packet = decode(frame, link_type=link_type)
    assert packet.kind == 6
    assert packet.key in (A4 + B4 + PORTS, A6 + B6 + PORTS)
    assert (packet.sequence, packet.ack, packet.flags, packet.window) == (7, 9, 0x18, 100)
    assert packet.payload_length == 5
    assert packet.buffer[packet.payload : packet.end] == b"hello"
    assert packet.mask & marks.TCP


@pytest.mark.parametrize("way", WAYS)
def test_every_cut_is_harmless(way: str) -> None:
    link_type, frame = WAYS[way]
    for size in range(len(frame)):
        packet = decode(frame[:size], link_type=link_type, wire=len(frame))
        assert packet.end <= 2 + size


def test_lengths_come_from_the_ip_header_when_the_packet_is_cut() -> None:
    packet = decode(ethernet(0x0800, ip4(6, TCP + bytes(1000)))[:54], wire=1059)
    assert (packet.kind, packet.payload_length, packet.ip_length) == (6, 1005, 1045)


def test_pppoe_bounds_the_packet_inside() -> None:
    inner = ip4(6, TCP + b"padding")
    session = b"\x11\0\0\1" + struct.pack("!H", 2 + 45) + b"\0\x21"
    packet = decode(ethernet(0x8864, session + inner))
    assert (packet.payload_length, packet.ip_length) == (5, 45)


def test_encrypted_layers_are_not_guessed_at() -> None:
    assert decode(ethernet(0x88E5, b"\x2c" + bytes(13) + b"\x08\0" + INNER4)).kind == NOTHING
    assert decode(b"\x08\x41" + bytes(22) + b"\xaa\xaa\3\0\0\0\x08\0" + INNER4, link_type=105).kind == NOTHING


def test_an_attribute_shorter_than_its_own_header_ends_nflog() -> None:
    assert decode(b"\2\0\0\0\3\0\x0a\0" + INNER4, link_type=239).kind == NOTHING


def test_dns_quoted_in_an_icmp_error_is_marked() -> None:
    quoted = ip4(17, struct.pack("!HHHH", 4000, 53, 40, 0) + b"\0\1\1\0" + bytes(8))
    packet = decode(ethernet(0x0800, ip4(1, b"\3\3" + bytes(6) + quoted)))
    assert packet.mask & marks.DNS_QUERY
    assert packet.error_type == 3


def test_redirect_quotes_a_packet_and_is_no_error() -> None:
    redirect = b"\x89\0" + bytes(38) + b"\4\x09" + bytes(6) + INNER6
    packet = decode(ethernet(0x86DD, ip6(58, redirect)))
    assert packet.mask & marks.QUOTED
    assert packet.mask & marks.TCP
    assert packet.error_type == NOTHING


@pytest.mark.parametrize(
    ("options", "quotes"),
    [
        (b"\1\1" + bytes(6) + b"\4\x09" + bytes(6) + INNER6, True),
        (b"\1\0" + bytes(6) + b"\4\x09" + bytes(6) + INNER6, False),
        ((b"\1\1" + bytes(6)) * 16 + b"\4\x09" + bytes(6) + INNER6, False),
    ],
    ids=["behind-another-option", "behind-an-option-without-length", "behind-too-many"],
)
def test_a_redirect_quotes_in_one_of_its_first_options(options: bytes, quotes: bool) -> None:
    packet = decode(ip6(58, b"\x89\0" + bytes(38) + options), link_type=101)
    assert bool(packet.mask & marks.QUOTED) is quotes


@pytest.mark.parametrize("extensions", [1, 8])
def test_a_quoted_packet_may_have_extension_headers(extensions: int) -> None:
    heads = b"\0\0" + bytes(6)
    quoted = ip6(0, heads * (extensions - 1) + b"\6\0" + bytes(6) + TCP)
    packet = decode(ip6(58, b"\1\4" + bytes(6) + quoted), link_type=101)
    assert packet.quoted_key == A6 + B6 + PORTS


def test_more_extension_headers_than_anyone_sends_are_malformed() -> None:
    packet = decode(ip6(0, (b"\0\0" + bytes(6)) * 13 + TCP), link_type=101)
    assert packet.mask & marks.MALFORMED


def test_tags_end() -> None:
    packet = decode(ethernet(0x8100, b"\0\5\x81\0" * 70 + b"\0\5\x08\0" + INNER4))
    assert packet.kind == NOTHING


def test_fragments_count_where_the_datagram_is_whole() -> None:
    body = struct.pack("!HHHH", 4000, 53, 48, 0) + bytes(40)
    parts = [ip4(17, body[:24], 0x2000), ip4(17, body[24:], 3)]
    assert decode(parts[0], link_type=101).kind == NOTHING
    for order in (parts, parts[::-1]):
        packet = decode(*order, link_type=101)
        assert (packet.kind, packet.payload_length) == (17, 40)
        assert packet.mask & marks.FRAGMENTS
        assert packet.ip_length == 2 * 20 + 48


def test_fragments_are_bounded() -> None:
    decoder, packet = Decoder(), Packet()
    for number in range(1000):
        frame = bytearray(ip4(17, bytes(16), 0x2000))
        frame[4:6] = number.to_bytes(2, "big")
        decoder.decode(packet, bytes(frame), 0, len(frame), len(frame), 101)
    assert decoder.fragments.incomplete == 1000


@pytest.mark.parametrize("places", [range(1, 66), (1, 0x1FFF)], ids=["pieces", "bytes"])
def test_a_datagram_in_too_many_pieces_or_beyond_the_largest_is_dropped(places: Sequence[int]) -> None:
    decoder, packet = Decoder(), Packet()
    for place in places:
        assert decoder.fragments.dropped == 0
        frame = ip4(17, bytes(8), 0x2000 | place)
        decoder.decode(packet, frame, 0, len(frame), len(frame), 101)
    assert (decoder.fragments.dropped, decoder.fragments.incomplete) == (1, 1)


@pytest.mark.parametrize(
    "frame",
    [
        b"\x44" + ip4(6, TCP)[1:],
        ip4(6, TCP[:12] + b"\xf0" + TCP[13:]),
        ip4(17, b"\0\1\0\2\0\4\0\0"),
        ip6(0, b"\x3c"),
    ],
    ids=["short-header", "tcp-header-too-long", "udp-too-short", "extension-cut"],
)
def test_malformed_is_marked(frame: bytes) -> None:
    packet = decode(frame, link_type=101)
    assert packet.mask & marks.MALFORMED


def test_nested_tunnels_end() -> None:
    frame = INNER4
    for _ in range(60):
        frame = ip4(4, frame)
    assert decode(frame, link_type=101).mask & marks.TUNNELLED


def test_icmp_error_quotes_but_is_no_tcp_conversation() -> None:
    packet = decode(ip4(1, b"\3\4\0\0\0\0\x05\x78" + INNER4[:28]), link_type=101)
    assert (packet.kind, packet.error_type, packet.error_code, packet.error_mtu) == (1, 3, 4, 1400)
    assert packet.quoted_key == A4 + B4 + PORTS
    assert packet.mask & marks.QUOTED
