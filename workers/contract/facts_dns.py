"""Facts about names tried under search domains, and names of addresses. Part of workers/contract/facts.py."""

from msgspec import Struct


class DnsSearch(Struct, frozen=True):
    """One name that a client tried under several search domains in vain (resolv.conf `search` and `ndots`)."""

    client: str
    server: str
    name: str
    """As the application asked for it."""
    domains: tuple[str, ...] = ()
    """Those that gave NXDOMAIN, at most 8, the longest first."""
    nxdomain: int = 0
    """NXDOMAIN answers spent on them."""
    frames: tuple[int, ...] = ()
    """Queries behind them, at most 20."""
    resolved: bool = False
    """The name itself was then found."""


class DnsAddress(Struct, frozen=True):
    """A client was given an address for a name, and last before for another one, or never."""

    client: str
    address: str
    name: str
    """As asked for; CNAMEs lead on from it."""
    at: float
    """When the answer came, epoch seconds."""
