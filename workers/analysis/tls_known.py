# cython: annotation_typing=False
"""What hellos and certificate chains say, found by their bytes: the same software says the same at every connection.

A hello is known by its shape, which is all that facts are made of: without random, session id, key share and the like,
and without the server name, which is known by itself. A chain is known by the whole of its message. What was not seen
before, or is odd in any way, is read by `tls_messages` and `certificates`. All tables are bounded.
"""

from workers.analysis import tls_names
from workers.analysis.http_message import text
from workers.analysis.tls_messages import MAX_NAME, RETRY_RANDOM, Hello, client_hello, server_hello
from workers.packets.scan import digest, piece, same

MAX_SHAPES, MAX_SHAPE_BYTES, MAX_NAMES = 256, 4096, 1024
MAX_PROTOCOLS = 256
"""Different lists of ALPN protocols kept; of others is told that they are others."""
_OTHERS = ("other",)
_BUCKETS = 256
_PIECES = 32
MAX_CHAINS, MAX_CHAIN_BYTES = 64, 16_384
_SERVER_NAME, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _VERSIONS, _KEY_SHARE = 0, 10, 11, 13, 16, 43, 51
_FIRST_RANDOM = RETRY_RANDOM[0]


class Count:
    """How often something was said."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


def counted(counts: dict[str, Count], name: str, limit: int) -> Count:
    """Where to count a name that traffic chose: beyond the limit of different names it goes under "other"."""
    if name not in counts and len(counts) >= limit:
        name = "other"
    found = counts.get(name)
    if found is None:
        found = counts[name] = Count()
    return found


def numbers(counts: dict[str, Count]) -> dict[str, int]:
    """Name -> how often, by name."""
    return {name: counts[name].number for name in sorted(counts)}


class Said:
    """What a ClientHello or ServerHello says."""

    __slots__ = ("alpn", "count", "ja3", "ja4", "retry", "suite", "version")

    def __init__(self, hello: Hello, suite: str) -> None:
        self.version, self.alpn = tls_names.version(hello.version), hello.alpn
        self.ja3, self.ja4, self.suite = hello.ja3, hello.ja4, suite
        self.retry = hello.retry
        self.count: Count | None = None


class Pieces:
    """Where the bytes of a hello's shape lie in a message, in order, and a hash of them."""

    __slots__ = ("begins", "ends", "hash", "name_at", "name_end", "number")

    def __init__(self) -> None:
        self.begins = [0] * 32
        self.ends = [0] * 32
        self.hash = self.number = 0
        self.name_at = self.name_end = 0
        """Where the server name lies that a client asks for."""

    def client(self, data: bytes, at: int, end: int) -> bool:
        """Note those of a ClientHello, and its server name; whether it holds together."""
        self.number = self.hash = self.name_at = self.name_end = 0
        if end - at < 41:
            return False
        suites = at + 35 + data[at + 34]  # behind random and session id
        if suites + 2 > end:
            return False
        behind = suites + 2 + (data[suites] << 8 | data[suites + 1])
        if behind + 1 > end:
            return False
        self.add(data, at, at + 2)
        self.add(data, suites, behind)
        at = behind + 1 + data[behind]  # behind the compressions
        return at + 2 <= end and self._extensions(data, at, end, at + 2, True)

    def server(self, data: bytes, at: int, end: int) -> bool:
        """Note those of a ServerHello; whether it holds together, and is not one of the drafts' or of a retry."""
        self.number = self.hash = 0
        if end - at < 38 or data[at] != 3 or (data[at + 2] == _FIRST_RANDOM and _retries(data, at)):
            return False
        self.add(data, at, at + 2)
        suite = at + 35 + data[at + 34]
        return suite + 3 <= end and self._extensions(data, suite + 3, end, suite, False)

    def _extensions(self, data: bytes, at: int, end: int, wanted: int, client: bool) -> bool:
        """Note what is wanted from a place on that lies before the extensions, or in them; whether these hold together.

        Of a client's only those are wanted that facts are made of, of a server's all but the key share.
        """
        if at < end:
            if at + 2 > end or at + 2 + (data[at] << 8 | data[at + 1]) != end:
                return False
            at += 2
        while at < end:
            if end - at < 4:
                return False
            kind, after = data[at] << 8 | data[at + 1], at + 4 + (data[at + 2] << 8 | data[at + 3])
            if after > end or (client and kind == _SERVER_NAME and not self._finds_name(data, at + 4, after)):
                return False
            if kind not in (_GROUPS, _POINTS, _SIGNATURES, _ALPN, _VERSIONS) if client else kind == _KEY_SHARE:
                if not self.add(data, wanted, at + 2):
                    return False
                wanted = after
            at = after
        return self.add(data, wanted, end)

    def _finds_name(self, data: bytes, at: int, end: int) -> bool:
        """Whether an extension is the only one of its kind, and holds one host name and no more."""
        if self.name_end or end - at <= 5 or data[at + 2]:
            return False
        self.name_at, self.name_end = at + 5, end
        return (data[at] << 8 | data[at + 1]) == end - at - 2 and (data[at + 3] << 8 | data[at + 4]) == end - at - 5

    def add(self, data: bytes, at: int, end: int) -> bool:
        """One more; False when there are too many."""
        if self.number == _PIECES:
            return False
        self.begins[self.number], self.ends[self.number] = at, end
        self.number += 1
        self.hash = digest(data, at, end, self.hash)
        return True

    def are(self, shape: bytes, size: int, data: bytes) -> bool:
        """Whether this is what they are put together."""
        done = index = 0
        while index < self.number:
            at, end = self.begins[index], self.ends[index]
            if end - at > size - done or not same(shape, done, data, at, end - at):
                return False
            done += end - at
            index += 1
        return done == size


