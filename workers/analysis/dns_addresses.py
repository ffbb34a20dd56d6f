"""Which names clients were given which addresses for, and when: what a connection's address stands for.

Kept is each change only: another answer with the same address for the same name tells nothing new. The name is the one
the client asked for, whatever CNAMEs lead on from it. Bounded by forgetting what was told longest ago.
"""

from workers.analysis.flows import address
from workers.analysis.samples import NANO
from workers.contract.facts_dns import DnsAddress
from workers.packets.packet import Packet

MAX_PAIRS = 1024
"""Client and address."""
MAX_CHANGES = 16
"""Names of a pair, the latest."""


class DnsAddresses:
    """note each answer to an address query, tell them in order of time."""

    def __init__(self) -> None:
        self._told: dict[tuple[bytes, str], list[tuple[int, str]]] = {}
        self.forgotten = 0
        """Changes that were told and then forgotten."""

    def note(self, packet: Packet, name: str, answers: tuple[str, ...]) -> None:
        """A client got these addresses, and CNAMEs' targets, for a name."""
        key = packet.key
        size = (len(key) - 4) // 2
        client = key[size:-4]
        for answer in answers:
            if answer[-1:].isdecimal() or ":" in answer:  # no domain name ends in a number (RFC 3696 section 2)
                self._keep((client, answer), packet.time, name)

    def _keep(self, pair: tuple[bytes, str], time: int, name: str) -> None:
        names = self._told.get(pair)
        if names is None:
            if len(self._told) >= MAX_PAIRS:
                self.forgotten += len(self._told.pop(next(iter(self._told))))
            names = self._told[pair] = []
        if names and names[-1][1] == name:
            return
        names.append((time, name))
        if len(names) > MAX_CHANGES:
            del names[0]
            self.forgotten += 1

    def told(self) -> tuple[DnsAddress, ...]:
        """As facts."""
        every = [(time, pair, name) for pair, names in self._told.items() for time, name in names]
        return tuple(
            DnsAddress(address(client), given, name, time * NANO) for time, (client, given), name in sorted(every)
        )
