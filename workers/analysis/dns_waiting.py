# cython: annotation_typing=False
"""Queries that wait for their answers, in order, found by addresses, ports and id in either direction."""

from workers.analysis.dns_groups import Group, Name
from workers.packets.scan import digest_both, same

_BUCKETS = 4096


class Asked:
    """A query that waits for its answer. Others are meant by their places, of which 0 is none."""

    __slots__ = ("frame", "group", "hash", "id", "key", "name", "newer", "next", "older", "place", "time")

    def __init__(self, place: int) -> None:
        self.place = place
        self.next = 0
        """In its bucket, or of those that are free."""
        self.older = self.newer = 0
        self.hash = 0
        self.key = b""
        self.id = 0
        self.time = 0
        self.frame = 0
        self.group: Group | None = None
        self.name: Name | None = None


class Waiting:
    """add queries, find or take them when they are answered, and drop them."""

    def __init__(self) -> None:
        self._every = [Asked(0)]
        self._buckets = [0] * 4096
        self._free = 0
        self._oldest = self._newest = 0
        self.count = 0

    def add(self, key: bytes, number: int, hashed: int, name: Name) -> Asked:
        """A query that nobody waits for yet."""
        if self._free:
            asked = self._every[self._free]
            self._free = asked.next
        else:
            asked = Asked(len(self._every))
            self._every.append(asked)
        asked.key, asked.id, asked.name = key, number, name
        asked.hash = hashed
        bucket = hashed & (_BUCKETS - 1)
        asked.next = self._buckets[bucket]
        self._buckets[bucket] = asked.place
        asked.older, asked.newer = self._newest, 0
        if self._newest:
            newest = self._every[self._newest]
            newest.newer = asked.place
        else:
            self._oldest = asked.place
        self._newest = asked.place
        self.count += 1
        return asked

    def find(self, key: bytes, number: int, hashed: int) -> Asked | None:
        """The query with this key and id."""
        place = self._buckets[hashed & (_BUCKETS - 1)]
        while place:
            asked = self._every[place]
            if asked.hash == hashed and asked.id == number and asked.key == key:
                return asked
            place = asked.next
        return None

    def answered(self, key: bytes, number: int) -> Asked | None:
        """The query that an answer with this key and id is to."""
        size = len(key)
        hashed = digest_both(key, size, number)
        place = self._buckets[hashed & (_BUCKETS - 1)]
        while place:
            asked = self._every[place]
            if asked.hash == hashed and asked.id == number and _answers(asked.key, len(asked.key), key, size):
                return asked
            place = asked.next
        return None

    def latest(self, group: Group) -> Asked | None:
        """The latest query of a group, if it still waits."""
        asked = self._every[group.last]
        return asked if asked.group is group else None

    def oldest(self) -> Asked:
        """Of those that wait."""
        return self._every[self._oldest]

    def drop(self, asked: Asked) -> None:
        """A query is waited for no longer."""
        bucket = asked.hash & (_BUCKETS - 1)
        place = self._buckets[bucket]
        if place == asked.place:
            self._buckets[bucket] = asked.next
        else:
            before = self._every[place]
            while before.next != asked.place:
                before = self._every[before.next]
            before.next = asked.next
        if asked.older:
            before = self._every[asked.older]
            before.newer = asked.newer
        else:
            self._oldest = asked.newer
        if asked.newer:
            before = self._every[asked.newer]
            before.older = asked.older
        else:
            self._newest = asked.older
        asked.group = asked.name = None
        asked.next = self._free
        self._free = asked.place
        self.count -= 1


def _answers(query: bytes, length: int, key: bytes, size: int) -> bool:
    """Whether a key is that of the other direction."""
    if length != size:
        return False
    ports = size - 4
    half = ports // 2
    if query[ports] != key[ports + 2] or query[ports + 1] != key[ports + 3]:
        return False
    if query[ports + 2] != key[ports] or query[ports + 3] != key[ports + 1]:
        return False
    return same(query, 0, key, half, half) and same(query, half, key, 0, half)