class Shape:
    """How hellos begin that say the same. Apart from what they say, which handshakes keep."""

    __slots__ = ("hash", "joined", "next", "said")

    def __init__(self, joined: bytes, number: int, said: Said) -> None:
        self.joined, self.hash, self.said = joined, number, said
        self.next: Shape | None = None
        """In its bucket."""


class Shapes:
    """find(pieces) -> what hellos of that shape say, if it is kept. All are forgotten when there are too many."""

    __slots__ = ("_buckets", "_number")

    def __init__(self) -> None:
        self._buckets: list[Shape | None] = [None] * _BUCKETS
        self._number = 0

    def find(self, pieces: Pieces, data: bytes) -> Said | None:
        """Of a shape that lies in these pieces of a message."""
        shape = self._buckets[pieces.hash & (_BUCKETS - 1)]
        while shape is not None:
            if shape.hash == pieces.hash and pieces.are(shape.joined, len(shape.joined), data):
                return shape.said
            shape = shape.next
        return None

    def keep(self, said: Said, pieces: Pieces, data: bytes) -> None:
        """For the next one of this shape, unless it is a long one."""
        joined = b"".join([data[pieces.begins[place] : pieces.ends[place]] for place in range(pieces.number)])
        if len(joined) > MAX_SHAPE_BYTES:
            return
        if self._number >= MAX_SHAPES:
            self._number, self._buckets = 0, [None] * _BUCKETS
        self._number += 1
        shape, bucket = Shape(joined, pieces.hash, said), pieces.hash & (_BUCKETS - 1)
        shape.next = self._buckets[bucket]
        self._buckets[bucket] = shape


class Name:
    """A server name asked for."""

    __slots__ = ("count", "text")

    def __init__(self, name: str, count: Count | None) -> None:
        self.text = name
        self.count = count


NOBODY = Name("", None)


