# cython: annotation_typing=False
"""Kafka requests and responses by correlation id (Apache Kafka protocol guide, "Protocol Primitives" and "Messages").

Told are API names, and the error where a response has one at a known place near its beginning: that of the whole, or
that of the first partition for Produce, ListOffsets and OffsetCommit. A Fetch waits for data by its nature. Produce
with acks=0 is not answered. Tokens of the oldest SASL exchange have no header and are passed over.
"""

from struct import Struct
from typing import ClassVar

from workers.analysis.flows import Half
from workers.analysis.framing import FramedParser, ServiceParser
from workers.analysis.kafka_names import APIS, error
from workers.analysis.service_groups import Request
from workers.analysis.services import Exchange, ServiceStage
from workers.packets.packet import Packet

PORT = b"\x23\x84"
_REQUEST = Struct(">IHHih").unpack_from
"""Size, API key, version, correlation id, length of the client id (-1: none)."""
_RESPONSE = Struct(">Ii").unpack_from
_SHORT = Struct(">h").unpack_from
_INT = Struct(">i").unpack_from
_MAX_REQUEST, _MAX_RESPONSE = 100 * 1024 * 1024, 1 << 30
_MAX_VERSION, _MAX_CLIENT = 25, 255
_LOOK = 512
_CHAIN = 4
_STRAYS = 4
"""Responses that match nothing, before any did, that are still put up with: a capture may begin with some under way."""
_PRODUCE, _API_VERSIONS = 0, 18
_NEVER = 999
_TOP: dict[int, tuple[int, int, int, int]] = {
    1: (7, _NEVER, 1, 12), 10: (0, 3, 1, 3), 11: (0, _NEVER, 2, 6), 12: (0, _NEVER, 1, 4), 13: (0, _NEVER, 1, 4),
    14: (0, _NEVER, 1, 4), 16: (0, _NEVER, 1, 3), 17: (0, _NEVER, _NEVER, _NEVER), 18: (0, _NEVER, _NEVER, _NEVER),
    22: (0, _NEVER, 0, 2), 25: (0, _NEVER, 0, 3), 26: (0, _NEVER, 0, 3), 36: (0, _NEVER, _NEVER, 2),
    60: (0, _NEVER, 0, 0), 68: (0, _NEVER, 0, 0),
}  # fmt: skip
"""API key -> first and last version with an error for the whole, first with a throttle time before it, first flexible.

ApiVersions is flexible from 3, but never in the header of its response (KIP-511).
"""
_FIRST: dict[int, tuple[int, int, int, int]] = {0: (0, 12, _NEVER, 9), 2: (0, _NEVER, 2, 6), 8: (0, 9, 3, 8)}
"""The same where the error is that of the first partition, behind the name of the first topic."""


class KafkaExchange(Exchange):
    """One connection."""

    __slots__ = ()
    protocol: ClassVar[str] = "kafka"
    IN_ORDER: ClassVar[bool] = False

    def parser(self, half: Half) -> ServiceParser:
        """The parser of one direction."""
        return KafkaRequests(self, 14) if half is self.asker else KafkaResponses(self, 8)


def recognise(stage: ServiceStage, half: Half, buffer: bytes, at: int, end: int) -> ServiceParser | None:
    """A parser for a direction whose next bytes are these, if they are a request."""
    if half.key[-4:-2] == PORT or not _starts(buffer, at, end, sure=half.key[-2:] == PORT):
        return None
    return KafkaRequests(KafkaExchange(stage, half), 14)


def _starts(buffer: bytes, at: int, end: int, *, sure: bool) -> bool:
    """Whether requests begin here; off its port only those with a client id, or for the versions of APIs."""
    for first in (True, *[False] * _CHAIN):
        if end - at < 14:
            return not first
        size, key, version, _, client = _REQUEST(buffer, at)
        if not 10 <= size <= _MAX_REQUEST or key not in APIS or version > _MAX_VERSION:
            return False
        if not -1 <= client <= min(_MAX_CLIENT, size - 10) or not (sure or client > 0 or key == _API_VERSIONS):
            return False
        if not all(33 <= byte <= 126 for byte in buffer[at + 14 : min(end, at + 14 + max(client, 0))]):
            return False
        at += 4 + size
    return True


