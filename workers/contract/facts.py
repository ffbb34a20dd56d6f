"""What a capture shows, without opinion. One Facts a pcap; bounded lists, so size does not follow the capture.

Times are seconds: `*_at` since the Unix epoch, durations otherwise. Frame numbers count from 1 as Wireshark's.
Lists of frames hold the first few examples only; the count beside them is exact.
"""

from msgspec import Struct, field

from workers.contract.facts_dns import DnsAddress, DnsSearch
from workers.contract.facts_http import Http2Facts
from workers.contract.facts_quic import QuicFacts
from workers.contract.facts_services import DhcpFacts, NtpFacts, ServiceFacts
from workers.contract.facts_tcp import Reset as Reset
from workers.contract.facts_tcp import TcpFacts as TcpFacts
from workers.contract.facts_tcp import TcpSide as TcpSide
from workers.contract.facts_tls import Certificate
from workers.contract.tallies import MAX_FRAMES as MAX_FRAMES
from workers.contract.tallies import Spread as Spread
from workers.contract.tallies import Tally as Tally


class Tunnel(Struct, frozen=True):
    """The outermost header that carried a packet inside it."""

    kind: str
    """vxlan | geneve | gre | mpls | pppoe | ip-in-ip | … (names of workers/packets/tunnels.py)"""
    source: str = ""
    destination: str = ""
    """Addresses of the tunnel's ends; "" where there are none (MPLS labels, PPPoE)."""
    id: int = 0
    """VXLAN's or Geneve's network identifier, GRE's key, GTP's tunnel, the first MPLS label, PPPoE's session; 0 for
    others."""


class Conversation(Struct, frozen=True):
    """One bidirectional flow. The client sent the first SYN, or else the first packet seen (higher port breaks ties).

    bytes are IP lengths (headers included), payload is transport payload, both from the IP header, not the snaplen.
    """

    id: int
    protocol: str
    """tcp | udp | icmp | icmp6 | sctp | ip-<n>"""
    client: str
    client_port: int
    server: str
    server_port: int
    first_at: float
    last_at: float
    client_packets: int = 0
    client_bytes: int = 0
    client_payload: int = 0
    server_packets: int = 0
    server_bytes: int = 0
    server_payload: int = 0
    first_frame: int = 0
    application: str = ""
    """http | tls | dns | … when recognised"""
    tcp: TcpFacts | None = None
    tunnel: Tunnel | None = None
    """What carried its first packet; None for none."""
    sides: str = ""
    """Whose packets the capture shows: both | client | server; "" when not told. Of one side alone, silence of the
    other proves nothing: its answers may take another way, or be filtered out."""


class DnsName(Struct, frozen=True):
    """Queries for one name, type and server, put together."""

    name: str
    qtype: str
    server: str
    client: str
    queries: Tally = Tally()
    answered: int = 0
    unanswered: Tally = Tally()
    retried: int = 0
    rcodes: dict[str, int] = field(default_factory=dict)
    """rcode name (NOERROR, NXDOMAIN, SERVFAIL, …) -> responses"""
    truncated: int = 0
    latency: Spread = Spread()
    answers: tuple[str, ...] = ()
    """Addresses and CNAME targets of the last NOERROR answer, at most 8."""
    asked_again: Tally = Tally()
    """Queries for what the same client had asked before without an answer since: sent again as they were after 0.9 s or
    more, or as a new query 0.9 to 6 s after the latest."""
    asked_again_after: Spread = Spread()
    """How long the client had waited each time."""
    cname_chain: int = 0
    """CNAME records followed one after another, in the longest chain answered."""
    tcp: int = 0
    """Queries over TCP."""


class DnsFacts(Struct, frozen=True):
    """All DNS seen over UDP and TCP port 53 (and 5353)."""

    queries: int = 0
    responses: int = 0
    unanswered: Tally = Tally()
    rcodes: dict[str, int] = field(default_factory=dict)
    latency: Spread = Spread()
    names: tuple[DnsName, ...] = ()
    more_names: int = 0
    """Name groups beyond the kept ones."""
    retried: int = 0
    """Queries sent again with the same id and ports."""
    truncated: int = 0
    """Responses with the TC bit: the client has to ask again over TCP."""
    tcp_queries: int = 0
    tcp_responses: int = 0
    edns_queries: int = 0
    """Queries with EDNS (RFC 6891)."""
    edns_sizes: dict[str, int] = field(default_factory=dict)
    """UDP size the client accepts, bytes -> queries."""
    dnssec_ok: int = 0
    """Queries with the DO bit."""
    searches: tuple[DnsSearch, ...] = ()
    """Names tried under search domains in vain, at most 50, the costliest first."""
    more_searches: int = 0
    addresses: tuple[DnsAddress, ...] = ()
    """What clients were told, in order of time; the latest of some 1,000 pairs of client and address."""


