# cython: annotation_typing=False
"""Which names clients were given which addresses for, and when: what a connection's address stands for.

Kept is each change only: another answer with the same address for the same name tells nothing new. The name is the one
the client asked for, whatever CNAMEs lead on from it. Bounded by forgetting what was told longest ago.
"""

from workers.analysis.addresses import address
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
        self._told: dict[tuple[bytes, bytes], list[tuple[int, str]]] = {}
        """By client and address, both packed: when, and the name."""
        self.forgotten = 0
        """Changes that were told and then forgotten."""

    def note(self, packet: Packet, name: str, found: list[bytes | str]) -> None:
        """A client got an answer for a name: packed addresses, and names that lead there."""
        key = packet.key
        ports = len(key) - 4
        client = key[ports // 2 : ports]
        for given in found:
            if isinstance(given, bytes):
                self._keep((client, given), packet.time, name)

    def _keep(self, pair: tuple[bytes, bytes], time: int, name: str) -> None:
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
        every = [(time, *pair, name) for pair, names in self._told.items() for time, name in names]
        every.sort(key=lambda one: one[0])
        return tuple(
            DnsAddress(address(client), address(given), name, time * NANO) for time, client, given, name in every
        )
