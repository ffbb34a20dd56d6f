# cython: annotation_typing=False
"""DNS messages (RFC 1035 section 4; RFC 6891 for EDNS): header, first question, a few answers, the OPT record."""

from workers.analysis.addresses import address
from workers.analysis.http_message import text

MAX_ANSWERS = 8
MAX_RECORDS = 64
MAX_POINTERS = 32
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


class Message:
    """What a message says, as far as it could be read."""

    __slots__ = (
        "_buffer", "_start", "cname_chain", "dnssec_ok", "edns", "end", "found", "id", "malformed", "qtype", "question",
        "rcode", "response", "truncated",
    )  # fmt: skip

    _buffer: bytes
    _start: int
    end: int
    id: bytes
    response: bool
    truncated: bool
    rcode: int
    question: bytes
    """The first question as on the wire, when there is one and it is whole."""
    qtype: int
    found: list[bytes | str]
    """The first answers: packed addresses, and names."""
    malformed: bool
    edns: int
    """UDP size the sender accepts; -1 without EDNS."""
    dnssec_ok: bool
    cname_chain: int
    """CNAME records from the name asked for on, one after another."""

    @property
    def name(self) -> str:
        """The name asked for; "" when there is none, or it is malformed."""
        return read_name(self._buffer, self._start, self._start + 12, self.end)[0] if self.question else ""


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
    message = Message.__new__(Message)  # not by a constructor, whose call would cost as much as all that follows
    message._buffer, message._start, message.end = buffer, at, end
    message.id, message.question, message.found = buffer[at : at + 2], b"", []
    message.response, message.truncated = buffer[at + 2] & 0x80 != 0, buffer[at + 2] & 0x02 != 0
    message.rcode, message.qtype, message.edns, message.cname_chain = buffer[at + 3] & 15, 0, -1, 0
    message.malformed = message.dnssec_ok = False
    questions, answers = _two(buffer, at + 4), _two(buffer, at + 6)
    more = _two(buffer, at + 8) + _two(buffer, at + 10)
    body = at + 12
    for index in range(min(questions, 8)):
        behind = _behind_name(buffer, at, body, end)
        if behind < 0 or behind + 4 > end:
            message.malformed = True
            return message
        if index == 0:
            message.question, message.qtype = buffer[body : behind + 4], _two(buffer, behind)
        body = behind + 4
    if questions > 8:
        return message
    if message.response and answers:
        body = _read_answers(message, buffer, at, body, end, min(answers, MAX_RECORDS))
    if _two(buffer, at + 10) and body >= 0 and more <= MAX_RECORDS:
        _read_edns(message, buffer, at, body, end, more)
    return message


def _two(buffer: bytes, at: int) -> int:
    return buffer[at] << 8 | buffer[at + 1]


def _read_answers(message: Message, buffer: bytes, start: int, at: int, end: int, number: int) -> int:
    """Read the answer section; the offset behind it, -1 when that is not known."""
    aliases: dict[str, str] = {}
    behind = at
    for _ in range(number):
        after = _behind_name(buffer, start, at, end)
        rest = after + 10 + _two(buffer, after + 8) if 0 <= after <= end - 10 else end + 1
        if rest > end:
            message.malformed, behind = not message.truncated, -1
            break
        kind = _two(buffer, after)
        if kind == _CNAME:
            owner = read_name(buffer, start, at, end)[0].lower()
            aliases.setdefault(owner, read_name(buffer, start, after + 10, rest)[0].lower())
        if len(message.found) < MAX_ANSWERS:
            _answer(message.found, kind, buffer, start, after + 10, rest)
        at = behind = rest
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
        after = _behind_name(buffer, start, at, end)
        if after < 0 or after + 10 > end:
            return
        if _two(buffer, after) == _OPT:
            message.edns, message.dnssec_ok = _two(buffer, after + 2), buffer[after + 6] & 0x80 != 0
            message.rcode |= buffer[after + 4] << 4
            return
        at = after + 10 + _two(buffer, after + 8)


def _answer(found: list[bytes | str], kind: int, buffer: bytes, start: int, at: int, end: int) -> None:
    if (kind == _A and end - at == 4) or (kind == _AAAA and end - at == 16):
        found.append(buffer[at:end])
    elif kind == _CNAME:
        found.append(read_name(buffer, start, at, end)[0])


def answers(found: list[bytes | str]) -> tuple[str, ...]:
    """Answers as text, of those a message holds."""
    return tuple(one if isinstance(one, str) else address(one) for one in found)


def _behind_name(buffer: bytes, start: int, at: int, end: int) -> int:
    """The offset behind a name that begins at `at`; -1 when it is malformed, as by `read_name`."""
    length = 0
    while at < end:
        size = buffer[at]
        if size == 0:
            return at + 1
        if size >= 0xC0:
            return read_name(buffer, start, at, end, length)[1]
        length += size + 1
        if size > 63 or length > 255 or at + 1 + size > end:
            break
        at += 1 + size
    return -1


def read_name(buffer: bytes, start: int, at: int, end: int, length: int = 0) -> tuple[str, int]:
    """A name and the offset behind it (-1 when malformed); `length` bytes of it were read before.

    Pointers must lead backwards, so none can loop (RFC 1035 section 4.1.4).
    """
    labels: list[bytes] = []
    behind = -1
    lowest = at
    while at < end:
        size = buffer[at]
        if size == 0:
            return _joined(labels), at + 1 if behind < 0 else behind
        if size >= 0xC0:
            target = start + ((size & 0x3F) << 8 | buffer[at + 1]) if at + 1 < end else lowest
            if target >= lowest:
                break
            behind = at + 2 if behind < 0 else behind
            at = lowest = target
            continue
        length += size + 1
        if size > 63 or length > 255 or at + 1 + size > end:
            break
        labels.append(buffer[at + 1 : at + 1 + size])
        at += 1 + size
    return _joined(labels), -1


def _joined(labels: list[bytes]) -> str:
    """Labels as text; a dot in one of them becomes a question mark."""
    return text(b".".join([label.replace(b".", b"?") if b"." in label else label for label in labels]), 255)
