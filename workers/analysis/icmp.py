"""ICMP and ICMPv6 errors, put together by kind, sender and the conversation they complain about (RFC 792, 4443)."""

from workers.analysis.addresses import address, endpoints
from workers.analysis.flows import NAMES
from workers.analysis.samples import Frames
from workers.contract.facts import IcmpError
from workers.packets.packet import Packet

MAX_ERRORS = 256
ICMP6 = 58
_UNREACHABLE4 = (
    "network unreachable", "host unreachable", "protocol unreachable", "port unreachable", "fragmentation needed",
    "source route failed", "network unknown", "host unknown", "source host isolated", "network prohibited",
    "host prohibited", "network unreachable for service", "host unreachable for service",
    "administratively prohibited", "host precedence violation", "precedence cutoff",
)  # fmt: skip
_UNREACHABLE6 = (
    "no route", "administratively prohibited", "beyond scope of source", "address unreachable", "port unreachable",
    "source address failed policy", "route rejected",
)  # fmt: skip
_KINDS4 = {4: "source quench", 5: "redirect", 11: "time exceeded", 12: "parameter problem"}
_KINDS6 = {2: "packet too big", 3: "time exceeded", 4: "parameter problem"}


class _Error:
    __slots__ = ("mtu", "seen")

    def __init__(self) -> None:
        self.seen = Frames()
        self.mtu = 0


class IcmpStage:
    """update with each error, finish into facts."""

    def __init__(self) -> None:
        self._errors: dict[tuple[str, str, str, str, str, int], _Error] = {}
        self.beyond = 0

    def update(self, packet: Packet, quoted: bytes) -> None:
        """One ICMP error; `quoted` is the key of the packet it complains about, as its client would send it."""
        if packet.quoted_kind < 0:
            return
        client, _, server, port = endpoints(quoted)
        protocol = NAMES.get(packet.quoted_kind, f"ip-{packet.quoted_kind}")
        key = (kind(packet), sender(packet), protocol, client, server, port)
        error = self._errors.get(key)
        if error is None:
            if len(self._errors) >= MAX_ERRORS:
                self.beyond += 1
                return
            error = self._errors[key] = _Error()
        error.seen.add(packet.number)
        if key[0] in ("fragmentation needed", "packet too big"):
            error.mtu = packet.error_mtu

    def finish(self) -> tuple[IcmpError, ...]:
        """Every kept error, the most frequent first."""
        ranked = sorted(self._errors.items(), key=lambda item: -item[1].seen.count)
        return tuple(
            IcmpError(
                kind=key[0],
                sender=key[1],
                about_protocol=key[2],
                about_client=key[3],
                about_server=key[4],
                about_port=key[5],
                seen=error.seen.tally(),
                mtu=error.mtu,
            )
            for key, error in ranked
        )


def unreachable(packet: Packet) -> bool:
    """Whether the error refuses the quoted packet for good (not "fragmentation needed")."""
    return packet.error_type == 1 if packet.kind == ICMP6 else packet.error_type == 3 and packet.error_code != 4


def kind(packet: Packet) -> str:
    """The error in words."""
    number, code, version6 = packet.error_type, packet.error_code, packet.kind == ICMP6
    if number == (1 if version6 else 3):
        names = _UNREACHABLE6 if version6 else _UNREACHABLE4
        return names[code] if code < len(names) else f"unreachable (code {code})"
    return (_KINDS6 if version6 else _KINDS4).get(number, f"type {number}")


def sender(packet: Packet) -> str:
    """Source address of the packet."""
    return address(packet.key[: 16 if packet.kind == ICMP6 else 4])
