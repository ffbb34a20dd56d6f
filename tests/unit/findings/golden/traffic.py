"""Captures in few words: what a pod says to whom, written as pcap bytes and read back as a target with facts.

A `Scene` is one pod's capture; `Link` is one TCP connection in it that keeps its own clock, sequence numbers, TTLs and
IP identifications. Frames may be written in any order; they are sorted by time unless the scene says otherwise.
"""

import functools
import itertools
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from tests.unit.analysis.captures import ACK, FIN, PSH, RST, SYN, Pcap, analyse, dns
from workers.contract.facts import Facts
from workers.contract.report import CaptureOutcome, TargetResult

POD, OTHER_POD, PAYMENTS, LEDGER, VAULT = "198.19.1.4", "198.19.1.5", "198.18.7.1", "198.18.7.2", "198.18.7.3"
PAYMENTS_POD, RESOLVER, WORLD, ROUTER, NODE = "198.19.3.4", "198.18.0.10", "192.0.2.77", "198.19.0.1", "198.19.0.2"
START = 1_700_000_000
MSS = 1460
SYN_OPTIONS = bytes.fromhex("020405b401010402")
_RETRIES = (1, 2, 4, 8, 16)
"""Seconds between repeats, doubled each time (RFC 6298)."""


@dataclass
class Scene:
    """One pod's capture in the making; times are seconds from its start."""

    pod: str = "checkout-7d9f"
    ip: str = POD
    node: str = "n1"
    snaplen: int = 262_144
    sort: bool = True
    outcome: dict[str, Any] = field(default_factory=dict)
    other_ports: dict[str, int] = field(default_factory=dict)
    end: float = 0.0
    """When the capture's last packet comes, at least."""
    tail: bytes = b""
    """Bytes behind the last record."""
    frames: list[tuple[float, bytes]] = field(default_factory=list)
    _ports: Iterator[int] = field(default_factory=lambda: itertools.count(40_001))

    def add(self, time: float, frame: bytes) -> None:
        """One Ethernet frame."""
        self.frames.append((time, frame))

    def tcp(self, server: str = PAYMENTS, port: int = 8080, at: float = 0.0, **about: Any) -> "Link":
        """A connection that is not yet open; from the pod unless `client` says otherwise."""
        return Link(self, server, port, at, **({"client_port": next(self._ports)} | about))

    def ask(
        self, at: float, name: str, *, took: float | None = 0.001, rcode: int = 0, qtype: int = 1, **about: Any
    ) -> int:
        """A DNS query and its answer after `took` seconds, None for none; the client's port."""
        port, number = about.get("port", 0) or next(self._ports), about.get("number", 7)
        server, client = about.get("server", RESOLVER), about.get("client", self.ip)
        self.add(at, datagram(client, port, server, 53, dns(number, name, qtype=qtype)))
        if took is not None:
            answer = bytearray(dns(number, name, response=True, rcode=rcode, qtype=qtype))
            answer[2] |= 2 * about.get("truncated", False)
            self.add(at + took, datagram(server, 53, client, port, bytes(answer)))
        return port

    def normal(self, server: str = PAYMENTS, port: int = 8080, *, count: int = 12, at: float = 0.0) -> "Scene":
        """Healthy traffic beside what the scene is about, over six seconds."""
        for n in range(count):
            start = at + 6.0 * n / count
            self.ask(start, "payments.shop.svc.cluster.local")
            self.tcp(server, port, start + 0.01).open().get("/cart").get("/cart").close()
        return self

    def bytes(self) -> bytes:
        """The capture file."""
        if self.end:
            self.ask(self.end, "payments.shop.svc.cluster.local", took=0.0)
            self.end = 0.0
        pcap = Pcap(snaplen=self.snaplen)
        for time, frame in sorted(self.frames, key=lambda one: one[0]) if self.sort else self.frames:
            pcap.add(time, frame)
        return pcap.bytes() + self.tail

    def facts(self) -> Facts:
        """What the capture shows."""
        return analyse(self.bytes())

    def target(self, **outcome: Any) -> TargetResult:
        """The capture as a target with facts."""
        values = {"complete": True, "proved": True, "packets": len(self.frames), "received": len(self.frames)}
        return TargetResult(
            "shop",
            self.pod,
            "app",
            self.node,
            (self.ip,),
            outcome=CaptureOutcome(**(values | self.outcome | outcome)),
            facts=self.facts(),
            other_ports=self.other_ports,
        )

    def later(self, share: float) -> "Scene":
        """The same capture begun later: without the first `share` of its frames."""
        self.bytes()
        frames = sorted(self.frames, key=lambda one: one[0]) if self.sort else self.frames
        return replace(self, frames=frames[int(share * len(frames)) :])