class HttpGroup(Struct, frozen=True):
    """HTTP transactions of one server, protocol, method and path (query string removed), put together."""

    server: str
    server_port: int
    host: str
    method: str
    path: str
    requests: Tally = Tally()
    statuses: dict[str, int] = field(default_factory=dict)
    errors: Tally = Tally()
    """Frames of responses with status 500 and above."""
    unanswered: Tally = Tally()
    """Requests without a response; not those of the capture's last second, which nobody can judge."""
    latency: Spread = Spread()
    """End of request to first byte of its final response."""
    slowest_frame: int = 0
    upload: Spread = Spread()
    """First to last byte of a request that was answered."""
    download: Spread = Spread()
    """First to last byte of a final response; not of those whose end is the connection's, or was not captured."""
    repeats: Tally = Tally()
    """Requests that the same client had sent before, by X-Request-ID or Idempotency-Key, method and whole target, and
    that had failed (500 and above) or had no answer for 0.1 s."""
    protocol: str = "http/1"
    """http/1 | h2 | grpc (its path is /package.Service/Method)"""
    grpc_statuses: dict[str, int] = field(default_factory=dict)
    """Status name (OK, UNAVAILABLE, …) -> responses."""
    grpc_errors: Tally = Tally()
    """Frames of gRPC statuses other than OK."""
    resets: dict[str, Tally] = field(default_factory=dict)
    """Streams ended by RST_STREAM, by error code name; "GOAWAY" for those the server said it will not process."""


class HttpPool(Struct, frozen=True):
    """The connections from one client to one server that carried HTTP/1 requests."""

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


class HttpFacts(Struct, frozen=True):
    """HTTP/1.x and HTTP/2 in the clear, on any port."""

    requests: int = 0
    responses: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    latency: Spread = Spread()
    groups: tuple[HttpGroup, ...] = ()
    more_groups: int = 0
    pools: tuple[HttpPool, ...] = ()
    """The busiest, at most 100."""
    h2: Http2Facts = field(default_factory=Http2Facts)


class TlsAlert(Struct, frozen=True):
    """An alert sent in the clear (TLS 1.3 hides them after the ServerHello)."""

    frame: int
    by: str
    level: str
    description: str
    """RFC 8446 section 6 name, such as handshake_failure."""


class TlsHandshake(Struct, frozen=True):
    """One TLS handshake, as far as it is in the clear."""

    conversation: int
    client_hello_frame: int = 0
    server_hello_frame: int = 0
    sni: str = ""
    alpn: tuple[str, ...] = ()
    offered: str = ""
    """Highest version the client offers, such as TLS 1.3."""
    version: str = ""
    """Version the server chose; "" when no ServerHello was seen."""
    cipher: str = ""
    hello_latency: float | None = None
    alerts: tuple[TlsAlert, ...] = ()
    certificates: int = 0
    not_before: float | None = None
    """Validity of the server's own certificate, epoch seconds (TLS 1.2 and older)."""
    not_after: float | None = None
    subject_names: tuple[str, ...] = ()
    expired: bool = False
    """Expired or not yet valid at the time of the capture."""
    chosen_alpn: str = ""
    """Protocol the server chose; TLS 1.3 hides it."""
    ja3: str = ""
    ja4: str = ""
    """Fingerprints of the ClientHello; "" when it was not seen whole."""
    chain: tuple[int, ...] = ()
    """The server's certificates, its own first, at most 5: indexes into `TlsFacts.certificates`, -1 unreadable."""
    sni_match: str = ""
    """How the server's certificate names what the client asked for (RFC 9525): san | common-name (only the common
    name does, which no longer counts) | mismatch; "" when not visible or not asked."""
    self_signed: bool = False
    """The server's own certificate is signed by its own key."""
    transport: str = "tcp"
    """tcp | quic"""


