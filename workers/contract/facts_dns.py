"""Facts about names tried under search domains. Part of workers/contract/facts.py."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DnsSearch:
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