@dataclass
class Link:
    """One TCP connection. "c" and "s" are its sides; each step moves `now` on."""

    scene: Scene
    server: str
    port: int
    now: float
    client: str = ""
    client_port: int = 0
    rtt: float = 0.001
    ttls: tuple[int, int] = (64, 61)
    isn: int = 1_000
    window: int = 60_000
    _next: dict[str, int] = field(default_factory=lambda: {"c": 0, "s": 0})
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(20_000))

    def __post_init__(self) -> None:
        self.client = self.client or self.scene.ip
        self._base = {"c": self.isn, "s": self.isn + 90_000}

    def wait(self, seconds: float) -> "Link":
        """Nothing happens for so long."""
        self.now += seconds
        return self

    def behind(self, side: str) -> int:
        """Relative number of the byte that a side sends next."""
        return self._next[side]

    def number(self, side: str, relative: int) -> int:
        """A relative sequence number of a side as it is on the wire."""
        return self._base[side] + relative

    def packet(self, side: str, flags: int, data: bytes = b"", **about: Any) -> "Link":
        """One packet from a side at `now`, as its numbers stand; `about`: seq, ack (relative), ttl, ip_id, window,
        options."""
        other = "s" if side == "c" else "c"
        seq = self._base[side] + about.get("seq", self._next[side])
        ack = self._base[other] + about.get("ack", self._next[other]) if flags & ACK else 0
        ends = ((self.client, self.client_port), (self.server, self.port))
        source, destination = ends if side == "c" else ends[::-1]
        options = about.get("options", SYN_OPTIONS if flags & SYN else b"")
        words = (20 + len(options)) // 4 << 12 | flags
        window = about.get("window", self.window)
        head = struct.pack("!HHIIHHHH", source[1], destination[1], seq, ack, words, window, 0, 0) + options
        ttl, number = (
            about.get("ttl", self.ttls[side == "s"]),
            about.get("ip_id", 0 if flags & SYN else next(self._ids)),
        )
        self.scene.add(self.now, ip(6, source[0], destination[0], head + data, ttl, number))
        return self

    def send(self, side: str, data: bytes, *, acked: bool = True, flags: int = PSH | ACK) -> "Link":
        """Data in segments, acknowledged half a round trip later."""
        for at in range(0, len(data), MSS):
            piece = data[at : at + MSS]
            self.packet(side, flags, piece)
            self._next[side] += len(piece)
            self.wait(0.00001)
        if acked:
            self.wait(self.rtt / 2).packet("s" if side == "c" else "c", ACK)
        return self

    def repeat(self, side: str, data: bytes, times: int = 1, first: float = 0.2) -> "Link":
        """The segment sent last, with this data, again and again with doubled waits."""
        for n in range(times):
            self.wait(first * 2**n).packet(side, PSH | ACK, data, seq=self._next[side] - len(data))
        return self

    def syn(self, repeats: int = 0) -> "Link":
        """The client's SYN, and its repeats."""
        self.packet("c", SYN, seq=0)
        for n in range(repeats):
            self.wait(_RETRIES[n]).packet("c", SYN, seq=0)
        self._next["c"] = 1
        return self

    def synack(self) -> "Link":
        """The server's answer to it."""
        self.wait(self.rtt).packet("s", SYN | ACK, seq=0)
        self._next["s"] = 1
        return self

    def open(self, repeats: int = 0) -> "Link":
        """The handshake."""
        return self.syn(repeats).synack().wait(0.0001).packet("c", ACK)

    def established(self, client: int = 5_001, server: int = 7_001) -> "Link":
        """Open since before the capture, or by a handshake of other packets; what each side sends next."""
        self._next = {"c": client, "s": server}
        return self

    def get(self, path: str, status: int = 200, took: float = 0.004, **about: Any) -> "Link":
        """An HTTP request, and its response after `took` seconds; `about`: method, head, body, request_body."""
        self.ask(path, **about).wait(took)
        body = about.get("body", b"ok")
        reply = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        return self.send("s", reply).wait(0.0002)

    def ask(self, path: str, *, method: str = "GET", head: str = "", request_body: bytes = b"", **_: Any) -> "Link":
        """An HTTP request alone."""
        return self.send("c", request(path, method, head, request_body) + request_body)

    def close(self, side: str = "c") -> "Link":
        """An orderly end, begun by a side."""
        other = "s" if side == "c" else "c"
        for one in (side, other):
            self.wait(0.0001).packet(one, FIN | ACK)
            self._next[one] += 1
            self.wait(self.rtt / 2).packet("s" if one == "c" else "c", ACK)
        return self

    def fin(self, side: str) -> "Link":
        """One side has no more to say."""
        self.packet(side, FIN | ACK)
        self._next[side] += 1
        return self

    def rst(self, side: str, **about: Any) -> "Link":
        """A RST from a side, or in its name."""
        return self.packet(side, RST | ACK, **about)