class TlsFacts(Struct, frozen=True):
    """TLS seen on any port, over TCP and in QUIC."""

    handshakes: tuple[TlsHandshake, ...] = ()
    more_handshakes: int = 0
    client_hellos: int = 0
    server_hellos: int = 0
    alerts: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    """Server name asked for (SNI) -> ClientHellos; at most 256 names, further ones under "other"."""
    certificates: tuple[Certificate, ...] = ()
    """Different certificates of the chains told, each once."""


class IcmpError(Struct, frozen=True):
    """An ICMP error and the conversation it complains about."""

    kind: str
    """such as "port unreachable", "fragmentation needed", "time exceeded" """
    sender: str
    about_protocol: str
    about_client: str
    about_server: str
    about_port: int
    seen: Tally = Tally()
    mtu: int = 0


class Timeline(Struct, frozen=True):
    """Equal bins over the capture. `start_at` epoch seconds, `width` seconds; at most 300 bins."""

    start_at: float = 0.0
    width: float = 1.0
    packets: tuple[int, ...] = ()
    bytes: tuple[int, ...] = ()
    problems: tuple[int, ...] = ()
    """Retransmissions, resets, unanswered SYNs a bin."""
    latency: tuple[tuple[float, float, str], ...] = ()
    """(epoch seconds, seconds, kind) samples in order of time, evenly thinned: at most 1,000 each of http, dns, tcp
    (handshakes), and of redis, postgresql, mysql, kafka and mongodb together (requests that wait by their nature left
    out)."""
    client_packets: tuple[int, ...] = ()
    client_bytes: tuple[int, ...] = ()
    """What clients sent, as Conversation tells them from servers; bytes as `bytes`, link layer included."""
    server_packets: tuple[int, ...] = ()
    server_bytes: tuple[int, ...] = ()
    """What servers sent. ARP and all that belongs to no conversation is in neither."""


class Comment(Struct, frozen=True):
    """What somebody, or the program that captured, wrote into a pcapng file."""

    frame: int
    """0 for a comment on a section, an interface or its statistics."""
    text: str


class Facts(Struct, frozen=True):
    """Everything one pcap shows. `error` says why reading stopped early; what was read until then is kept."""

    format: str = ""
    """pcap | pcapng | "" when nothing was readable"""
    link_types: tuple[int, ...] = ()
    packets: int = 0
    wire_bytes: int = 0
    captured_bytes: int = 0
    cut_packets: int = 0
    """Packets shorter than on the wire (snaplen)."""
    snaplen: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    backwards: float = 0.0
    """Largest step back of the timestamps, seconds: from the latest time so far to a later frame's."""
    error: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    """Packets that show a thing, by the names of docs: ip4 ip6 arp tcp udp icmp syn synack fin rst dns_query
    dns_resp http_req http_resp tls_ch tls_sh tls_alert tls_cert retransmission out_of_order duplicate_ack
    zero_window lost_segment keep_alive malformed fragments …"""
    ports: dict[str, int] = field(default_factory=dict)
    """ "tcp/443" -> packets, by server port, the 50 busiest"""
    conversations: tuple[Conversation, ...] = ()
    """The kept ones: those with trouble first kept, then the largest."""
    more_conversations: int = 0
    dns: DnsFacts = DnsFacts()
    http: HttpFacts = HttpFacts()
    tls: TlsFacts = TlsFacts()
    quic: QuicFacts = field(default_factory=QuicFacts)
    services: ServiceFacts = ServiceFacts()
    ntp: NtpFacts = NtpFacts()
    dhcp: DhcpFacts = DhcpFacts()
    icmp_errors: tuple[IcmpError, ...] = ()
    timeline: Timeline = Timeline()
    approximations: tuple[str, ...] = ()
    """What was bounded or not visible, in sentences ("snaplen 96: HTTP and DNS answers not visible")."""
    comments: tuple[Comment, ...] = ()
    """The first 100 of the file, each at most 1,000 bytes long."""
    more_comments: int = 0

    @property
    def duration(self) -> float:
        """Seconds from the first to the last packet."""
        return max(0.0, self.last_at - self.first_at)
