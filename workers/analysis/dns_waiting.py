# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Queries that wait for their answers, in order, found by addresses, ports and id.

Each has a place in arrays, counted from 1: no object is made, or looked up, for it.
"""

import os

from workers.analysis.dns_names import Name
from workers.packets import words

MAX_WAITING = 4096
_BUCKETS = 4096
_PLACES = 4098
"""One more than may wait, since one is added before the oldest is given up; and that of none."""
_SEED = int.from_bytes(os.urandom(8), "big")
_ODD = int.from_bytes(os.urandom(8), "big") | 1
_NONE = Name(b"", "")


class Ends:
    """Client and server of a message, its id, and hashes of them, seeded.

    An address is a number of its first eight bytes, and one of those behind them, which is 0 for IPv4.
    """

    __slots__ = ("both", "client", "client_rest", "hash", "server", "server_rest", "size", "tag")

    def __init__(self) -> None:
        self.client = self.client_rest = self.server = self.server_rest = 0
        self.size = 0
        """Bytes of an address: 4 or 16."""
        self.tag = 0
        """Both ports, the id, and whether addresses are long."""
        self.both = self.hash = 0
        """Of the addresses; and of everything."""


class Waiting:
    """find a query when it is answered or sent again, add it when it was not, and drop it."""

    def __init__(self) -> None:
        self.ends = Ends()
        """Of the last one sought."""
        self._buckets = [0] * 4096
        self.rows = [0] * 32784
        """Eight numbers of each place: tag, client, server, the rests of both; time and frame of the latest try; the
        place of its group, 0 for none."""
        self._links = [0] * 16392
        """Four of each: the next one in its bucket, or of those that are free; an older and a newer one; the bucket."""
        self.names: list[Name] = [_NONE] * _PLACES
        """What they ask for."""
        self._free = self._used = 0
        self.oldest = self._newest = 0
        self.count = 0

    def find(self, key: bytes, answer: bool, number: int) -> int:
        """The place of the query that has this key and id, or is answered with them; 0 for none."""
        if len(key) != 12:
            return self._find_long(key, answer, number)
        data, at = key, 4 if answer else 0
        client, server, ports = words.four(data, at), words.four(data, 4 - at), words.four(data, 8)
        if answer:
            ports = ports >> 16 | (ports & 0xFFFF) << 16
        tag = ports | number << 32
        both = words.fold(client ^ server << 32 ^ _SEED, _ODD)
        hashed = words.fold(both ^ tag, _ODD)
        self.ends.client, self.ends.client_rest, self.ends.server, self.ends.server_rest = client, 0, server, 0
        self.ends.size, self.ends.tag, self.ends.both, self.ends.hash = 4, tag, both, hashed
        place = self._buckets[hashed & (_BUCKETS - 1)]
        while place:
            row = 8 * place
            if self.rows[row] == tag and self.rows[row + 1] == client and self.rows[row + 2] == server:
                return place
            place = self._links[4 * place]
        return 0

    def _find_long(self, key: bytes, answer: bool, number: int) -> int:
        """The same between IPv6 addresses."""
        if len(key) != 36:
            raise ValueError("no key of two addresses with ports")
        ends, data, at = self.ends, key, 16 if answer else 0
        client, client_rest = words.eight(data, at), words.eight(data, at + 8)
        server, server_rest = words.eight(data, 16 - at), words.eight(data, 24 - at)
        ports = words.four(data, 32)
        if answer:
            ports = ports >> 16 | (ports & 0xFFFF) << 16
        tag = ports | number << 32 | 1 << 48
        both = words.fold(words.fold(client ^ _SEED, _ODD) ^ client_rest, _ODD)
        both = words.fold(words.fold(both ^ server, _ODD) ^ server_rest, _ODD)
        ends.client, ends.client_rest, ends.server, ends.server_rest = client, client_rest, server, server_rest
        ends.size, ends.tag, ends.both, ends.hash = 16, tag, both, words.fold(both ^ tag, _ODD)
        place = self._buckets[ends.hash & (_BUCKETS - 1)]
        while place:
            row = 8 * place
            if (
                self.rows[row] == tag
                and self.rows[row + 1] == client
                and self.rows[row + 2] == server
                and self.rows[row + 3] == client_rest
                and self.rows[row + 4] == server_rest
            ):
                return place
            place = self._links[4 * place]
        return 0

    def add(self, name: Name, group: int, time: int, frame: int) -> int:
        """The query that was not found; there are places for MAX_WAITING and one more."""
        place, newest, bucket = self._free, self._newest, self.ends.hash & (_BUCKETS - 1)
        if place:
            self._free = self._links[4 * place]
        else:
            assert self._used + 1 < _PLACES
            place = self._used = self._used + 1
        self.names[place] = name
        row, link = 8 * place, 4 * place
        self.rows[row], self.rows[row + 1], self.rows[row + 2] = self.ends.tag, self.ends.client, self.ends.server
        self.rows[row + 3], self.rows[row + 4] = self.ends.client_rest, self.ends.server_rest
        self.rows[row + 5], self.rows[row + 6], self.rows[row + 7] = time, frame, group
        self._links[link], self._links[link + 1] = self._buckets[bucket], newest
        self._links[link + 2], self._links[link + 3] = 0, bucket
        self._buckets[bucket] = place
        if newest:
            self._links[4 * newest + 2] = place
        else:
            self.oldest = place
        self._newest = place
        self.count += 1
        return place

    def behind(self, place: int, data: bytes, at: int, end: int) -> int:
        """The place behind the name, when these bytes begin with the name that is asked for there; else 0."""
        name = self.names[place]
        return at + name.size if name.begins(data, at, end) else 0

    def again(self, place: int, time: int, frame: int) -> None:
        """One that waits is sent again; it keeps its place in the order."""
        self.rows[8 * place + 5], self.rows[8 * place + 6] = time, frame

    def drop(self, place: int) -> None:
        """A query is waited for no longer."""
        link = 4 * place
        older, newer, bucket = self._links[link + 1], self._links[link + 2], self._links[link + 3]
        before = self._buckets[bucket]
        if before == place:
            self._buckets[bucket] = self._links[link]
        else:
            while self._links[4 * before] != place:
                before = self._links[4 * before]
            self._links[4 * before] = self._links[link]
        if older:
            self._links[4 * older + 2] = newer
        else:
            self.oldest = newer
        if newer:
            self._links[4 * newer + 1] = older
        else:
            self._newest = older
        self.rows[8 * place + 7] = 0
        self._links[link] = self._free
        self._free = place
        self.count -= 1
