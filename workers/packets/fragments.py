"""Puts fragmented IP datagrams together, small and bounded (RFC 791 section 3.2, RFC 8200 section 4.5).

A datagram is handed on when its last missing fragment arrives, so it counts in that frame, as in Wireshark. Overlaps
keep the bytes that came first.
"""

MAX_DATAGRAMS = 256
MAX_PIECES = 64
MAX_BYTES = 65_535


class _Datagram:
    __slots__ = ("bytes", "ip_length", "pieces", "total")

    def __init__(self) -> None:
        self.pieces: dict[int, bytes] = {}
        self.total = -1
        self.bytes = 0
        self.ip_length = 0

    def whole(self) -> bytes | None:
        """The payload, when every byte of it is here."""
        if self.total < 0 or self.bytes < self.total:
            return None
        payload = bytearray()
        for offset in sorted(self.pieces):
            if offset > len(payload):
                return None
            payload += self.pieces[offset][len(payload) - offset :]
        return bytes(payload[: self.total]) if len(payload) >= self.total else None


class Fragments:
    """add(fragment) -> (payload, IP bytes of all fragments) when the datagram is complete, else None."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Datagram] = {}
        self.dropped = 0
        """Datagrams given up because too many were open or they broke a bound."""

    @property
    def incomplete(self) -> int:
        """Datagrams that never became whole."""
        return self.dropped + len(self._open)

    def add(self, key: bytes, offset: int, more: bool, data: bytes, ip_length: int) -> tuple[bytes, int] | None:
        """One fragment: `offset` and `data` of the datagram's payload, `more` unless it is the last."""
        datagram = self._open.get(key)
        if datagram is None:
            self._make_room()
            datagram = self._open[key] = _Datagram()
        if offset + len(data) > MAX_BYTES or len(datagram.pieces) >= MAX_PIECES:
            del self._open[key]
            self.dropped += 1
            return None
        datagram.ip_length += ip_length
        known = datagram.pieces.get(offset, b"")
        if len(data) > len(known):
            datagram.pieces[offset] = known + data[len(known) :]
            datagram.bytes += len(data) - len(known)
        if not more:
            datagram.total = offset + len(data)
        payload = datagram.whole()
        if payload is None:
            return None
        del self._open[key]
        return payload, datagram.ip_length

    def _make_room(self) -> None:
        while len(self._open) >= MAX_DATAGRAMS:
            del self._open[next(iter(self._open))]
            self.dropped += 1
