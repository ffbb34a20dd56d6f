"""Facts about HTTP/2 connections. Part of workers/contract/facts.py."""

from msgspec import Struct, field

HIDDEN = "(not visible)"
"""Stands for a header field that refers to something said before the capture began, or in a gap of it."""


class Goaway(Struct, frozen=True):
    """A GOAWAY frame (RFC 9113 section 6.8)."""

    conversation: int
    frame: int
    by: str
    """client | server"""
    error: str
    """NO_ERROR for an orderly end, or why; names of RFC 9113 section 7."""
    last_stream: int
    unprocessed: int = 0
    """Requests that were waiting and, by this frame, will not be answered."""


class Http2Facts(Struct, frozen=True):
    """HTTP/2 in the clear, on any port; its transactions are in `HttpFacts.groups`."""

    connections: int = 0
    begun_before: int = 0
    """Connections whose beginning is not in the capture: many header fields are not visible."""
    upgraded: int = 0
    """Connections that began as HTTP/1 (h2c)."""
    hidden_headers: int = 0
    """Header blocks of which some field was not visible."""
    resets: dict[str, int] = field(default_factory=dict)
    """RST_STREAM frames by error code name (RFC 9113 section 7), such as CANCEL."""
    goaways: tuple[Goaway, ...] = ()
    more_goaways: int = 0
