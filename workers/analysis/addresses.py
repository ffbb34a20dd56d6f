# cython: annotation_typing=False
"""Keys of conversations: source address, destination address and, where there are any, ports, as on the wire."""

import os
from functools import lru_cache
from ipaddress import IPv6Address

from workers.packets import words

WITH_PORTS = frozenset({6, 17, 132})
"""IP protocols whose keys hold ports."""
_SEED = int.from_bytes(os.urandom(8), "big")
_ODD = int.from_bytes(os.urandom(8), "big") | 1


def reverse(key: bytes, protocol: int) -> bytes:
    """The key of the other direction."""
    whole = len(key)
    size = (whole - 4 if protocol in WITH_PORTS and whole in (12, 36) else whole) // 2
    ports = 2 * size
    return key[size:ports] + key[:size] + key[ports + 2 :] + key[ports : ports + 2]


def endpoints(key: bytes) -> tuple[str, int, str, int]:
    """Source address and port, destination address and port; ports are 0 where there are none."""
    size = 4 if len(key) in (8, 12) else 16
    ports = 2 * size
    source = destination = 0
    if len(key) == ports + 4:
        source, destination = key[ports] << 8 | key[ports + 1], key[ports + 2] << 8 | key[ports + 3]
    return address(key[:size]), source, address(key[size:ports]), destination


@lru_cache(2048)
def address(packed: bytes) -> str:
    """An address as text."""
    return "%d.%d.%d.%d" % tuple(packed) if len(packed) == 4 else str(IPv6Address(packed))  # noqa: UP031


def unpacked(word: int, rest: int, size: int) -> str:
    """An address as text, of its first eight bytes and those behind them."""
    return address(bytes([(word if place < 8 else rest) >> 8 * (place & 7) & 255 for place in range(size)]))


class Ends:
    """Client and server of a message, and hashes of them, seeded; one object is read into again and again.

    An address is a number of its first eight bytes, and one of those behind them, which is 0 for IPv4.
    """

    __slots__ = ("both", "client", "client_rest", "hash", "kind", "server", "server_rest", "size")

    def __init__(self) -> None:
        self.client = self.client_rest = self.server = self.server_rest = 0
        self.size = 0
        """Bytes of an address: 4 or 16."""
        self.kind = 0
        """Both ports, and above them how long the key was: 48 bits."""
        self.both = 0
        """A hash of the addresses; `hash` is one of the ports too."""
        self.hash = 0

    def read(self, key: bytes, length: int, turned: bool) -> None:
        """Read a key with ports, whose source is the client, or the server."""
        if length == 12:
            at = 4 if turned else 0
            self.size = 4
            self.client, self.client_rest = words.four(key, at), 0
            self.server, self.server_rest = words.four(key, 4 - at), 0
            self.both = words.fold(self.client ^ self.server << 32 ^ _SEED, _ODD)
        elif length == 36:
            at = 16 if turned else 0
            self.size = 16
            self.client, self.client_rest = words.eight(key, at), words.eight(key, at + 8)
            self.server, self.server_rest = words.eight(key, 16 - at), words.eight(key, 24 - at)
            both = words.fold(words.fold(self.client ^ _SEED, _ODD) ^ self.client_rest, _ODD)
            self.both = words.fold(words.fold(both ^ self.server, _ODD) ^ self.server_rest, _ODD)
        else:
            raise ValueError("a key with ports has 12 or 36 bytes")
        ports = words.four(key, length - 4)
        if turned:
            ports = ports >> 16 | (ports & 0xFFFF) << 16
        self.kind = ports | length << 32
        self.hash = words.fold(self.both ^ ports, _ODD)
