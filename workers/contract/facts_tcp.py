"""TCP facts of one conversation, and of each of its two senders. See facts.py for units and times."""

from msgspec import Struct

from workers.contract.tallies import Spread, Tally


class Reset(Struct, frozen=True):
    """One RST that ended or refused something."""

    frame: int
    by: str
    """client | server"""
    stage: str
    """refused (answers a SYN) | handshake | before-response | after-data | after-fin"""
    after: float
    """Seconds since the conversation's first packet."""
    idle: float = 0.0
    """Seconds this side had sent nothing, no ACK either, when the other side sent the data that this RST answers; 0
    when it answers none, or when that can't be told."""
    waited: float = 0.0
    """Seconds from the other side's latest data (or FIN) to this RST; 0 when none was seen."""
    ttl: int = 0
    """TTL or hop limit of this RST; 0 when not read."""
    handshake_ttl: int = 0
    """The same of the latest SYN or SYN-ACK sent in the same side's name; 0 when none was seen."""
    ip_id: int = 0
    """IP identification of this RST; 0 for IPv6."""
    handshake_ip_id: int = 0
    """The same of that SYN or SYN-ACK."""


class TcpSide(Struct, frozen=True):
    """One sender of a TCP conversation. Sizes are bytes, of payload unless said otherwise."""

    offered: bool = False
    """A SYN or SYN-ACK of this side is in the capture with its options whole. If not, `mss`, `window_scale`,
    `sack_permitted` and `timestamps` are not known."""
    mss: int = 0
    """Largest segment this side takes in (RFC 9293 section 3.7.1); 0 when it did not say."""
    window_scale: int | None = None
    """Its windows count in units of 2 to this power once both sides sent one (RFC 7323 section 2.2); None for none."""
    sack_permitted: bool = False
    """RFC 2018 section 2."""
    timestamps: bool = False
    """RFC 7323 section 3.2; in use when both sides sent it."""
    sacks: int = 0
    """Segments with SACK blocks: this side has data behind a hole (RFC 2018 section 3)."""
    window_full: Tally = Tally()
    """Segments that fill the receiver's window to the last byte: this side must wait for the receiving process."""
    zero_window_probes: Tally = Tally()
    """One byte sent against a zero window, to learn whether it is still closed."""
    zero_window_probe_acks: int = 0
    """This side's answers to such probes: still closed."""
    window_updates: int = 0
    """ACKs that say nothing but another window."""
    most_in_flight: int = 0
    """Most bytes sent and not acknowledged at once; 0 when the other side's ACKs were not seen."""
    most_per_second: int = 0
    """Most payload within one second, repeated data included; seconds count from the conversation's first packet."""
    rtt: Spread = Spread()
    """This side's data to its ACK, as seen where the capture was taken: the way from there to the other side and back,
    with the other side's delayed ACKs (RFC 9293 section 3.8.6.3)."""
    congestion_marked: int = 0
    """Packets that a router marked instead of dropping (CE, RFC 3168 section 5), in an outer header too."""
    congestion_echoed: int = 0
    """Segments that tell the sender so (ECE), SYNs not counted."""
    congestion_answered: int = 0
    """Segments that say the sender slowed down (CWR), SYNs not counted."""
    acked_unseen: Tally = Tally()
    """ACKs of data of this side that is not in the capture: the network delivered it, the capture lost it."""
    too_big: Tally = Tally()
    """ICMP errors that say a packet of this side was too big for the path (RFC 1191, RFC 8201)."""
    told_mtu: int = 0
    """The smallest MTU those told; 0 for none."""
    largest_acknowledged: int = 0
    """IP length of the largest packet known to have arrived: its data was acknowledged after it was sent, and not sent
    again in a smaller packet before. 0 for none, or when the other side's ACKs were not seen."""
    undelivered: Tally = Tally()
    """Retransmissions of packets larger than that. Beside smaller packets that arrive this is an MTU black hole's mark
    (RFC 2923 section 2.1)."""
    undelivered_size: int = 0
    """IP length of the largest of those."""


class TcpFacts(Struct, frozen=True):
    """TCP of one conversation. Definitions follow Wireshark's user guide; differences are in analysis/tcp.py."""

    handshake: str = "unseen"
    """complete | unanswered | refused | half-open (SYN-ACK, no ACK) | unseen (capture began mid-stream)"""
    judged: bool = True
    """False for an unanswered handshake whose only SYN came in the capture's last second: too early to tell."""
    syns: Tally = Tally()
    handshake_rtt: float | None = None
    """First SYN to the ACK of the SYN-ACK, seconds, when the handshake is complete."""
    server_rtt: float | None = None
    """Last SYN to SYN-ACK."""
    reused_after: float | None = None
    """Seconds since the latest packet of an earlier conversation between the same addresses and ports; None when the
    capture shows none."""
    refused_by: str = ""
    """reset | icmp when refused."""
    data_segments_client: int = 0
    data_segments_server: int = 0
    """Segments with payload, retransmissions included; 0 when not counted."""
    retransmissions_client: Tally = Tally()
    retransmissions_server: Tally = Tally()
    largest_resent_client: int = 0
    largest_resent_server: int = 0
    """IP length of the largest packet among the retransmissions; 0 when there were none."""
    unacknowledged_client: int = 0
    unacknowledged_server: int = 0
    """Bytes sent that the other side had not acknowledged with the last packets seen; 0 when either was not seen."""
    out_of_order: Tally = Tally()
    lost_segments: Tally = Tally()
    """Gaps never seen in the capture (not captured, or lost before this point)."""
    duplicate_acks: Tally = Tally()
    zero_windows_client: Tally = Tally()
    zero_windows_server: Tally = Tally()
    zero_window_seconds: float = 0.0
    keep_alives: Tally = Tally()
    resets: tuple[Reset, ...] = ()
    fins: int = 0
    rtt: Spread = Spread()
    """Data to its ACK, from the side the capture sits on. Both directions are under `client` and `server`."""
    ecn: bool = False
    """Both sides agreed on ECN (RFC 3168 section 6.1.1): SYN with ECE and CWR, SYN-ACK with ECE alone."""
    idle_gaps: int = 0
    """Times that nobody sent anything for more than a second."""
    longest_idle: float = 0.0
    """Seconds of the longest of these; 0 when there was none."""
    longest_idle_frame: int = 0
    """The frame that ended it."""
    client: TcpSide = TcpSide()
    """What the client sent, and how it was taken in."""
    server: TcpSide = TcpSide()
