"""pcapng blocks as bytes: section header, interface description, names, enhanced packet, interface statistics.

Layout: IETF draft-ietf-opsawg-pcapng, little-endian. Times are epoch nanoseconds (if_tsresol 9 on every interface).
Pure: the caller decides where the bytes go, and numbers its interfaces from 0 in the order of their blocks.
"""

import ipaddress
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SECTION, _INTERFACE, _NAMES, _STATISTICS, ENHANCED = 0x0A0D0D0A, 1, 4, 5, 6
_BYTE_ORDER, _UNKNOWN_LENGTH = 0x1A2B3C4D, 0xFFFF_FFFF_FFFF_FFFF
_COMMENT = 1
_HARDWARE, _OS, _APPLICATION = 2, 3, 4
_NAME, _DESCRIPTION, _RESOLUTION, _FILTER = 2, 3, 9, 11
_START, _END, _RECEIVED, _INTERFACE_DROPS, _ACCEPTED, _SYSTEM_DROPS, _DELIVERED = 2, 3, 4, 5, 6, 7, 8
MAX_OPTION = 0xFFFF - 3
"""Bytes of an option's value; its length field has 16 bits."""
MAX_TIME = (1 << 63) - 1

Option = tuple[int, bytes]

packet_head = struct.Struct("<7I").pack
"""(ENHANCED, block length, interface, time >> 32, time & 0xFFFFFFFF, captured, wire) -> what precedes the bytes."""
lengths = struct.Struct("<I").pack


@dataclass(frozen=True, slots=True)
class Interface:
    """What an Interface Description Block says. `snaplen` 0 is no limit; empty texts are left out."""

    name: str
    link_type: int
    snaplen: int = 0
    description: str = ""
    comment: str = ""
    filter: str = ""
    """The capture filter, in tcpdump's words."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What an Interface Statistics Block says, each None when it is not known. Times are epoch nanoseconds.

    `received` is tcpdump's "received by filter": on Linux what the filter let through, so it stands in
    isb_filteraccept; isb_ifrecv has it too, where other writers (dumpcap) put it and readers look.
    """

    started: int | None = None
    ended: int | None = None
    received: int | None = None
    interface_dropped: int | None = None
    kernel_dropped: int | None = None
    captured: int | None = None
    comment: str = ""


def section(application: str = "", hardware: str = "", system: str = "", comment: str = "") -> bytes:
    """Return a Section Header Block, version 1.0, of a section whose length is not said."""
    options = [*_text(_COMMENT, comment), *_text(_HARDWARE, hardware), *_text(_OS, system)]
    fixed = struct.pack("<IHHQ", _BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH)
    return _block(_SECTION, fixed, [*options, *_text(_APPLICATION, application)])


def interface(about: Interface) -> bytes:
    """Return an Interface Description Block with nanosecond resolution."""
    options = [*_text(_COMMENT, about.comment), *_text(_NAME, about.name), *_text(_DESCRIPTION, about.description)]
    options.append((_RESOLUTION, b"\x09"))
    if about.filter:
        options.append((_FILTER, b"\0" + _utf8(about.filter, MAX_OPTION - 1)))  # 0: the filter is text
    return _block(_INTERFACE, struct.pack("<HxxI", about.link_type, about.snaplen), options)


def names(known: Mapping[str, str]) -> bytes:
    """Return a Name Resolution Block with a name for each address; nothing when there are none."""
    records = []
    for ip, name in known.items():
        packed = ipaddress.ip_address(ip).packed
        value = packed + name.encode("ascii") + b"\0"
        records.append(struct.pack("<HH", 1 if len(packed) == 4 else 2, len(value)) + value + TAILS[len(value) & 3])
    return _block(_NAMES, b"".join(records) + b"\0\0\0\0", []) if records else b""


def packet(number: int, time: int, data: bytes, wire: int) -> bytes:
    """Return an Enhanced Packet Block for interface `number`; `wire` is the length before any cut."""
    size = len(data)
    length = 32 + size + (-size & 3)
    head = packet_head(ENHANCED, length, number, time >> 32, time & 0xFFFF_FFFF, size, wire)
    return head + data + TAILS[size & 3] + lengths(length)


def statistics(number: int, at: int, about: Statistics) -> bytes:
    """Return an Interface Statistics Block for interface `number`, taken at `at`."""
    times = [(_START, about.started), (_END, about.ended)]
    counts = [
        (_RECEIVED, about.received),
        (_INTERFACE_DROPS, about.interface_dropped),
        (_ACCEPTED, about.received),
        (_SYSTEM_DROPS, about.kernel_dropped),
        (_DELIVERED, about.captured),
    ]
    options = _text(_COMMENT, about.comment)
    options += [(code, _time(value)) for code, value in times if value is not None]
    options += [(code, struct.pack("<Q", value)) for code, value in counts if value is not None]
    return _block(_STATISTICS, struct.pack("<I", number) + _time(at), options)


TAILS = (b"", b"\0\0\0", b"\0\0", b"\0")
"""Padding to 32 bits, by length modulo 4."""


def _time(value: int) -> bytes:
    """High word first, whatever the byte order of each."""
    value = clamped(value)
    return struct.pack("<II", value >> 32, value & 0xFFFF_FFFF)


def clamped(time: int) -> int:
    """Keep a time within what readers hold in a signed 64-bit number."""
    return min(max(time, 0), MAX_TIME)


def _text(code: int, text: str) -> list[Option]:
    return [(code, _utf8(text, MAX_OPTION))] if text else []


def _utf8(text: str, limit: int) -> bytes:
    """UTF-8 of at most `limit` bytes, cut between characters."""
    return text.encode(errors="replace")[:limit].decode(errors="ignore").encode()


def _block(kind: int, fixed: bytes, options: Iterable[Option]) -> bytes:
    written = [struct.pack("<HH", code, len(value)) + value + TAILS[len(value) & 3] for code, value in options]
    body = fixed + b"".join(written) + (b"\0\0\0\0" if written else b"")
    length = lengths(12 + len(body))
    return struct.pack("<I", kind) + length + body + length