class Hellos:
    """client(hello), server(hello) -> what it says. `asked` is the server name in the latest ClientHello."""

    def __init__(self) -> None:
        self.names: dict[str, Count] = {}
        self.asked = NOBODY
        self._tcp, self._quic, self._servers = Shapes(), Shapes(), Shapes()
        self._pieces = Pieces()
        self._named: dict[bytes, Name] = {}
        self._protocols: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}

    def client(self, buffer: bytes, at: int, end: int, transport: str) -> Said:
        """What the ClientHello between two places says."""
        shapes, pieces = self._quic if transport == "quic" else self._tcp, self._pieces
        kept = pieces.client(buffer, at, end)
        if kept:
            said = shapes.find(pieces, buffer)
            if said is not None:
                self.asked = self._name(piece(buffer, pieces.name_at, pieces.name_end))
                return said
        hello = client_hello(buffer[at:end], transport)
        said = Said(hello, "")
        said.alpn = self._once(said.alpn)
        self.asked = self._name_of(hello.sni)
        if kept:
            shapes.keep(said, pieces, buffer)
        return said

    def server(self, buffer: bytes, at: int, end: int) -> Said:
        """What the ServerHello between two places says."""
        shapes, pieces = self._servers, self._pieces
        kept = pieces.server(buffer, at, end)
        if kept:
            said = shapes.find(pieces, buffer)
            if said is not None:
                return said
        hello = server_hello(buffer[at:end])
        said = Said(hello, tls_names.suite(hello.cipher))
        said.alpn = self._once(said.alpn)
        if kept:
            shapes.keep(said, pieces, buffer)
        return said

    def _once(self, protocols: tuple[str, ...]) -> tuple[str, ...]:
        """The same, kept once for all handshakes: each may offer names of its own, as long as it likes."""
        known = self._protocols.get(protocols)
        if known is None:
            if len(self._protocols) > MAX_PROTOCOLS:
                return _OTHERS
            known = self._protocols[protocols] = protocols
        return known

    def _name(self, raw: bytes) -> Name:
        """A name by its bytes; none for no bytes."""
        if len(raw) > MAX_NAME:
            return self._name_of(text(raw, MAX_NAME))
        name = self._named.get(raw)
        if name is None:
            if len(self._named) >= MAX_NAMES:
                self._named.clear()
            name = self._named[raw] = self._name_of(text(raw, MAX_NAME))
        return name

    def _name_of(self, name: str) -> Name:
        return Name(name, counted(self.names, name, 256)) if name else NOBODY


def _retries(buffer: bytes, at: int) -> bool:
    return piece(buffer, at + 2, at + 34) == RETRY_RANDOM


class Chain:
    """A Certificate message: how many certificates it has, and what is told of those at its beginning."""

    __slots__ = ("matches", "not_after", "not_before", "number", "numbers", "readable")

    def __init__(self, number: int, numbers: tuple[int, ...]) -> None:
        self.number = number
        self.numbers = numbers
        """Of the certificates, as `Certificates` has them; -1 for one that can't be read."""
        self.readable = False
        """Whether the server's own can be; only then the next ones mean anything."""
        self.not_before = self.not_after = 0.0
        self.matches: dict[str, str] = {}
        """Names asked for, and how the server's own certificate covers them."""


class Chains:
    """find(message) -> what was kept for the same bytes before, or None."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[bytes, Chain]] = {}

    def find(self, body: bytes) -> Chain | None:
        """The chain of a Certificate message that was kept."""
        known = self._known.get(sampled(body))
        return known[1] if known is not None and known[0] == body else None

    def keep(self, body: bytes, chain: Chain) -> None:
        """Remember what a message says."""
        if len(body) <= MAX_CHAIN_BYTES:
            if len(self._known) >= MAX_CHAINS:
                self._known.clear()
            self._known[sampled(body)] = body, chain


def sampled(body: bytes) -> int:
    """A number made of some of the bytes, for a table whose entries are compared whole."""
    size = len(body)
    mixed, step, at = size, size // 32 + 1, 0
    while at < size:
        mixed = (mixed * 31 + body[at]) & 0x3FFFFFFF
        at += step
    return mixed
