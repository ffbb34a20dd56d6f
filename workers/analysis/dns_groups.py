# cython: annotation_typing=False
"""Names seen lately, by their bytes on the wire; and queries by name, type, client and server."""

from collections.abc import Callable

from workers.analysis.dns_message import Message, read_message
from workers.analysis.samples import Durations, Frames
from workers.packets.scan import digest, piece, same

MAX_NAMES = 1024
_SLOTS = 4096
_SEEN = 1024
_MAX_KEPT = 1024
"""Longer answers are not kept as they came."""
_NUMBERS = 32


class Name:
    """A name as the wire had it, and as text; `key` and `hash` are those of all that differ in case only."""

    __slots__ = ("hash", "key", "text", "wire")

    def __init__(self, wire: bytes, text: str) -> None:
        self.wire = wire
        self.text = text
        self.key = text.lower()
        self.hash = hash(self.key) & 0x7FFFFFFF

    def is_of(self, message: Message, data: bytes) -> bool:
        """Whether a message asks for it, byte by byte."""
        begin = message.start + 12
        size = len(self.wire)
        return message.asked == begin + size and same(self.wire, 0, data, begin, size)


class Names:
    """Names seen lately."""

    def __init__(self) -> None:
        self._slots: list[Name | None] = [None] * _SEEN
        """Two to a hash, the later one first."""
        self._none = Name(b"", "")

    def of(self, message: Message, data: bytes) -> Name:
        """The name that a message asks for; an empty one when it asks for none."""
        if not message.asked:
            return self._none
        begin = message.start + 12
        slot = digest(data, begin, message.asked, 0) & (_SEEN - 2)
        name = self._slots[slot]
        if name is not None and name.is_of(message, data):
            return name
        name = self._slots[slot + 1]
        if name is not None and name.is_of(message, data):
            return name
        text = message.name(data)
        if message.asked - begin != (len(text) + 2 if text else 1):  # a pointer was a part of it
            return Name(b"", text)
        self._slots[slot + 1] = self._slots[slot]
        name = self._slots[slot] = Name(piece(data, begin, message.asked), text)
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
        "_answer", "_found", "again", "again_after", "answered", "chain", "ends", "key", "last", "latency", "name",
        "qtype", "queries", "rcodes", "retried", "tcp", "truncated", "unanswered",
    )  # fmt: skip

    def __init__(self, name: Name, qtype: int, ends: bytes) -> None:
        self.name = name.text
        """As the first query wrote it."""
        self.key = name.key
        self.qtype = qtype
        self.ends = ends
        """Addresses of client and server."""
        self.queries = Frames()
        self.answered = 0
        self.unanswered: Frames | None = None
        self.retried = 0
        self.again: Frames | None = None
        self.again_after: Durations | None = None
        self.last = 0
        """Place in the waiting list of the latest query."""
        self.rcodes = Numbers(_NUMBERS)
        self.truncated = 0
        self.latency = Durations(64)
        self._answer = b""
        """The latest answer, up to the last record of interest; when that is too long, what it holds."""
        self._found: list[bytes | str] = []
        self.chain = self.tcp = 0

    def is_for(self, name: Name, qtype: int, key: bytes, ends: int) -> bool:
        """Whether it is the group of queries for this name and type between the ends that a key begins with."""
        if self.qtype != qtype or len(self.ends) != ends:
            return False
        return same(self.ends, 0, key, 0, ends) and (self.key is name.key or self.key == name.key)

    def asked_again(self, frame: int, after: int) -> None:
        """Count a query whose forerunner had waited so long."""
        if self.again is None or self.again_after is None:
            self.again, self.again_after = Frames(), Durations(64)
        self.again.add(frame)
        self.again_after.add(after)

    def not_answered(self, frame: int) -> None:
        """Count a query that nobody answered."""
        if self.unanswered is None:
            self.unanswered = Frames()
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
        if message.found and message.told - message.start <= _MAX_KEPT:
            self._answer = piece(data, message.start, message.told)
        else:
            self._answer = b""
            self._found = message.what_was_found(data)

    def has_found(self) -> bool:
        """Whether the latest answer held an address or a name."""
        return bool(self._answer or self._found)

    def found(self) -> list[bytes | str]:
        """What the latest answer held."""
        answer = self._answer
        return read_message(answer, 0, len(answer)).what_was_found(answer) if answer else self._found


class Groups:
    """The first MAX_NAMES groups."""

    def __init__(self) -> None:
        self.every: list[Group] = []
        self._slots = [0] * 4096
        """A group's hash and place, which counts from 1; 0 for none. Here it is seen of most that they are not kept."""

    def of(self, name: Name, qtype: int, key: bytes, length: int) -> Group | None:
        """The group of a query between the ends of a key; None when it isn't kept."""
        ends = length - 4
        hashed = digest(key, 0, ends, name.hash + qtype)
        slot = hashed & (_SLOTS - 1)
        held = self._slots[slot]
        while held:
            if held >> 11 == hashed:
                group = self.every[(held & 0x7FF) - 1]
                if group.is_for(name, qtype, key, ends):
                    return group
            slot = (slot + 1) & (_SLOTS - 1)
            held = self._slots[slot]
        if len(self.every) >= MAX_NAMES:
            return None
        group = Group(name, qtype, piece(key, 0, ends))
        self.every.append(group)
        self._slots[slot] = hashed << 11 | len(self.every)
        return group
