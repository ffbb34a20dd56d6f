# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Names seen lately, by their bytes on the wire; and queries by name, type, client and server."""

import os
from collections.abc import Callable

from workers.analysis.addresses import unpacked
from workers.analysis.dns_message import Message, read_message
from workers.analysis.dns_waiting import Ends
from workers.analysis.samples import Durations, Frames, durations, frames
from workers.packets import words
from workers.packets.scan import piece

MAX_NAMES = 1024
_SLOTS = 4096
_SEEN = 1024
_MAX_KEPT = 1024
"""Longer answers are not kept as they came."""
_NUMBERS = 32
_SEED = int.from_bytes(os.urandom(8), "big")
_ODD = int.from_bytes(os.urandom(8), "big") | 1


class Name:
    """A name as the wire had it, and as text; `key` and `hash` are those of all that differ in case only."""

    __slots__ = ("hash", "hashed", "key", "size", "text", "told", "wire")

    def __init__(self, wire: bytes, text: str) -> None:
        self.wire = wire
        """Empty when a pointer was a part of it, which means something else in another message."""
        self.size = len(wire)
        self.text = text
        self.key = text.lower()
        self.hash = hash(self.key) & 0x7FFFFFFF
        self.told = hash(text) & 0x7FFFFFFF
        self.hashed = 0
        """By which `Names` has it."""

    def begins(self, data: bytes, at: int, end: int) -> bool:
        """Whether it is what these bytes begin with: no name is the beginning of another one."""
        return 0 < self.size <= end - at and words.equal(self.wire, 0, data, at, self.size)

    def same(self, other: "Name") -> bool:
        """Whether both have the same text."""
        return self is other or (self.told == other.told and self.text == other.text)


def _hashed(data: bytes, at: int, end: int) -> int:
    """A hash of 31 bits, seeded, of the bytes before the first zero: of a name, if it is one."""
    hashed = _SEED
    while at + 8 <= end:
        word = words.eight(data, at)
        zeros = words.zeros(word)
        if zeros:
            return words.fold(hashed ^ word & (zeros & -zeros) - 1, _ODD) & 0x7FFFFFFF
        hashed = words.fold(hashed ^ word, _ODD)
        at += 8
    word = words.rest(data, at, end)
    zeros = words.zeros(word)
    return words.fold(hashed ^ word & (zeros & -zeros) - 1, _ODD) & 0x7FFFFFFF


class Names:
    """Names seen lately."""

    def __init__(self) -> None:
        self._slots: list[Name | None] = [None] * _SEEN
        """Two to a hash, the later one first."""
        self._none = Name(b"", "")

    def known(self, data: bytes, at: int, end: int) -> Name | None:
        """The name that these bytes begin with, if it was seen."""
        hashed = _hashed(data, at, end)
        name = self._slots[hashed & (_SEEN - 2)]
        if name is None or name.hashed != hashed or not name.begins(data, at, end):
            name = self._slots[(hashed & (_SEEN - 2)) + 1]
            if name is None or name.hashed != hashed or not name.begins(data, at, end):
                return None
        return name

    def of(self, message: Message, data: bytes) -> Name:
        """The name that a message asks for; an empty one when it asks for none."""
        if not message.asked:
            return self._none
        begin = message.start + 12
        name = self.known(data, begin, message.end)
        if name is not None:
            return name
        text = message.name(data)
        if message.asked - begin != (len(text) + 2 if text else 1):  # a pointer was a part of it
            return Name(b"", text)
        name = Name(piece(data, begin, message.asked), text)
        name.hashed = _hashed(data, begin, message.end)
        slot = name.hashed & (_SEEN - 2)
        self._slots[slot + 1] = self._slots[slot]
        self._slots[slot] = name
        return name


class Numbers:
    """Counts up to `limit` different numbers that traffic chose, 32 at most; others go under "other"."""

    __slots__ = ("_counts", "_known", "_limit", "_numbers", "_other")

    def __init__(self, limit: int) -> None:
        self._limit = min(limit, _NUMBERS)
        self._known = self._other = 0
        self._numbers = [0] * 32
        self._counts = [0] * 32

    def add(self, number: int) -> None:
        """Count one."""
        place = 0
        while place < self._known and self._numbers[place] != number:
            place += 1
        if place == self._known:
            if place == self._limit:
                self._other += 1
                return
            self._numbers[place] = number
            self._known += 1
        self._counts[place] += 1

    def count(self, number: int) -> int:
        """How many of this one."""
        place = 0
        while place < self._known and self._numbers[place] != number:
            place += 1
        return self._counts[place] if place < self._known else 0

    def told(self, name: Callable[[int], str]) -> dict[str, int]:
        """By name, in the names' order."""
        counts = {name(self._numbers[place]): self._counts[place] for place in range(self._known)}
        if self._other:
            counts["other"] = self._other
        return dict(sorted(counts.items()))


