# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Queries that wait for their answers, in order, found by addresses, ports and id.

Each has a place in arrays, counted from 1: no object is made, or looked up, for it.
"""

from workers.analysis.addresses import Ends
from workers.analysis.dns_groups import Name

MAX_WAITING = 4096
_BUCKETS = 4096
_PLACES = 4098
"""One more than may wait, since one is added before the oldest is given up; and that of none."""


class Waiting:
    """add queries, find them when they are answered or sent again, and drop them."""

    def __init__(self) -> None:
        self._buckets = [0] * 4096
        self._next = [0] * 4098
        """In a bucket, or of those that are free."""
        self._older, self._newer = [0] * 4098, [0] * 4098
        self._in = [0] * 4098
        """The bucket of each."""
        self._ids = [0] * 4098
        """Sizes of addresses, ids and ports, in one number."""
        self._clients, self._client_rests = [0] * 4098, [0] * 4098
        self._servers, self._server_rests = [0] * 4098, [0] * 4098
        self.times, self.frames = [0] * 4098, [0] * 4098
        self.groups = [0] * 4098
        """Their places, counted from 1."""
        self.names: list[Name | None] = [None] * _PLACES
        self._free = self._used = 0
        self.oldest = self._newest = 0
        self.count = 0

    def find(self, ends: Ends, number: int) -> int:
        """The place of the query between these ends with this id; 0 for none."""
        place = self._buckets[(ends.hash ^ number) & (_BUCKETS - 1)]
        sought = ends.kind | number << 48
        while place:
            if (
                self._ids[place] == sought
                and self._clients[place] == ends.client
                and self._servers[place] == ends.server
                and self._client_rests[place] == ends.client_rest
                and self._server_rests[place] == ends.server_rest
            ):
                return place
            place = self._next[place]
        return 0

    def add(self, ends: Ends, number: int, name: Name) -> int:
        """A query that nobody waits for yet; there are places for MAX_WAITING and one more."""
        place = self._free
        if place:
            self._free = self._next[place]
        else:
            assert self._used + 1 < _PLACES
            place = self._used = self._used + 1
        self._ids[place] = ends.kind | number << 48
        self._clients[place], self._client_rests[place] = ends.client, ends.client_rest
        self._servers[place], self._server_rests[place] = ends.server, ends.server_rest
        self.names[place] = name
        self.groups[place] = 0
        bucket = (ends.hash ^ number) & (_BUCKETS - 1)
        self._in[place] = bucket
        self._next[place] = self._buckets[bucket]
        self._buckets[bucket] = place
        self._older[place], self._newer[place] = self._newest, 0
        if self._newest:
            self._newer[self._newest] = place
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
