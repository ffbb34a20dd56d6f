# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Queries that wait for their answers, in order, found by addresses, ports and id.

Each has a place in arrays, counted from 1: no object is made, or looked up, for it.
"""

import os
from typing import Any

from workers.packets import words

MAX_WAITING = 4096
_BUCKETS = 4096
_PLACES = 4098
"""One more than may wait, since one is added before the oldest is given up; and that of none."""
_SEED = int.from_bytes(os.urandom(8), "big")
_ODD = int.from_bytes(os.urandom(8), "big") | 1


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
        """Both ports, the id, and the size."""
        self.both = self.hash = 0
        """Of the addresses; and of everything."""


class Waiting:
    """find a query when it is answered or sent again, add it when it was not, and drop it."""

    def __init__(self) -> None:
        self.ends = Ends()
        """Of the last one sought."""
        self._buckets = [0] * 4096
        self._next = [0] * 4098
        """In a bucket, or of those that are free."""
        self._older, self._newer = [0] * 4098, [0] * 4098
        self._in = [0] * 4098
        """The bucket of each."""
        self._tags = [0] * 4098
        self._clients, self._client_rests = [0] * 4098, [0] * 4098
        self._servers, self._server_rests = [0] * 4098, [0] * 4098
        self.times, self.frames = [0] * 4098, [0] * 4098
        self.groups = [0] * 4098
        """Their places, counted from 1."""
        self.names: list[Any] = [None] * _PLACES
        """What they ask for."""
        self._free = self._used = 0
        self.oldest = self._newest = 0
        self.count = 0

    def find(self, key: bytes, size: int, answer: bool, number: int) -> int:
        """The place of the query that has this key and id, or is answered with them; 0 for none.

        The key is one with ports, and addresses of this size.
        """
        ends, at = self.ends, size if answer else 0
        if size == 4:
            client, client_rest = words.four(key, at), 0
            server, server_rest = words.four(key, 4 - at), 0
            both = words.fold(client ^ server << 32 ^ _SEED, _ODD)
        else:
            client, client_rest = words.eight(key, at), words.eight(key, at + 8)
            server, server_rest = words.eight(key, 16 - at), words.eight(key, 24 - at)
            both = words.fold(words.fold(client ^ _SEED, _ODD) ^ client_rest, _ODD)
            both = words.fold(words.fold(both ^ server, _ODD) ^ server_rest, _ODD)
        ports = words.four(key, 2 * size)
        if answer:
            ports = ports >> 16 | (ports & 0xFFFF) << 16
        tag = ports | number << 32 | size << 48
        ends.client, ends.client_rest, ends.server, ends.server_rest = client, client_rest, server, server_rest
        ends.size, ends.tag, ends.both, ends.hash = size, tag, both, words.fold(both ^ tag, _ODD)
        place = self._buckets[ends.hash & (_BUCKETS - 1)]
        while place:
            if (
                self._tags[place] == tag
                and self._clients[place] == client
                and self._servers[place] == server
                and self._client_rests[place] == client_rest
                and self._server_rests[place] == server_rest
            ):
                return place
            place = self._next[place]
        return 0

    def add(self, name: Any) -> int:
        """The query that was not found; there are places for MAX_WAITING and one more."""
        ends, place = self.ends, self._free
        if place:
            self._free = self._next[place]
        else:
            assert self._used + 1 < _PLACES
            place = self._used = self._used + 1
        self._tags[place] = ends.tag
        self._clients[place], self._client_rests[place] = ends.client, ends.client_rest
        self._servers[place], self._server_rests[place] = ends.server, ends.server_rest
        self.names[place] = name
        self.groups[place] = 0
        bucket = ends.hash & (_BUCKETS - 1)
        self._in[place] = bucket
        self._next[place] = self._buckets[bucket]
        self._buckets[bucket] = place
        newest = self._newest
        self._older[place], self._newer[place] = newest, 0
        if newest:
            self._newer[newest] = place
        else:
            self.oldest = place
        self._newest = place
        self.count += 1
        return place

    def full(self) -> bool:
        """Whether the oldest has to be given up."""
        return self.count > MAX_WAITING

    def drop(self, place: int) -> None:
        """A query is waited for no longer."""
        bucket, older, newer = self._in[place], self._older[place], self._newer[place]
        before = self._buckets[bucket]
        if before == place:
            self._buckets[bucket] = self._next[place]
        else:
            while self._next[before] != place:
                before = self._next[before]
            self._next[before] = self._next[place]
        if older:
            self._newer[older] = newer
        else:
            self.oldest = newer
        if newer:
            self._older[newer] = older
        else:
            self._newest = older
        self.groups[place] = 0
        self._next[place] = self._free
        self._free = place
        self.count -= 1
