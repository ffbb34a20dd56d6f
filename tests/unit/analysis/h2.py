"""Builds HTTP/2 conversations frame by frame; header blocks by `hpack`'s encoder."""

import struct
from collections.abc import Sequence

from hpack import Encoder

from tests.unit.analysis.captures import ACK, PSH, Pcap, Tcp

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 9
GRPC = (("content-type", "application/grpc"), ("te", "trailers"))
Fields = Sequence[tuple[str, str]]


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    """One frame (RFC 9113 section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack("!I", stream) + payload


class Peer:
    """One side, with its own header table."""

    def __init__(self) -> None:
        self.encoder = Encoder()

    def block(self, *fields: tuple[str, str]) -> bytes:
        """A header block."""
        return self.encoder.encode(list(fields))

    def headers(self, stream: int, *fields: tuple[str, str], end: bool = False) -> bytes:
        """A HEADERS frame."""
        return frame(HEADERS, stream, self.block(*fields), 5 if end else 4)

    def get(self, stream: int, path: str, host: str = "shop", *more: tuple[str, str]) -> bytes:
        """A GET request."""
        fields = ((":method", "GET"), (":scheme", "http"), (":authority", host), (":path", path), *more)
        return self.headers(stream, *fields, end=True)

    def call(self, stream: int, path: str, message: bytes = b"hello") -> bytes:
        """A unary gRPC request."""
        fields = ((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "pay:50051"), *GRPC)
        return self.headers(stream, *fields) + data(stream, b"\0" + struct.pack("!I", len(message)) + message, end=True)

    def response(self, stream: int, status: int = 200, *, end: bool = True) -> bytes:
        """A response."""
        return self.headers(stream, (":status", str(status)), ("server", "x"), end=end)

    def result(self, stream: int, status: int = 0, message: bytes = b"world") -> bytes:
        """A gRPC response with its trailers."""
        head = self.headers(stream, (":status", "200"), GRPC[0])
        body = data(stream, b"\0" + struct.pack("!I", len(message)) + message)
        return head + body + self.headers(stream, ("grpc-status", str(status)), ("grpc-message", "secret"), end=True)


def data(stream: int, payload: bytes, *, end: bool = False) -> bytes:
    """A DATA frame."""
    return frame(DATA, stream, payload, 1 if end else 0)


class Talk:
    """Segments of one conversation in turn; each side's sequence numbers are kept."""

    def __init__(self, port: int = 50_051, *, handshake: bool = True, pcap: Pcap | None = None) -> None:
        self.pcap = pcap or Pcap()
        self.tcp = Tcp(self.pcap, server_port=port)
        self.sent = {"c": 1, "s": 1}
        if handshake:
            self.tcp.handshake()

    def say(self, time: float, side: str, *frames: bytes) -> "Talk":
        """One segment."""
        payload, other = b"".join(frames), "s" if side == "c" else "c"
        self.tcp.send(time, side, PSH | ACK, self.sent[side], self.sent[other], payload)
        self.sent[side] += len(payload)
        return self

    def lose(self, side: str, *frames: bytes) -> "Talk":
        """A segment that is not captured."""
        self.sent[side] += len(b"".join(frames))
        return self

    def begin(self) -> "Talk":
        """Preface and settings of both sides."""
        self.say(0.02, "c", PREFACE, frame(SETTINGS, 0, struct.pack("!HI", 3, 100)))
        return self.say(0.03, "s", frame(SETTINGS, 0), frame(SETTINGS, 0, flags=1))
