"""Facts about certificates, as seen in TLS handshakes. Part of workers/contract/facts.py."""

from msgspec import Struct

MAX_CHAIN = 5
"""Certificates told of one chain, the server's own first."""


class Certificate(Struct, frozen=True):
    """One X.509 certificate (RFC 5280). Times are epoch seconds."""

    subject: str = ""
    """Common name; "" when it has none."""
    issuer: str = ""
    """Common name, or else organisation, of who signed it."""
    names: tuple[str, ...] = ()
    """Subject alternative names, DNS names and addresses, at most 16."""
    not_before: float = 0.0
    not_after: float = 0.0
    key: str = ""
    """RSA | DSA | Ed25519 | Ed448 | "EC secp256r1" …; "" when unknown."""
    key_bits: int = 0
    signature: str = ""
    """Algorithm by its RFC name, such as sha256WithRSAEncryption; an unknown one as dotted numbers."""
    self_signed: bool = False
    """Issuer and subject are the same and its own key made the signature, as far as that can be checked."""