def request(path: str, method: str = "GET", head: str = "", body: bytes = b"") -> bytes:
    """The head of an HTTP request."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: payments\r\n{head}{length}\r\n".encode()


def ip(protocol: int, source: str, destination: str, payload: bytes, ttl: int = 64, number: int = 0) -> bytes:
    """An Ethernet frame with an IPv4 packet that must not be fragmented."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), number, 0x4000, ttl, protocol, 0)
    return bytes(12) + b"\x08\0" + head + ip_address(source).packed + ip_address(destination).packed + payload


def datagram(source: str, sport: int, destination: str, dport: int, payload: bytes) -> bytes:
    """An Ethernet frame with a UDP datagram."""
    return ip(17, source, destination, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def icmp_error(sender: str, about: bytes, kind: int = 3, code: int = 4, mtu: int = 0) -> bytes:
    """An ICMP error about a frame, to the sender of it (RFC 792, RFC 1191)."""
    quoted = about[14 : 14 + 28]
    target = str(ip_address(quoted[12:16]))
    return ip(1, sender, target, struct.pack("!BBHHH", kind, code, 0, 0, mtu) + quoted)


def _vector(prefix: int, body: bytes) -> bytes:
    return len(body).to_bytes(prefix, "big") + body


def _handshake(*messages: tuple[int, bytes]) -> bytes:
    return b"\x16\x03\x03" + _vector(2, b"".join(bytes([kind]) + _vector(3, body) for kind, body in messages))


def client_hello(name: str, padding: int = 0) -> bytes:
    """A TLS 1.2 ClientHello for a server name (RFC 5246, RFC 6066), `padding` bytes longer (RFC 7685)."""
    names = struct.pack("!HH", 0, len(name) + 5) + _vector(2, b"\0" + _vector(2, name.encode()))
    padded = struct.pack("!HH", 21, padding) + bytes(padding) if padding else b""
    body = b"\x03\x03" + bytes(32) + _vector(1, b"") + _vector(2, b"\xc0\x2f") + _vector(1, b"\0")
    return _handshake((1, body + _vector(2, names + padded)))


def server_hello(der: bytes = b"") -> bytes:
    """A TLS 1.2 ServerHello, and a certificate behind it."""
    hello = b"\x03\x03" + bytes(32) + _vector(1, b"") + b"\xc0\x2f\0"
    return _handshake((2, hello), *([(11, _vector(3, _vector(3, der)))] if der else []), (14, b""))


def alert(description: int) -> bytes:
    """A fatal alert in the clear."""
    return b"\x15\x03\x03\x00\x02\x02" + bytes([description])


APPLICATION_DATA = b"\x17\x03\x03" + _vector(2, bytes(200))
CHANGE_CIPHER = b"\x14\x03\x03\x00\x01\x01"


@functools.cache
def certificate(names: tuple[str, ...], days: tuple[int, int] = (-30, 300)) -> bytes:
    """A self-signed certificate for names, valid from and to days after the capture's start; DER."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, start = ec.generate_private_key(ec.SECP256R1()), datetime.fromtimestamp(START, UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start + timedelta(days=days[0]))
        .not_valid_after(start + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    )
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


Made = Scene | Sequence[Scene] | Sequence[TargetResult]


@dataclass(frozen=True)
class Golden:
    """One capture, and the rule that must say something of it, or must not."""

    rule: str
    fires: bool
    make: Callable[[], Made]
    says: str = ""
    """Part of the sentence."""
    first: bool = True
    """Whether it leads the findings."""
    filter: str = ""
    """What the capture was limited to."""

    def __str__(self) -> str:
        return f"{self.rule}-{self.make.__name__}"


GOLDEN: list[Golden] = []


def fires(
    rule: str,
    says: str,
    *,
    first: bool = True,
    filter: str = "",  # noqa: A002 - the term
) -> Callable[[Callable[[], Made]], Callable[[], Made]]:
    """The capture shows what the rule is for."""

    def register(make: Callable[[], Made]) -> Callable[[], Made]:
        GOLDEN.append(Golden(rule, True, make, says, first, filter))
        return make

    return register


def quiet(*rules: str, filter: str = "") -> Callable[[Callable[[], Made]], Callable[[], Made]]:  # noqa: A002
    """The capture looks like it, and is healthy."""

    def register(make: Callable[[], Made]) -> Callable[[], Made]:
        GOLDEN.extend(Golden(rule, False, make, filter=filter) for rule in rules)
        return make

    return register
