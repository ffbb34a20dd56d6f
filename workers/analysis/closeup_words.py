"""What a packet's payload begins, in a few words for a person; "" where that is not clear from its first bytes."""

import re

from workers.analysis.dns import PORTS as DNS_PORTS
from workers.analysis.dns_message import Message, rcode_name, read_message, type_name
from workers.analysis.http2_frames import PREFACE, SIZE, header, plausible
from workers.analysis.http_message import MAX_PATH, Head, text
from workers.analysis.http_start import looks_like_start
from workers.analysis.quic_packets import V2, may_begin
from workers.analysis.redis_commands import command, error
from workers.analysis.sql import verb
from workers.analysis.tls import looks_like_record
from workers.analysis.tls_messages import client_hello
from workers.analysis.tls_names import ALERTS

_DNS_HEADER = 12
_MESSAGES = {2: "TLS ServerHello", 4: "TLS session ticket", 11: "TLS Certificate", 14: "TLS ServerHelloDone"}
_FRAMES = (
    "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
    "CONTINUATION",
)  # fmt: skip
_QUIC = ("Initial", "0-RTT", "Handshake", "Retry")
_LINE = b"\r\n"
_REDIS = re.compile(rb"\*\d{1,7}\r\n\$\d{1,3}\r\n([A-Za-z_]{2,24})\r\n")
_POSTGRESQL = b"QP"
"""Query, and Parse, which has the statement behind a name (PostgreSQL documentation, "Message Formats")."""
_RECORDS = {20: "TLS ChangeCipherSpec", 23: "TLS encrypted data"}


def says(head: bytes, length: int, kind: int, ports: tuple[int, int]) -> str:
    """The words, of a payload of `length` bytes of which `head` are here; `kind` 6 or 17, as IP numbers TCP and UDP."""
    if any(port in DNS_PORTS for port in ports):
        # over TCP each message follows its length (RFC 1035 section 4.2.2)
        return _dns(head if kind == 17 else head[2:])
    return _tcp(head, length, frozenset(ports)) if kind == 6 else _udp(head)


def _dns(head: bytes) -> str:
    if len(head) < _DNS_HEADER:
        return ""
    message: Message = read_message(head, 0, len(head))
    name = message.name(head)
    if not name:
        return "DNS answer" if message.response else "DNS query"
    asked = f"{type_name(message.qtype)} {name}"
    return f"DNS {rcode_name(message.rcode)}: {asked}" if message.response else f"DNS query: {asked}"


def _udp(head: bytes) -> str:
    """A QUIC packet's type, as its long header says it in versions 1 and 2 (RFC 9000 section 17.2, RFC 9369)."""
    if not may_begin(head, 0, len(head)):
        return ""
    version = int.from_bytes(head[1:5], "big")
    names = _QUIC if version != V2 else (*_QUIC[3:], *_QUIC[:3])
    return f"QUIC {names[head[0] >> 4 & 3]}" if version else "QUIC version negotiation"


def _tcp(head: bytes, length: int, ports: frozenset[int]) -> str:
    if head.startswith(PREFACE[:14]):
        return "HTTP/2 begins"
    if looks_like_record(head, 0, len(head)):
        return _tls(head)
    if service := _service(head, ports):
        return service
    if not looks_like_start(head, 0, len(head)):
        return _http2(head) if len(head) == length else ""
    found = Head()
    if not found.read_odd(head, loose=False, cut=len(head) < length):
        return ""
    if found.status:
        return f"HTTP {found.status}"
    method, path = head[found.method : found.method_end], head[found.path : found.path_end]
    return f"{text(method, 32)} {text(path, MAX_PATH)}"


def _http2(payload: bytes) -> str:
    """The types of HTTP/2 frames that fill a whole segment; it takes all of it to tell them from other bytes."""
    at, kinds = 0, []
    while at + SIZE <= len(payload):
        length, kind, flags, stream = header(payload, at)
        if not plausible(length, kind, flags, stream):
            return ""
        kinds.append(_FRAMES[kind])
        at += SIZE + length
    return f"HTTP/2 {', '.join(dict.fromkeys(kinds))}" if kinds and at == len(payload) else ""


def _service(head: bytes, ports: frozenset[int]) -> str:
    """A command or a statement's verb of a database or a cache on its usual port; no key and no value."""
    if 6379 in ports:
        if asked := _REDIS.match(head):
            return f"Redis {command(asked[1])}"
        return f"Redis error {error(head[1:].split(_LINE, 1)[0])}" if head[:1] == b"-" else ""
    if 5432 in ports and len(head) > 5:
        if head[0] in _POSTGRESQL:
            statement = head[5:] if head[:1] == b"Q" else head[5:].partition(b"\0")[2]
            return f"PostgreSQL {verb(statement)}"
        return "PostgreSQL error" if head[:1] == b"E" else ""
    if 3306 in ports and len(head) > 5 and head[3:5] == b"\0\3":  # the first packet of a COM_QUERY
        return f"MySQL {verb(head[5:])}"
    return ""


def _tls(head: bytes) -> str:
    kind, first = head[0], head[5]
    if kind == 21:
        # level and description (RFC 8446 section 6); a longer record is encrypted
        name = ALERTS.get(head[6], "") if head[3:5] == b"\0\2" and len(head) > 6 else ""
        return f"TLS alert {name}".rstrip()
    if kind != 22:
        return _RECORDS[kind]
    if first == 1:
        name = client_hello(head[9:]).sni
        return f"TLS ClientHello {name}".rstrip()
    return _MESSAGES.get(first, "TLS handshake")
