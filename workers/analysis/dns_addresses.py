# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Which names clients were given which addresses for, and when: what a connection's address stands for.

Kept is each change only: another answer with the same address for the same name tells nothing new. The name is the one
the client asked for, whatever CNAMEs lead on from it. Bounded by forgetting what was told longest ago.
"""

import os
from operator import attrgetter
from typing import Any

from workers.analysis.addresses import unpacked
from workers.analysis.dns_message import Message
from workers.analysis.dns_names import Name
from workers.analysis.dns_waiting import Ends
from workers.analysis.samples import NANO
from workers.contract.facts_dns import DnsAddress
from workers.packets import words

MAX_PAIRS = 1024
"""Client and address."""
MAX_CHANGES = 16
"""Names of a pair, the latest."""
MAX_TOLD = 4096
"""Changes of all pairs together; each may be a long name."""
_BUCKETS = 2048
_NANO = NANO
_SEED = int.from_bytes(os.urandom(8), "big")
_ODD = int.from_bytes(os.urandom(8), "big") | 1


class DnsAddresses:
    """note each answer to an address query, tell them in order of time."""

    def __init__(self, ends: Ends, message: Message) -> None:
        self._ends, self._message = ends, message
        """Of the answer at hand."""
        self._buckets = [0] * 2048
        self._rows = [0] * 8200
        """Eight numbers of each pair, a client and an address given to it, both as `Ends` has them: the client, the
        address, the rests of both, and 256 times the client's size and the address's. Pairs are counted from 1."""
        self._links = [0] * 4100
        """Four of each: the next one in its bucket; the bucket; how many names it has, and which is the latest."""
        self._names: list[Any] = [None] * 16
        self._times = [0] * 16400
        """Sixteen names of each pair, and when they were told."""
        self._used = 0
        self._oldest = 1
        self._pairs, self._changes, self._most = MAX_PAIRS, MAX_CHANGES, MAX_TOLD
        self._kept = 0
        """Changes of all pairs."""
        self._thinned = 0
        """The pair whose names were forgotten last because there were too many."""
        self.forgotten = 0
        """Changes that were told and then forgotten."""

    def note(self, data: bytes, time: int, name: Name) -> None:
        """The client got an answer with addresses for a name."""
        for index in range(self._message.addresses):
            at, size = self._message.places[index], self._message.sizes[index]
            given, rest = words.four(data, at), 0
            if size == 16:
                given, rest = words.eight(data, at), words.eight(data, at + 8)
            hashed = words.fold(self._ends.client ^ _SEED, _ODD) ^ given
            sizes = self._ends.size << 8 | size
            if sizes != 0x404:
                hashed = words.fold(words.fold(hashed, _ODD) ^ self._ends.client_rest, _ODD) ^ rest
            bucket = words.fold(hashed, _ODD) & (_BUCKETS - 1)
            place = self._buckets[bucket]
            while place and not self._is_of(place, given, rest, sizes):
                place = self._links[4 * place]
            if not place:
                place = self._begin(bucket, given, rest, sizes)
            if self._names[16 * place + self._links[4 * place + 3]] is not name.text:
                self._change(place, time, name.text)

    def _is_of(self, place: int, given: int, rest: int, sizes: int) -> bool:
        row = 8 * place
        return (
            self._rows[row] == self._ends.client
            and self._rows[row + 1] == given
            and self._rows[row + 2] == self._ends.client_rest
            and self._rows[row + 3] == rest
            and self._rows[row + 4] == sizes
        )

    def _begin(self, bucket: int, given: int, rest: int, sizes: int) -> int:
        """A pair with no names yet: another one, or in place of the oldest."""
        if self._used < self._pairs:
            self._used += 1
            place = self._used
            self._names += [None] * 16
        else:
            place = self._oldest
            self._oldest = place + 1 if place < self._pairs else 1
            self._forget(place)
        row, link = 8 * place, 4 * place
        self._rows[row], self._rows[row + 1], self._rows[row + 2] = self._ends.client, given, self._ends.client_rest
        self._rows[row + 3], self._rows[row + 4] = rest, sizes
        self._links[link], self._links[link + 1] = self._buckets[bucket], bucket
        self._links[link + 2] = self._links[link + 3] = 0
        self._buckets[bucket] = place
        return place

    def _forget(self, place: int) -> None:
        link = 4 * place
        self._drop(place)
        before = self._buckets[self._links[link + 1]]
        if before == place:
            self._buckets[self._links[link + 1]] = self._links[link]
            return
        while self._links[4 * before] != place:
            before = self._links[4 * before]
        self._links[4 * before] = self._links[link]

    def _drop(self, place: int) -> None:
        """Forget the names of a pair."""
        kept = self._links[4 * place + 2]
        self.forgotten += kept
        self._kept -= kept
        self._links[4 * place + 2] = self._links[4 * place + 3] = 0
        self._names[16 * place : 16 * place + 16] = [None] * 16

    def _change(self, place: int, time: int, name: str) -> None:
        """Another name, unless it is only another object with the same text."""
        change = self._links[4 * place + 3]
        latest = self._names[16 * place + change]
        if latest != name:
            while self._kept >= self._most:
                self._thinned = self._thinned + 1 if self._thinned < self._used else 1
                self._drop(self._thinned)
            kept, change = self._links[4 * place + 2], self._links[4 * place + 3]
            if kept:
                change = change + 1 if change + 1 < self._changes else 0
            if kept < self._changes:
                self._links[4 * place + 2] = kept + 1
                self._kept += 1
            else:
                self.forgotten += 1
            self._links[4 * place + 3] = change
            self._times[16 * place + change] = time
        self._names[16 * place + change] = name

    def told(self) -> tuple[DnsAddress, ...]:
        """As facts."""
        every: list[DnsAddress] = []
        for place in (*range(self._oldest, self._used + 1), *range(1, self._oldest)):
            self._tell(place, every)
        every.sort(key=attrgetter("at"))
        return tuple(every)

    def _tell(self, place: int, every: list[DnsAddress]) -> None:
        """Each change of a pair, the oldest first."""
        row, kept, latest = 8 * place, self._links[4 * place + 2], self._links[4 * place + 3]
        client = unpacked(self._rows[row], self._rows[row + 2], self._rows[row + 4] >> 8)
        given = unpacked(self._rows[row + 1], self._rows[row + 3], self._rows[row + 4] & 255)
        for index in range(kept):
            change = 16 * place + (latest + 1 + index) % kept
            every.append(DnsAddress(client, given, self._names[change], self._times[change] * _NANO))
