# cython: annotation_typing=False
"""One decoded frame, as the decoder hands it to analysis. One object is used again for every frame.

Compiled with the types of `packet.pxd` where there is a compiler, as everything beside a `.pxd` file is.
"""

FIN, SYN, RST, ACK = 1, 2, 4, 16
"""TCP flag bits (RFC 9293 section 3.1)."""
NOTHING, CONVERSATION, ICMP_ERROR = -1, -2, -3


class Packet:
    """Offsets index `buffer`. `end` bounds captured bytes of the innermost layer, `wire_end` where it ended really.

    `kind` is 6 or 17 for TCP and UDP (ports in `key`), another IP protocol number for a conversation without ports,
    or -1 when nothing above the link layer can be told apart. `key` is source address, destination address and, for
    TCP, UDP and SCTP, source port and destination port, as on the wire.
    """

    __slots__ = (
        "ack",
        "buffer",
        "depth",
        "end",
        "error_code",
        "error_mtu",
        "error_type",
        "flags",
        "hops",
        "identification",
        "ip_length",
        "key",
        "kind",
        "mask",
        "number",
        "payload",
        "payload_length",
        "quoted_key",
        "quoted_kind",
        "sequence",
        "time",
        "window",
        "wire_end",
    )

    def __init__(self) -> None:
        self.number = 0
        self.time = 0
        self.buffer = b""
        self.end = 0
        self.wire_end = 0
        self.depth = 0
        self.mask = 0
        self.kind = NOTHING
        self.key = b""
        self.ip_length = 0
        self.payload = 0
        self.payload_length = 0
        """Transport payload on the wire; bytes from `payload` to `end` were captured."""
        self.flags = 0
        self.sequence = 0
        self.ack = 0
        self.window = 0
        self.hops = self.identification = 0
        """TTL or hop limit, and IP identification (0 for IPv6): always of SYNs and RSTs, else maybe an older one's."""
        self.error_type = -1
        """ICMP error type, -1 when the packet is none; then quoted_* tell whom it complains about."""
        self.error_code = 0
        self.error_mtu = 0
        self.quoted_kind = NOTHING
        self.quoted_key = b""
