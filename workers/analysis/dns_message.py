"""DNS messages (RFC 1035 section 4; RFC 6891 for EDNS): header, first question, a few answers, the OPT record."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from struct import Struct

from workers.analysis.http_message import text

MAX_ANSWERS = 8
MAX_RECORDS = 64
MAX_POINTERS = 32
_HEADER = Struct("!HHHHHH")
_QUESTION = Struct("!HH")
_RECORD = Struct("!HHIH")
_A, _CNAME, _AAAA, _OPT = 1, 5, 28, 41
_OPT_START = b"\0\0\x29"
"""The root's name and the type: to look for it costs less than to walk the records."""
_TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA",
    33: "SRV", 35: "NAPTR", 41: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 52: "TLSA",
    64: "SVCB", 65: "HTTPS", 99: "SPF", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 257: "CAA",
}  # fmt: skip
_RCODES = (
    "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE".split(" ")
)  # fmt: skip


@dataclass(slots=True)
class Message:
    """What a message says, as far as it could be read."""

    id: bytes
    response: bool
    truncated: bool
    rcode: int
    name: str = ""
    qtype: int = 0
    answers: tuple[str, ...] = ()
    malformed: bool = False
    edns: int = -1
    """UDP size the sender accepts; -1 without EDNS."""
    dnssec_ok: bool = False
    cname_chain: int = 0
    """CNAME records from the name asked for on, one after another."""


def type_name(code: int) -> str:
    """Such as AAAA; TYPE<n> when unknown (RFC 3597)."""
    return _TYPES.get(code, f"TYPE{code}")


def rcode_name(code: int) -> str:
    """Such as NXDOMAIN; RCODE<n> when unknown."""
    if code == 16:
        return "BADVERS"
    return _RCODES[code] if code < len(_RCODES) else f"RCODE{code}"


def read_message(buffer: bytes, at: int, end: int) -> Message:
    """A message of at least 12 bytes."""
    _, flags, questions, answers, authorities, more = _HEADER.unpack_from(buffer, at)
    message = Message(buffer[at : at + 2], bool(flags & 0x8000), bool(flags & 0x0200), flags & 15)
    body: int | None = at + 12
    for index in range(min(questions, 8)):
        assert body is not None
        name, body = read_name(buffer, at, body, end)
        if body is None or body + 4 > end:
            message.malformed = True
            return message
        if index == 0:
            message.name, (message.qtype, _) = name, _QUESTION.unpack_from(buffer, body)
        body += 4
    if questions > 8:
        return message
    if message.response and answers:
        assert body is not None
        body = _read_answers(message, buffer, at, body, end, min(answers, MAX_RECORDS))
    if more and body is not None and authorities + more <= MAX_RECORDS:
        _read_edns(message, buffer, at, body, end, authorities + more)
    return message


def _read_answers(message: Message, buffer: bytes, start: int, at: int, end: int, number: int) -> int | None:
    """Read the answer section; the offset behind it, None when that is not known."""
    found: list[str] = []
    aliases: dict[str, str] = {}
    behind: int | None = at
    for _ in range(number):
        owner, after = read_name(buffer, start, at, end)
        if after is None or after + 10 > end:
            message.malformed, behind = not message.truncated, None
            break
        kind, _, _, size = _RECORD.unpack_from(buffer, after)
        at = behind = after + 10 + size
        if at > end:
            message.malformed, behind = not message.truncated, None
            break
        if kind == _CNAME:
            aliases.setdefault(owner.lower(), read_name(buffer, start, after + 10, at)[0].lower())
        if len(found) < MAX_ANSWERS:
            _answer(found, kind, buffer, start, after + 10, size)
    message.answers = tuple(found)
    if aliases:
        message.cname_chain = _chain(message.name.lower(), aliases)
    return behind


def _chain(name: str, aliases: dict[str, str]) -> int:
    """How many aliases lead on from a name; each counts once, should they go round."""
    steps = 0
    while name in aliases:
        name = aliases.pop(name)
        steps += 1
    return steps


def _read_edns(message: Message, buffer: bytes, start: int, at: int, end: int, number: int) -> None:
    """Find the OPT record behind the answers (RFC 6891 section 6.1)."""
    if buffer.find(_OPT_START, at, end) < 0:
        return
    for _ in range(number):
        _, after = read_name(buffer, start, at, end)
        if after is None or after + 10 > end:
            return
        kind, code, rest, size = _RECORD.unpack_from(buffer, after)
        if kind == _OPT:
            message.edns, message.dnssec_ok = code, bool(rest & 0x8000)
            message.rcode |= rest >> 24 << 4
            return
        at = after + 10 + size


def _answer(found: list[str], kind: int, buffer: bytes, start: int, at: int, size: int) -> None:
    if kind == _A and size == 4:
        found.append(str(IPv4Address(buffer[at : at + 4])))
    elif kind == _AAAA and size == 16:
        found.append(str(IPv6Address(buffer[at : at + 16])))
    elif kind == _CNAME:
        found.append(read_name(buffer, start, at, at + size)[0])


def read_name(buffer: bytes, start: int, at: int, end: int) -> tuple[str, int | None]:
    """A name and the offset behind it (None when malformed). Pointers must lead backwards, so none can loop."""
    labels: list[str] = []
    behind: int | None = None
    length = 0
    lowest = at
    while at < end:
        size = buffer[at]
        if size == 0:
            return ".".join(labels), at + 1 if behind is None else behind
        if size >= 0xC0:
            target = start + ((size & 0x3F) << 8 | buffer[at + 1]) if at + 1 < end else lowest
            if target >= lowest:
                break
            behind = at + 2 if behind is None else behind
            at = lowest = target
            continue
        length += size + 1
        if size > 63 or length > 255 or at + 1 + size > end:
            break
        labels.append(text(buffer[at + 1 : at + 1 + size], 63).replace(".", "?"))
        at += 1 + size
    return ".".join(labels), None
