# cython: annotation_typing=False
"""DNS messages (RFC 1035 section 4; RFC 6891 for EDNS): header, first question, a few answers, the OPT record."""

from workers.analysis.addresses import address
from workers.packets import words

MAX_ANSWERS = 8
MAX_RECORDS = 64
_MAX_QUESTIONS = 8
_A, _CNAME, _AAAA, _OPT = 1, 5, 28, 41
_DOT = 46
_ONE_QUESTION = 256
"""The counts of a header, as `words` has them: one question, and no record."""
_SHOWN = bytes(byte if 32 <= byte < 127 and byte != _DOT else ord("?") for byte in range(256))
"""A label's byte as text: a dot in it, and what is not printable ASCII, becomes a question mark."""
_TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA",
    33: "SRV", 35: "NAPTR", 41: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 52: "TLSA",
    64: "SVCB", 65: "HTTPS", 99: "SPF", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 257: "CAA",
}  # fmt: skip
_RCODES = (
    "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE".split(" ")
)  # fmt: skip


class Message:
    """What a message says, as far as it could be read: numbers and places in its bytes, which it doesn't keep.

    One object is read into again and again. Methods want the bytes it was read of.
    """

    __slots__ = (
        "addresses", "aliases", "answers", "asked", "body", "dnssec_ok", "edns", "end", "found", "id", "malformed",
        "places", "qtype", "rcode", "response", "sizes", "start", "told", "truncated",
    )  # fmt: skip

    def __init__(self) -> None:
        self.start = self.end = 0
        self.id = self.rcode = self.qtype = 0
        self.response = self.truncated = self.malformed = self.dnssec_ok = False
        self.edns = -1
        """UDP size the sender accepts; -1 without EDNS."""
        self.asked = 0
        """The place behind the name of the first question; 0 when there is none, or it is not whole."""
        self.body = 0
        """The place of the first record."""
        self.answers = 0
        """Records of the answer section that were read."""
        self.aliases = 0
        """CNAMEs among them."""
        self.found = 0
        """Addresses and names among them, up to MAX_ANSWERS; `told` is the place behind the last of these."""
        self.told = 0
        self.addresses = 0
        """Addresses among what was found; at `places`, of 4 or 16 bytes."""
        self.places = [0] * 8
        self.sizes = [0] * 8

    def name(self, data: bytes) -> str:
        """The name asked for; "" when there is none, or it is malformed."""
        return name_text(data, self.start, self.start + 12, self.end) if self.asked else ""

    def what_was_found(self, data: bytes) -> list[bytes | str]:
        """The first answers: packed addresses, and names."""
        found: list[bytes | str] = []
        at = self.body
        for _ in range(self.answers):
            if len(found) >= MAX_ANSWERS:
                break
            after = _behind_name(data, self.start, at, self.end)
            at = after + 10 + _two(data, after + 8)
            kind = _two(data, after)
            if _is_address(kind, at - after - 10):
                found.append(data[after + 10 : at])
            elif kind == _CNAME:
                found.append(name_text(data, self.start, after + 10, at))
        return found

    def chain(self, data: bytes) -> int:
        """CNAME records from the name asked for on, one after another; each counts once, should they go round."""
        aliases: dict[str, str] = {}
        at, steps = self.body, 0
        for _ in range(self.answers):
            after = _behind_name(data, self.start, at, self.end)
            rest = after + 10 + _two(data, after + 8)
            if _two(data, after) == _CNAME:
                owner = name_text(data, self.start, at, self.end).lower()
                aliases.setdefault(owner, name_text(data, self.start, after + 10, rest).lower())
            at = rest
        name = self.name(data).lower()
        while name in aliases:
            name = aliases.pop(name)
            steps += 1
        return steps


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
    message = Message()
    read_into(message, buffer, at, end)
    return message


def read_into(message: Message, buffer: bytes, at: int, end: int) -> None:
    """The same, into what held another one before."""
    if at < 0 or end - at < 12 or end > len(buffer):
        raise ValueError("no message is that short, or lies there")
    read(message, buffer, at, end, 0)


def read(message: Message, data: bytes, at: int, end: int, asked: int) -> None:
    """The same; the caller vouches for the bounds, and may know the place behind the first question's name."""
    message.start, message.end = at, end
    message.id, message.rcode = _two(data, at), data[at + 3] & 15
    message.response, message.truncated = data[at + 2] & 0x80 != 0, data[at + 2] & 0x02 != 0
    message.malformed = message.dnssec_ok = False
    message.asked = message.qtype = message.body = message.told = 0
    message.answers = message.aliases = message.found = message.addresses = 0
    message.edns = -1
    counts = words.eight(data, at + 4)
    if asked and counts & 0xFFFF == _ONE_QUESTION and asked + 4 <= end:
        message.asked, message.qtype, message.body = asked, _two(data, asked), asked + 4
        if counts != _ONE_QUESTION:
            _read_records(message, data, at, end)
    else:
        _read_questions(message, data, at, end, asked)


