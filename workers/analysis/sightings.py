"""Which packets one capture saw, by what stays the same on the way: to find the same packet in another capture.

In: records of a capture. Out: pairs of times of one packet in two captures. Addresses, ports, TTL and checksums may be
rewritten between two pods (service DNAT, SNAT, routing) and are no part of a packet's identity; IP identification, TCP
sequence numbers, flags and timestamps, lengths and the first payload bytes are. A packet that was cut into others on
the way (segmentation offload) or whose identity is not unique pairs with nothing: pairs are fewer, never wrong.

Memory is bounded: beyond `limit` packets, those whose checksum has more and more low zero bits are kept, so
that two captures keep the same ones.
"""

import zlib
from collections.abc import Sequence
from struct import Struct

import msgspec

from workers.packets import link, link_types
from workers.packets.pcap import Record

LIMIT = 16_384
"""Packets kept of a capture: about 6 MB."""
PAYLOAD = 16
"""Bytes of payload compared, so that captures of different snaplens still meet."""
_LONGEST = 9_000
"""Larger payloads exist only inside a host: offloaded segments, which no other host sees as they are."""
_COPY = 100_000_000
"""Nanoseconds within which a packet with an IP identification is the same one, seen on several interfaces."""
_NARROWEST = 0xFFFF
"""The mask grows no further: crafted packets may all have the same checksum."""
_TCP, _UDP = 6, 17
_IP4 = Struct("!BxHHHBB2x8s").unpack_from
_IP6 = Struct("!xxxxHBB32s").unpack_from
_FIXED = Struct("!BHH").pack
"""Protocol, payload length, IP identification: the start of an identity. TCP's numbers follow, then the payload."""


class Sighting(msgspec.Struct):
    """One packet as one capture saw it. `source` and `destination` are address and port as on the wire there."""

    time: int
    """Epoch nanoseconds."""
    hops: int
    """TTL or hop limit: it falls on the way."""
    source: bytes
    destination: bytes
    unique: bool = True


class Sightings(msgspec.Struct):
    """Packets of one capture by identity."""

    limit: int = LIMIT
    seen: dict[bytes, Sighting] = msgspec.field(default_factory=dict)
    mask: int = 0
    """Only identities whose checksum has none of these bits are kept."""

    def add(self, buffer: bytes, records: Sequence[Record]) -> None:
        """Take records as CaptureReader gives them."""
        for at, captured, wire, time, link_type in records:
            ethertype, network = link_types.network(link_type, buffer, at, at + captured)
            if ethertype == link.IPV4:
                self._ip4(buffer, network, at + captured, at + wire, time)
            elif ethertype == link.IPV6:
                self._ip6(buffer, network, at + captured, at + wire, time)

    def _ip4(self, buffer: bytes, at: int, end: int, wire_end: int, time: int) -> None:
        if end - at < 28:
            return
        first, total, identification, fragment, hops, protocol, addresses = _IP4(buffer, at)
        header = (first & 15) << 2
        if fragment & 0x3FFF or header < 20 or not header < total <= wire_end - at:
            return
        ends = addresses[:4], addresses[4:]
        self._transport(buffer, at + header, end, at + total, (time, hops, protocol, identification, ends))

    def _ip6(self, buffer: bytes, at: int, end: int, wire_end: int, time: int) -> None:
        if end - at < 48:
            return
        length, protocol, hops, addresses = _IP6(buffer, at)
        if 0 < length <= wire_end - at - 40:
            ends = addresses[:16], addresses[16:]
            self._transport(buffer, at + 40, end, at + 40 + length, (time, hops, protocol, 0, ends))

    def _transport(
        self, buffer: bytes, at: int, end: int, wire_end: int, network: tuple[int, int, int, int, tuple[bytes, bytes]]
    ) -> None:
        """Build the identity from the transport header on; `wire_end` is where the packet ended on the wire."""
        time, hops, protocol, identification, (source, destination) = network
        if protocol == _TCP and end - at >= 20:
            if zlib.crc32(buffer[at + 4 : at + 12]) & self.mask:
                return
            body = at + (buffer[at + 12] >> 4 << 2)
            options = buffer[at + 20 : min(body, end)]
            stamp = options.find(b"\x08\x0a")
            # the window may be rescaled and other options rewritten (MSS clamping) on the way
            head = buffer[at + 4 : at + 14] + (options[stamp + 2 : stamp + 10] if stamp >= 0 else b"")
        elif protocol == _UDP:
            body, head = at + 8, b""
        else:
            return
        length = wire_end - body
        compared = min(length, PAYLOAD)
        if length < (protocol == _UDP) or length > _LONGEST or end < body + compared:
            return
        what = _FIXED(protocol, length, identification) + head + buffer[body : body + compared]
        if protocol == _TCP or _sample(what) & self.mask == 0:
            ports = buffer[at : at + 4]
            self._keep(what, identification, Sighting(time, hops, source + ports[:2], destination + ports[2:]))

    def _keep(self, what: bytes, identification: int, sighting: Sighting) -> None:
        before = self.seen.get(what)
        if before is not None:
            if not identification or abs(sighting.time - before.time) > _COPY:
                before.unique = False
            return
        while len(self.seen) >= self.limit and self.mask < _NARROWEST:
            self.narrow(self.mask << 1 | 1)
        if len(self.seen) < self.limit and _sample(what) & self.mask == 0:
            self.seen[what] = sighting

    def narrow(self, mask: int) -> None:
        """Keep fewer packets: those whose checksum has none of the bits of `mask`."""
        self.mask |= mask
        self.seen = {what: seen for what, seen in self.seen.items() if _sample(what) & self.mask == 0}


def _sample(what: bytes) -> int:
    """What decides whether an identity is kept: of TCP its two numbers alone, so that most cost no more than that."""
    return zlib.crc32(what[5:13] if what[0] == _TCP else what)


def pairs(one: Sightings, other: Sightings) -> list[tuple[Sighting, Sighting]]:
    """Packets that both captures saw, and each saw as one packet."""
    small, large = sorted((one.seen, other.seen), key=len)
    common = [(one.seen[what], other.seen[what]) for what in small if what in large]
    return [(a, b) for a, b in common if a.unique and b.unique]