class Group:
    """Queries for one name and type from one client to one server."""

    __slots__ = (
        "_answer", "_found", "_given", "_long", "_number", "again", "again_after", "answered", "chain", "client",
        "client_rest", "last", "latency", "name", "place", "qtype", "queries", "rcodes", "retried", "server",
        "server_rest", "size", "tcp", "truncated", "unanswered",
    )  # fmt: skip

    def __init__(self, name: Name, qtype: int, ends: Ends, place: int) -> None:
        self.name = name
        """As the first query wrote it."""
        self.qtype = qtype
        self.place = place
        """Among all groups, counted from 1."""
        self.client, self.client_rest = ends.client, ends.client_rest
        self.server, self.server_rest, self.size = ends.server, ends.server_rest, ends.size
        self.queries = frames()
        self.answered = 0
        self.unanswered: Frames | None = None
        self.retried = 0
        self.again: Frames | None = None
        self.again_after: Durations | None = None
        self.last = 0
        """Place in the waiting list of the latest query."""
        self.rcodes = Numbers(_NUMBERS)
        self.truncated = 0
        self.latency = durations(64)
        self._number = self._long = 0
        """Addresses in the latest answer, when it held nothing else; and a bit for each that is an IPv6 one."""
        self._given = [0] * 16
        """These addresses, two numbers each."""
        self._answer = b""
        """Else that answer, up to the last record of interest; when that is too long, what it holds."""
        self._found: list[bytes | str] | None = None
        self.chain = self.tcp = 0

    def is_for(self, name: Name, qtype: int, ends: Ends) -> bool:
        """Whether it is the group of queries for this name and type between these ends."""
        return (
            self.qtype == qtype
            and self.client == ends.client
            and self.server == ends.server
            and self.client_rest == ends.client_rest
            and self.server_rest == ends.server_rest
            and self.size == ends.size
            and (self.name is name or (self.name.hash == name.hash and self.name.key == name.key))
        )

    def ends(self) -> tuple[str, str]:
        """Addresses of client and server as text."""
        client = unpacked(self.client, self.client_rest, self.size)
        return client, unpacked(self.server, self.server_rest, self.size)

    def asked_again(self, frame: int, after: int) -> None:
        """Count a query whose forerunner had waited so long."""
        if self.again is None or self.again_after is None:
            self.again, self.again_after = frames(), durations(64)
        self.again.add(frame)
        self.again_after.add(after)

    def not_answered(self, frame: int) -> None:
        """Count a query that nobody answered."""
        if self.unanswered is None:
            self.unanswered = frames()
        self.unanswered.add(frame)

    def answer(self, message: Message, data: bytes, took: int) -> None:
        """Count an answer."""
        self.answered += 1
        if message.aliases > self.chain:
            self.chain = max(self.chain, message.chain(data))
        self.truncated += message.truncated
        self.rcodes.add(message.rcode)
        self.latency.add(took)
        if message.rcode == 0:
            self._keep(message, data)

    def _keep(self, message: Message, data: bytes) -> None:
        self._answer = b""
        self._number = self._long = 0
        if message.aliases == 0:
            for index in range(message.addresses):
                at = message.places[index]
                if message.sizes[index] == 4:
                    self._given[2 * index] = words.four(data, at)
                else:
                    self._long |= 1 << index
                    self._given[2 * index] = words.eight(data, at)
                    self._given[2 * index + 1] = words.eight(data, at + 8)
            self._number = message.addresses
        elif message.told - message.start <= _MAX_KEPT:
            self._answer = piece(data, message.start, message.told)
        self._found = None
        if message.aliases and not self._answer:
            self._found = message.what_was_found(data)

    def has_found(self) -> bool:
        """Whether the latest answer held an address or a name."""
        return bool(self._number or self._answer or self._found)

    def found(self) -> list[bytes | str]:
        """What the latest answer held."""
        answer = self._answer
        if answer:
            return read_message(answer, 0, len(answer)).what_was_found(answer)
        if self._found is not None:
            return self._found
        return [
            unpacked(self._given[2 * index], self._given[2 * index + 1], 16 if self._long >> index & 1 else 4)
            for index in range(self._number)
        ]


class Groups:
    """The first MAX_NAMES groups."""

    def __init__(self) -> None:
        self.every: list[Group] = []
        self._slots = [0] * 4096
        """A group's hash and place, which counts from 1; 0 for none. Here it is seen of most that they are not kept."""

    def of(self, name: Name, qtype: int, ends: Ends) -> Group | None:
        """The group of a query; None when it isn't kept."""
        hashed = words.fold(ends.both ^ name.hash + qtype, _ODD) & 0x7FFFFFFF
        slot = hashed & (_SLOTS - 1)
        held = self._slots[slot]
        while held:
            if held >> 11 == hashed:
                group = self.every[(held & 0x7FF) - 1]
                if group.is_for(name, qtype, ends):
                    return group
            slot = (slot + 1) & (_SLOTS - 1)
            held = self._slots[slot]
        place = len(self.every) + 1
        if place > MAX_NAMES:
            return None
        group = Group(name, qtype, ends, place)
        self.every.append(group)
        self._slots[slot] = hashed << 11 | place
        return group