def _read_questions(message: Message, data: bytes, at: int, end: int, asked: int) -> None:
    """Read the first question, and the records when the place behind all questions is known."""
    questions, body = _two(data, at + 4), at + 12
    for index in range(min(questions, _MAX_QUESTIONS)):
        behind = asked if index == 0 and asked else _behind_name(data, at, body, end)
        if behind < 0 or behind + 4 > end:
            message.malformed = True
            return
        if index == 0:
            message.asked, message.qtype = behind, _two(data, behind)
        body = behind + 4
    if questions <= _MAX_QUESTIONS:
        message.body = body
        _read_records(message, data, at, end)


def _read_records(message: Message, data: bytes, at: int, end: int) -> None:
    """Read the answers, and find the OPT record behind them."""
    place = message.body
    for _ in range(min(_two(data, at + 6), MAX_RECORDS) if message.response else 0):
        after = _behind_owner(message, data, place, end)
        place = after + 10 + _two(data, after + 8) if 0 <= after <= end - 10 else end + 1
        if place > end:
            message.malformed = not message.truncated
            return
        message.answers += 1
        kind = _two(data, after)
        if kind == _CNAME:
            message.aliases += 1
        elif not _is_address(kind, place - after - 10):
            continue
        if message.found < MAX_ANSWERS:
            message.found += 1
            message.told = place
            if kind != _CNAME:
                message.places[message.addresses] = after + 10
                message.sizes[message.addresses] = place - after - 10
                message.addresses += 1
    if _two(data, at + 10):
        _read_edns(message, data, place, end, _two(data, at + 8) + _two(data, at + 10))


def _two(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def _is_address(kind: int, size: int) -> bool:
    return (kind == _A and size == 4) or (kind == _AAAA and size == 16)


def _behind_owner(message: Message, data: bytes, at: int, end: int) -> int:
    """The same as `_behind_name`, for a record's: mostly a pointer to the name asked for, or the root."""
    if at + 2 <= end:
        if data[at] == 0xC0 and data[at + 1] == 12 and message.asked:
            return at + 2
        if data[at] == 0:
            return at + 1
    return _behind_name(data, message.start, at, end)


def _read_edns(message: Message, data: bytes, at: int, end: int, number: int) -> None:
    """Find the OPT record behind the answers (RFC 6891 section 6.1), unless there are very many."""
    if number > MAX_RECORDS:
        return
    for _ in range(number):
        after = _behind_owner(message, data, at, end)
        if after < 0 or after + 10 > end:
            return
        if _two(data, after) == _OPT:
            message.edns, message.dnssec_ok = _two(data, after + 2), data[after + 6] & 0x80 != 0
            message.rcode |= data[after + 4] << 4
            return
        at = after + 10 + _two(data, after + 8)


def answers(found: list[bytes | str]) -> tuple[str, ...]:
    """Answers as text, of those a message holds."""
    return tuple(one if isinstance(one, str) else address(one) for one in found)


def _behind_name(data: bytes, start: int, at: int, end: int) -> int:
    """The offset behind a name that begins at `at`; -1 when it is malformed.

    Pointers must lead backwards, so none can loop (RFC 1035 section 4.1.4).
    """
    first, length, behind = at, 0, -1
    while at < end:
        size = data[at]
        if 0 < size <= 63:
            at += 1 + size
            continue
        length += at - first
        if length > 255:
            return -1
        if size == 0:
            return at + 1 if behind < 0 else behind
        target = start + ((size & 0x3F) << 8 | data[at + 1]) if size >= 0xC0 and at + 1 < end else first
        if target >= first:
            return -1
        if behind < 0:
            behind = at + 2
        at = first = target
    return -1


def name_text(data: bytes, start: int, at: int, end: int) -> str:
    """A name as text, as far as it is one."""
    labels: list[bytes] = []
    lowest, length = at, 0
    while at < end:
        size = data[at]
        if size >= 0xC0:
            target = start + ((size & 0x3F) << 8 | data[at + 1]) if at + 1 < end else lowest
            if target >= lowest:
                break
            at = lowest = target
            continue
        length += size + 1
        if size == 0 or size > 63 or length > 255 or at + 1 + size > end:
            break
        labels.append(data[at + 1 : at + 1 + size].translate(_SHOWN))
        at += 1 + size
    return b".".join(labels).decode("ascii")
