# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""Queries by name, type, client and server."""

import os
from collections.abc import Callable

from workers.analysis.addresses import unpacked
from workers.analysis.dns_message import Message, read_message
from workers.analysis.dns_names import Name
from workers.analysis.dns_waiting import Ends
from workers.analysis.samples import Durations, Frames, durations, frames
from workers.packets import words
from workers.packets.scan import piece

MAX_NAMES = 1024
_SLOTS = 4096
_MAX_KEPT = 1024
"""Longer answers are not kept as they came."""
_NUMBERS = 32
_ODD = int.from_bytes(os.urandom(8), "big") | 1


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

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        """Of the query at hand."""
        self.every: list[Group] = []
        self._kept = 0
        self._slots = [0] * 4096
        """A group's hash and place, which counts from 1; 0 for none. Here it is seen of most that they are not kept."""

    def of(self, name: Name, qtype: int) -> int:
        """The place of a query's group, counted from 1; 0 when it isn't kept."""
        hashed = words.fold(self._ends.both ^ name.hash + qtype, _ODD) & 0x7FFFFFFF
        slot = hashed & (_SLOTS - 1)
        while self._slots[slot]:
            if self._slots[slot] >> 11 == hashed and self._is_for(self._slots[slot] & 0x7FF, name, qtype):
                return self._slots[slot] & 0x7FF
            slot = (slot + 1) & (_SLOTS - 1)
        return 0 if self._kept >= MAX_NAMES else self._begin(slot, hashed, name, qtype)

    def _is_for(self, place: int, name: Name, qtype: int) -> bool:
        group = self.every[place - 1]
        return group.is_for(name, qtype, self._ends)

    def _begin(self, slot: int, hashed: int, name: Name, qtype: int) -> int:
        """Another group."""
        self._kept += 1
        self.every.append(Group(name, qtype, self._ends, self._kept))
        self._slots[slot] = hashed << 11 | self._kept
        return self._kept