class KafkaRequests(FramedParser):
    """The client's messages."""

    __slots__ = ("_asked",)
    exchange: KafkaExchange

    def __init__(self, exchange: KafkaExchange, head: int) -> None:
        super().__init__(exchange, head)
        self._asked: Request | None = None

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """A request, behind a gap."""
        return _starts(buffer, at, end, sure=True)

    def size(self, buffer: bytes, at: int, end: int) -> int:
        """The size does not count itself."""
        size, key, version, _, client = _REQUEST(buffer, at)
        fits = 10 <= size <= _MAX_REQUEST and -1 <= client <= size - 10
        return 4 + size if fits and key in APIS and version <= _MAX_VERSION else -1

    def wanted(self, buffer: bytes, at: int) -> int:
        """Of Produce the acks are looked at."""
        return 14 if buffer[at + 4] or buffer[at + 5] else _LOOK

    def message(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Act on one request."""
        _, key, version, correlation, client = _REQUEST(buffer, at)
        if key == _PRODUCE and _no_acks(buffer[at + 14 + max(client, 0) : end], version):
            self.exchange.tell(APIS[key], packet)
            return True
        self._asked = self.exchange.ask_numbered(APIS[key], packet, correlation & 0xFFFF_FFFF)
        self._asked.detail = key << 16 | version
        return True

    def done(self, packet: Packet) -> None:
        """The request is over."""
        if self._asked is not None:
            self._asked.end = packet.time
        self._asked = None


class KafkaResponses(FramedParser):
    """The broker's messages."""

    __slots__ = ()
    REPLIES: ClassVar[bool] = True
    exchange: KafkaExchange

    def starts(self, buffer: bytes, at: int, end: int) -> bool:
        """A response to a request that waits, behind a gap."""
        return end - at >= 8 and self.size(buffer, at, end) > 0 and self._request(buffer, at) is not None

    def size(self, buffer: bytes, at: int, end: int) -> int:
        """The size does not count itself."""
        size = _RESPONSE(buffer, at)[0]
        return 4 + size if 4 <= size <= _MAX_RESPONSE else -1

    def wanted(self, buffer: bytes, at: int) -> int:
        """The error is looked for."""
        return _LOOK

    def _request(self, buffer: bytes, at: int) -> Request | None:
        return self.exchange.numbered.get(_RESPONSE(buffer, at)[1] & 0xFFFF_FFFF)

    def message(self, buffer: bytes, at: int, end: int, packet: Packet) -> bool:
        """Act on one response."""
        exchange, request = self.exchange, self._request(buffer, at)
        if request is None:
            exchange.strays += not exchange.paired
            exchange.stray(packet.number, "")
            return exchange.strays <= _STRAYS
        exchange.begin(request, self.begun, packet.number)
        code = _error(request.detail >> 16, request.detail & 0xFFFF, buffer[at + 8 : end])
        request.error = error(code) if code else ""
        exchange.complete(request)
        return True


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned varint and the offset after it; past the end, that is beyond the data."""
    value = shift = 0
    while at < len(data) and shift < 35:
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
        shift += 7
    return 0, len(data) + 1


def _count(data: bytes, at: int, *, compact: bool, short: bool = False) -> tuple[int, int]:
    """A length: a varint one too high in flexible versions, 2 or 4 bytes otherwise; -1 for null."""
    if compact:
        value, after = _varint(data, at)
        return value - 1, after
    size = 2 if short else 4
    if at + size > len(data):
        return -1, len(data) + 1
    return (_SHORT if short else _INT)(data, at)[0], at + size


def _no_acks(body: bytes, version: int) -> bool:
    """Whether a Produce request wants no response. `body` begins behind the client id."""
    at, compact = 0, version >= 9
    if compact:
        tags, at = _varint(body, at)
        if tags:
            return False
    if version >= 3:
        size, at = _count(body, at, compact=compact, short=True)
        at += max(size, 0)
    return at + 2 <= len(body) and _SHORT(body, at)[0] == 0


def _error(key: int, version: int, body: bytes) -> int:
    """The error code of a response, 0 for none or where it can't be seen. `body` begins behind the correlation id."""
    nested = key in _FIRST
    first, last, throttle, flexible = (_FIRST if nested else _TOP).get(key, (_NEVER, 0, 0, 0))
    if not first <= version <= last:
        return 0
    at, compact = 0, version >= flexible
    if compact:
        tags, at = _varint(body, at)
        if tags:
            return 0
    at += 4 if version >= throttle else 0
    if nested:
        at = _first_partition(body, at, compact=compact)
    return int(_SHORT(body, at)[0]) if at + 2 <= len(body) else 0


def _first_partition(body: bytes, at: int, *, compact: bool) -> int:
    """The offset of the error of the first partition of the first topic; beyond the data when there is none."""
    topics, at = _count(body, at, compact=compact)
    size, at = _count(body, at, compact=compact, short=True)
    partitions, at = _count(body, at + max(size, 0), compact=compact)
    return at + 4 if topics > 0 and partitions > 0 else len(body) + 1
