"""Facts about QUIC connections. Part of workers/contract/facts.py; their hellos are in `TlsFacts.handshakes`."""

from msgspec import Struct, field

from workers.contract.tallies import Tally


class QuicEnd(Struct, frozen=True):
    """QUIC connections from one client to one server, some of which nobody answered."""

    client: str
    server: str
    server_port: int
    connections: int = 0
    unanswered: Tally = Tally()
    """Connections whose client sent two packets or more and got none in a second and a half; their first frames."""


class QuicFacts(Struct, frozen=True):
    """QUIC over UDP, on any port, as far as its long headers and Initial packets show it."""

    connections: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    """ "v1", "v2" or "draft-29" -> connections"""
    retries: int = 0
    """Retry packets: the server wants the client's address proved first."""
    negotiations: int = 0
    """Version Negotiation packets: the server does not speak the version."""
    closed: dict[str, int] = field(default_factory=dict)
    """Connections closed before their handshake was over, by error (RFC 9000 section 20.1)."""
    silent: tuple[QuicEnd, ...] = ()
    """Clients and servers with unanswered connections, at most 50."""
    unread: int = 0
    """Initial packets that could not be opened: cut by the snaplen, or of a connection that began before the capture
    or in a gap of it."""
