"""What a capture shows of databases, caches, brokers, clocks and address leases; a part of `Facts`.

No payload is in here: operations and error codes come from lists of known words, everything else is counted as "other".
"""

from msgspec import Struct, field

from workers.contract.tallies import Spread, Tally


class ServiceGroup(Struct, frozen=True):
    """Requests of one operation to one server, put together."""

    protocol: str
    """redis | postgresql | mysql | kafka | mongodb"""
    server: str
    server_port: int
    operation: str
    """Command, verb or API name ("GET", "SELECT", "COM_PING", "Produce", "find"); "" for responses to requests that
    are not in the capture, and for errors that a server sends unasked."""
    requests: Tally = Tally()
    responses: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    """The protocol's own code -> responses: "WRONGTYPE", "40P01" (SQLSTATE), "1213" (MySQL), "NOT_COORDINATOR"."""
    failed: Tally = Tally()
    """Frames of those responses."""
    unanswered: Tally = Tally()
    """Requests without a response; not those of the capture's last second, which nobody can judge."""
    latency: Spread = Spread()
    """End of request to first byte of its response."""
    slowest_frame: int = 0
    waits: bool = False
    """Such a request takes long by its nature (BLPOP, a consumer's Fetch, COPY): its latency says nothing."""


class ServicePool(Struct, frozen=True):
    """The connections from one client to one server over which requests were answered.

    Those that carried a request which waits by its nature are not among them.
    """

    protocol: str
    client: str
    server: str
    server_port: int
    connections: int = 0
    requests: int = 0
    busy: float = 0.0
    """Seconds with a request under way (its end to the first byte of its response), summed over the connections."""
    first_at: float = 0.0
    """First answered request's end."""
    last_at: float = 0.0
    """Last response's first byte."""


class ServiceFacts(Struct, frozen=True):
    """Redis, PostgreSQL, MySQL, Kafka and MongoDB in the clear, on any port."""

    requests: int = 0
    responses: int = 0
    protocols: dict[str, int] = field(default_factory=dict)
    """Protocol -> requests."""
    groups: tuple[ServiceGroup, ...] = ()
    more_groups: int = 0
    pools: tuple[ServicePool, ...] = ()
    """The busiest, at most 100."""


class NtpServer(Struct, frozen=True):
    """What one client asked one NTP server (RFC 5905, modes 3 and 4)."""

    server: str
    client: str
    queries: Tally = Tally()
    answered: int = 0
    unanswered: Tally = Tally()
    stratum: int | None = None
    """Of the latest answer: 1 has a reference clock, 16 is not synchronised; None before any answer."""
    unsynchronised: int = 0
    """Answers whose leap indicator says that the server's own clock is not synchronised."""
    kisses: dict[str, int] = field(default_factory=dict)
    """Kiss-o'-death code (RATE, DENY, RSTR, …) -> answers."""
    kissed: Tally = Tally()
    offset: float | None = None
    """Server's clock minus the capturing host's, seconds, by the answer with the shortest round trip; off by at most
    half of `latency.min`, plus what the two clocks drift. A client's own estimate is not on the wire."""
    offset_frame: int = 0
    latency: Spread = Spread()


class NtpFacts(Struct, frozen=True):
    """NTP on UDP port 123."""

    packets: dict[str, int] = field(default_factory=dict)
    """Mode (client, server, broadcast, symmetric, control, private, reserved) -> packets."""
    servers: tuple[NtpServer, ...] = ()
    more_servers: int = 0


class DhcpClient(Struct, frozen=True):
    """The exchanges of one client, by its hardware address (RFC 2131)."""

    client: str
    """Such as "02:42:c6:12:00:01"."""
    messages: dict[str, int] = field(default_factory=dict)
    """DISCOVER, OFFER, REQUEST, ACK, NAK, DECLINE, RELEASE, INFORM, … -> messages."""
    server: str = ""
    """Server identifier of the latest OFFER, ACK or NAK."""
    address: str = ""
    """What the latest ACK gave."""
    lease: int | None = None
    """Seconds, of the latest ACK; 4294967295 is for ever."""
    naks: Tally = Tally()
    declines: Tally = Tally()
    retried: int = 0
    """DISCOVERs and REQUESTs sent again under the same transaction."""
    unanswered: Tally = Tally()
    """DISCOVERs, REQUESTs and INFORMs that nobody answered within the capture, once 4 s had passed."""
    latency: Spread = Spread()
    """DISCOVER to OFFER, REQUEST to ACK or NAK, INFORM to ACK; from the latest try."""


class DhcpFacts(Struct, frozen=True):
    """DHCP for IPv4 on UDP ports 67 and 68."""

    messages: dict[str, int] = field(default_factory=dict)
    clients: tuple[DhcpClient, ...] = ()
    """Those with trouble first."""
    more_clients: int = 0
