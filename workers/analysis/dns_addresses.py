# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Which names clients were given which addresses for, and when: what a connection's address stands for.

Kept is each change only: another answer with the same address for the same name tells nothing new. The name is the one
the client asked for, whatever CNAMEs lead on from it. Bounded by forgetting what was told longest ago.
"""

import os
from operator import attrgetter

from workers.analysis.addresses import unpacked
from workers.analysis.dns_groups import Name
from workers.analysis.dns_message import Message
from workers.analysis.dns_waiting import Ends
from workers.analysis.samples import NANO
from workers.contract.facts_dns import DnsAddress
from workers.packets import words

MAX_PAIRS = 1024
"""Client and address."""
MAX_CHANGES = 16
"""Names of a pair, the latest."""
_BUCKETS = 2048
_NANO = NANO
_SEED = int.from_bytes(os.urandom(8), "big")
_ODD = int.from_bytes(os.urandom(8), "big") | 1


class _Pair:
    """A client, an address that it was given, and for which names; addresses as `Ends` has them."""

    __slots__ = (
        "bucket", "client", "client_rest", "client_size", "first", "given", "given_rest", "kept", "latest", "names",
        "next", "size", "times",
    )  # fmt: skip

    def __init__(self) -> None:
        self.client = self.client_rest = self.client_size = 0
        self.given = self.given_rest = self.size = 0
        self.bucket = self.next = 0
        """Its bucket, and the next one in it: a place in the list of pairs, of which 0 is none."""
        self.names: list[str] = [""] * MAX_CHANGES
        self.times = [0] * 16
        """When, of each name."""
        self.kept = 0
        self.first = 0
        """How many of both, and the place of the oldest."""
        self.latest: Name | None = None

    def is_of(self, ends: Ends, rest: int, size: int) -> bool:
        """Whether all is the same but the first eight bytes, of which the caller knows."""
        return (
            self.size == size
            and self.client_size == ends.size
            and self.client_rest == ends.client_rest
            and self.given_rest == rest
        )

    def begin(self, ends: Ends, given: int, rest: int, size: int) -> None:
        """Be of these, with no names yet."""
        self.client, self.client_rest, self.client_size = ends.client, ends.client_rest, ends.size
        self.given, self.given_rest, self.size = given, rest, size
        self.kept = self.first = 0
        self.latest = None

    def tell(self, every: list[DnsAddress]) -> None:
        """Each change, the oldest first."""
        client = unpacked(self.client, self.client_rest, self.client_size)
        given = unpacked(self.given, self.given_rest, self.size)
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

    def note(self, ends: Ends, message: Message, data: bytes, time: int, name: Name) -> None:
        """The client got an answer with addresses for a name."""
        for index in range(message.addresses):
            at, size = message.places[index], message.sizes[index]
            given, rest = words.four(data, at), 0
            if size == 16:
                given, rest = words.eight(data, at), words.eight(data, at + 8)
            hashed = words.fold(ends.client ^ _SEED, _ODD) ^ given
            if ends.size == 16 or size == 16:
                hashed = words.fold(words.fold(hashed, _ODD) ^ ends.client_rest, _ODD) ^ rest
            bucket = words.fold(hashed, _ODD) & (_BUCKETS - 1)
            place = self._buckets[bucket]
            while place:
                pair = self._pairs[place]
                if pair.given == given and pair.client == ends.client and pair.is_of(ends, rest, size):
                    break
                place = pair.next
            else:
                pair = self._new(bucket)
                pair.begin(ends, given, rest, size)
            if pair.latest is not name and (pair.latest is None or not pair.latest.same(name)):
                self._keep(pair, time, name)

    def _new(self, bucket: int) -> _Pair:
        """One that is free: another one, or the oldest."""
        if len(self._pairs) <= MAX_PAIRS:
            place = len(self._pairs)
            pair = _Pair()
            self._pairs.append(pair)
        else:
            place = self._oldest
            self._oldest = place + 1 if place < MAX_PAIRS else 1
            self._forget(place)
            pair = self._pairs[place]
        pair.bucket = bucket
        pair.next = self._buckets[bucket]
        self._buckets[bucket] = place
        return pair

    def _forget(self, place: int) -> None:
        old = self._pairs[place]
        self.forgotten += old.kept
        if self._buckets[old.bucket] == place:
            self._buckets[old.bucket] = old.next
            return
        before = self._pairs[self._buckets[old.bucket]]
        while before.next != place:
            before = self._pairs[before.next]
        before.next = old.next

    def _keep(self, pair: _Pair, time: int, name: Name) -> None:
        pair.latest = name
        if pair.kept < self._changes:
            place = pair.kept
            pair.kept = place + 1
        else:
            place = pair.first
            pair.first = place + 1 if place + 1 < pair.kept else 0
            self.forgotten += 1
        pair.times[place] = time
        pair.names[place] = name.text

    def told(self) -> tuple[DnsAddress, ...]:
        """As facts."""
        every: list[DnsAddress] = []
        for pair in self._pairs[self._oldest :] + self._pairs[1 : self._oldest]:
            pair.tell(every)
        every.sort(key=attrgetter("at"))
        return tuple(every)
