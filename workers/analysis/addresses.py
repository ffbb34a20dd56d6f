# cython: annotation_typing=False
"""Keys of conversations: source address, destination address and, where there are any, ports, as on the wire."""

from functools import lru_cache
from ipaddress import IPv6Address

WITH_PORTS = frozenset({6, 17, 132})
"""IP protocols whose keys hold ports."""


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
