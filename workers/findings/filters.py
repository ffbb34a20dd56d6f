"""Wireshark display filters for the evidence. Field names as in Wireshark's display filter reference (4.0)."""

import ipaddress
from collections.abc import Iterable


def address(ip: str) -> str:
    """Either end is `ip`; "" when it is not an address."""
    try:
        version = ipaddress.ip_address(ip).version
    except ValueError:
        return ""
    return f"{'ip' if version == 4 else 'ipv6'}.addr == {ip}" if "%" not in ip else ""


def endpoint(ip: str, port: int, protocol: str = "tcp") -> str:
    """Traffic with `ip`:`port` at either end."""
    return both(address(ip), f"{protocol}.port == {port}" if 0 < port < 65536 else "")


def end(ip: str, port: int) -> str:
    """(address, port) as evidence: "198.18.7.1:8080", "[2001:db8::7]:8080"."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def both(*parts: str) -> str:
    """All parts must hold; empty ones are left out."""
    return " && ".join(part for part in parts if part)


def any_of(parts: Iterable[str], most: int = 6) -> str:
    """One of the parts must hold. Past `most` alternatives "", which leaves the condition out."""
    unique = [part for part in dict.fromkeys(parts) if part]
    if not unique or len(unique) > most:
        return ""
    return unique[0] if len(unique) == 1 else "(" + " || ".join(f"({part})" for part in unique) + ")"


def endpoints(ends: Iterable[tuple[str, int]], protocol: str = "tcp") -> str:
    """Traffic with any of the (address, port) ends."""
    return any_of(endpoint(ip, port, protocol) for ip, port in ends)


def quoted(text: str) -> str:
    """A string literal, or "" for text a filter can't hold plainly (it is from traffic)."""
    plain = text.isascii() and text.isprintable() and not set(text) & set('"\\') and len(text) <= 255
    return f'"{text}"' if plain and text else ""
