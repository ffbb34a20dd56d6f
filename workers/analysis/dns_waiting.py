# cython: annotation_typing=False
"""Queries that wait for their answers, in order, found by addresses, ports and id in either direction."""

from workers.analysis.dns_groups import Group, Name
from workers.packets import words
from workers.packets.scan import digest_both

_BUCKETS = 4096
_LONGEST = 36
"""Bytes of a key with ports."""


class Asked:
    """A query that waits for its answer. Others are meant by their places, of which 0 is none."""

    __slots__ = (
        "ends", "frame", "group", "hash", "id", "length", "name", "newer", "next", "older", "place", "time"
    )  # fmt: skip

    def __init__(self, place: int) -> None:
        self.place = place
        self.next = 0
        """In its bucket, or of those that are free."""
        self.older = self.newer = 0
        self.hash = 0
        self.ends = [0] * 9
        """The key, four bytes a number: so many bytes long."""
        self.length = 0
        self.id = 0
        self.time = 0
        self.frame = 0
        self.group: Group | None = None
        self.name: Name | None = None

    def begin(self, key: bytes, length: int) -> None:
        """Be one with this key."""
        self.length = length = min(length, _LONGEST)
        place = 0
        while place < length:
            self.ends[place >> 2] = words.four(key, place)
            place += 4

    def is_of(self, key: bytes, length: int) -> bool:
        """Whether this is its key."""
        if length != self.length:
            return False
        place = 0
        while place < length and self.ends[place >> 2] == words.four(key, place):
            place += 4
        return place >= length

    def is_answered(self, key: bytes, length: int) -> bool:
        """Whether a key is that of the other direction."""
        if length != self.length:
            return False
        half, place = (length - 4) // 2, 0
        while place < half:
            if self.ends[place >> 2] != words.four(key, half + place) or self.ends[half + place >> 2] != words.four(
                key, place
            ):
                return False
            place += 4
        ports = words.four(key, length - 4)
        return self.ends[half >> 1] == (ports >> 16 | (ports & 0xFFFF) << 16)


class Waiting:
    """add queries, find or take them when they are answered, and drop them."""

    def __init__(self) -> None:
        self._every = [Asked(0)]
        self._buckets = [0] * 4096
        self._free = 0
        self._oldest = self._newest = 0
        self.count = 0

    def add(self, key: bytes, length: int, number: int, hashed: int, name: Name) -> Asked:
        """A query that nobody waits for yet."""
        if self._free:
            asked = self._every[self._free]
            self._free = asked.next
        else:
            asked = Asked(len(self._every))
            self._every.append(asked)
        asked.begin(key, length)
        asked.id, asked.name = number, name
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

    def find(self, key: bytes, length: int, number: int, hashed: int) -> Asked | None:
        """The query with this key and id."""
        place = self._buckets[hashed & (_BUCKETS - 1)]
        while place:
            asked = self._every[place]
            if asked.hash == hashed and asked.id == number and asked.is_of(key, length):
                return asked
            place = asked.next
        return None

    def answered(self, key: bytes, length: int, number: int) -> Asked | None:
        """The query that an answer with this key and id is to."""
        hashed = digest_both(key, length, number)
        place = self._buckets[hashed & (_BUCKETS - 1)]
        while place:
            asked = self._every[place]
            if asked.hash == hashed and asked.id == number and asked.is_answered(key, length):
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
