# cython: annotation_typing=False
"""Which names clients were given which addresses for, and when: what a connection's address stands for.

Kept is each change only: another answer with the same address for the same name tells nothing new. The name is the one
the client asked for, whatever CNAMEs lead on from it. Bounded by forgetting what was told longest ago.
"""

from workers.analysis.addresses import address
from workers.analysis.dns_message import Message
from workers.analysis.samples import NANO
from workers.contract.facts_dns import DnsAddress
from workers.packets.packet import Packet
from workers.packets.scan import digest, piece, same

MAX_PAIRS = 1024
"""Client and address."""
MAX_CHANGES = 16
"""Names of a pair, the latest."""
_BUCKETS = 2048


class _Pair:
    """A client, an address that it was given, and for which names; both packed."""

    __slots__ = ("client", "first", "given", "hash", "names", "next", "times")

    def __init__(self) -> None:
        self.client = self.given = b""
        self.hash = 0
        self.next = 0
        """In its bucket: a place in the list of pairs, of which 0 is none."""
        self.names: list[str] = []
        self.times = [0] * 16
        """When, of each name."""
        self.first = 0
        """Place of the oldest of both."""

    def is_of(self, key: bytes, half: int, buffer: bytes, at: int, size: int) -> bool:
        """Whether it is of the client in the second half of a key's addresses, and this address in the buffer."""
        client, given = self.client, self.given
        if len(client) != half or len(given) != size:
            return False
        return same(given, 0, buffer, at, size) and same(client, 0, key, half, half)


class DnsAddresses:
    """note each answer to an address query, tell them in order of time."""

    def __init__(self) -> None:
        self._pairs = [_Pair()]
        self._oldest = 1
        self._buckets = [0] * 2048
        self._changes = MAX_CHANGES
        self.forgotten = 0
        """Changes that were told and then forgotten."""

    def note(self, packet: Packet, message: Message, buffer: bytes, name: str) -> None:
        """A client got an answer with addresses for a name."""
        key = packet.key
        half = (len(key) - 4) // 2
        hashed = digest(key, half, 2 * half, 0)
        for index in range(message.addresses):
            at, size = message.places[index], message.sizes[index]
            pair = self._pair(key, half, buffer, at, size, digest(buffer, at, at + size, hashed))
            self._keep(pair, packet.time, name)

    def _pair(self, key: bytes, half: int, buffer: bytes, at: int, size: int, hashed: int) -> _Pair:
        """What is kept of the client that this key leads to, and an address; `hashed` is of both."""
        place = self._buckets[hashed & (_BUCKETS - 1)]
        while place:
            pair = self._pairs[place]
            if pair.hash == hashed and pair.is_of(key, half, buffer, at, size):
                return pair
            place = pair.next
        return self._new(hashed, piece(key, half, 2 * half), piece(buffer, at, at + size))

    def _new(self, hashed: int, client: bytes, given: bytes) -> _Pair:
        pair = _Pair()
        if len(self._pairs) <= MAX_PAIRS:
            place = len(self._pairs)
            self._pairs.append(pair)
        else:
            place = self._oldest
            self._oldest = place % MAX_PAIRS + 1
            self._forget(place)
            self._pairs[place] = pair
        pair.client, pair.given, pair.hash = client, given, hashed
        pair.next = self._buckets[hashed & (_BUCKETS - 1)]
        self._buckets[hashed & (_BUCKETS - 1)] = place
        return pair

    def _forget(self, place: int) -> None:
        old = self._pairs[place]
        self.forgotten += len(old.names)
        bucket = old.hash & (_BUCKETS - 1)
        if self._buckets[bucket] == place:
            self._buckets[bucket] = old.next
            return
        before = self._pairs[self._buckets[bucket]]
        while before.next != place:
            before = self._pairs[before.next]
        before.next = old.next

    def _keep(self, pair: _Pair, time: int, name: str) -> None:
        names, kept, first = pair.names, len(pair.names), pair.first
        if kept:
            latest = names[first - 1 if first else kept - 1]
            if latest is name or latest == name:
                return
        if kept < self._changes:
            pair.times[kept] = time
            names.append(name)
        else:
            pair.times[first] = time
            names[first] = name
            pair.first = first + 1 if first + 1 < kept else 0
            self.forgotten += 1

    def told(self) -> tuple[DnsAddress, ...]:
        """As facts."""
        pairs = self._pairs[self._oldest :] + self._pairs[1 : self._oldest]
        every = [(time, pair, name) for pair in pairs for time, name in _changes(pair)]
        every.sort(key=lambda one: one[0])
        return tuple(
            DnsAddress(address(pair.client), address(pair.given), name, time * NANO) for time, pair, name in every
        )


def _changes(pair: _Pair) -> list[tuple[int, str]]:
    """When, and the name; the oldest first."""
    kept = len(pair.names)
    places = [*range(pair.first, kept), *range(pair.first)]
    return [(pair.times[place], pair.names[place]) for place in places]
