# cython: annotation_typing=False
"""Which names clients were given which addresses for, and when: what a connection's address stands for.

Kept is each change only: another answer with the same address for the same name tells nothing new. The name is the one
the client asked for, whatever CNAMEs lead on from it. Bounded by forgetting what was told longest ago.
"""

from operator import attrgetter

from workers.analysis.addresses import address
from workers.analysis.dns_message import Message
from workers.analysis.samples import NANO
from workers.contract.facts_dns import DnsAddress
from workers.packets import words
from workers.packets.scan import digest

MAX_PAIRS = 1024
"""Client and address."""
MAX_CHANGES = 16
"""Names of a pair, the latest."""
_BUCKETS = 2048
_NANO = NANO


class _Pair:
    """A client, an address that it was given, and for which names."""

    __slots__ = ("ends", "first", "half", "hash", "kept", "latest", "names", "next", "size", "times")

    def __init__(self) -> None:
        self.ends = [0] * 8
        """Both addresses, four bytes a number; of so many bytes each: `half` and `size`."""
        self.half = self.size = 0
        self.hash = 0
        self.next = 0
        """In its bucket: a place in the list of pairs, of which 0 is none."""
        self.names: list[str] = [""] * MAX_CHANGES
        self.times = [0] * 16
        """When, of each name."""
        self.kept = 0
        self.first = 0
        """How many of both, and the place of the oldest."""
        self.latest: str | None = None

    def is_of(self, client: bytes, half: int, given: bytes, at: int, size: int) -> bool:
        """Whether it is of the client behind `half` bytes of a key, and this address in a message."""
        if self.half != half or self.size != size:
            return False
        place = 0
        while place < half:
            if self.ends[place >> 2] != words.four(client, half + place):
                return False
            place += 4
        place = 0
        while place < size:
            if self.ends[half + place >> 2] != words.four(given, at + place):
                return False
            place += 4
        return True

    def begin(self, client: bytes, half: int, given: bytes, at: int, size: int) -> None:
        """Be of these, with no names yet."""
        self.half, self.size = half, size
        self.kept = self.first = 0
        self.latest = None
        for place in range(0, half, 4):
            self.ends[place >> 2] = words.four(client, half + place)
        for place in range(0, size, 4):
            self.ends[half + place >> 2] = words.four(given, at + place)

    def tell(self, every: list[DnsAddress]) -> None:
        """Each change, the oldest first."""
        ends = bytes([word >> shift & 255 for word in self.ends for shift in (0, 8, 16, 24)])
        client, given = address(ends[: self.half]), address(ends[self.half : self.half + self.size])
        for index in range(self.kept):
            place = (self.first + index) % self.kept
            every.append(DnsAddress(client, given, self.names[place], self.times[place] * _NANO))


class DnsAddresses:
    """note each answer to an address query, tell them in order of time."""

    def __init__(self) -> None:
        self._pairs = [_Pair()]
        self._oldest = 1
        self._buckets = [0] * 2048
        self._changes = MAX_CHANGES
        self.forgotten = 0
        """Changes that were told and then forgotten."""

    def note(self, key: bytes, length: int, message: Message, data: bytes, time: int, name: str) -> None:
        """A client, to which the key leads, got an answer with addresses for a name."""
        half = 4 if length == 12 else 16
        if length < 2 * half:
            return
        hashed = digest(key, half, 2 * half, 0)
        for index in range(message.addresses):
            at, size = message.places[index], message.sizes[index]
            pair = self._pair(key, half, data, at, size, digest(data, at, at + size, hashed))
            if pair.latest is not name:
                self._keep(pair, time, name)

    def _pair(self, key: bytes, half: int, data: bytes, at: int, size: int, hashed: int) -> _Pair:
        """What is kept of the client that this key leads to, and an address; `hashed` is of both."""
        place = self._buckets[hashed & (_BUCKETS - 1)]
        while place:
            pair = self._pairs[place]
            if pair.hash == hashed and pair.is_of(key, half, data, at, size):
                return pair
            place = pair.next
        pair = self._new(hashed)
        pair.begin(key, half, data, at, size)
        return pair

    def _new(self, hashed: int) -> _Pair:
        """One that is free: another one, or the oldest."""
        if len(self._pairs) <= MAX_PAIRS:
            place = len(self._pairs)
            pair = _Pair()
            self._pairs.append(pair)
        else:
            place = self._oldest
            self._oldest = place % MAX_PAIRS + 1
            self._forget(place)
            pair = self._pairs[place]
        pair.hash = hashed
        pair.next = self._buckets[hashed & (_BUCKETS - 1)]
        self._buckets[hashed & (_BUCKETS - 1)] = place
        return pair

    def _forget(self, place: int) -> None:
        old = self._pairs[place]
        self.forgotten += old.kept
        bucket = old.hash & (_BUCKETS - 1)
        if self._buckets[bucket] == place:
            self._buckets[bucket] = old.next
            return
        before = self._pairs[self._buckets[bucket]]
        while before.next != place:
            before = self._pairs[before.next]
        before.next = old.next

    def _keep(self, pair: _Pair, time: int, name: str) -> None:
        if pair.latest == name:
            return
        pair.latest = name
        if pair.kept < self._changes:
            place = pair.kept
            pair.kept = place + 1
        else:
            place = pair.first
            pair.first = place + 1 if place + 1 < pair.kept else 0
            self.forgotten += 1
        pair.times[place] = time
        pair.names[place] = name

    def told(self) -> tuple[DnsAddress, ...]:
        """As facts."""
        every: list[DnsAddress] = []
        for pair in self._pairs[self._oldest :] + self._pairs[1 : self._oldest]:
            pair.tell(every)
        every.sort(key=attrgetter("at"))
        return tuple(every)
