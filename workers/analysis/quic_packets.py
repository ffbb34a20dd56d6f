"""QUIC packets: long headers (RFC 9000 section 17.2), and Initial packets opened (RFC 9001 section 5; RFC 9369).

Keys of Initial packets follow from the connection ID the client chose first, so anybody who saw it can read them.
`cryptography` and `hmac` are loaded with the first one.
"""

from collections.abc import Iterator

from msgspec import Struct

INITIAL, ZERO_RTT, HANDSHAKE, RETRY, NEGOTIATION, CUT = range(6)
V1, V2 = 1, 0x6B3343CF
MAX_PACKETS = 8
"""Packets looked at in one datagram."""
_MAX_ID = 20
_SALTS = {
    V1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    V2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
}
_LABELS = {V1: b"quic ", V2: b"quicv2 "}
_KINDS = {V1: (INITIAL, ZERO_RTT, HANDSHAKE, RETRY), V2: (RETRY, INITIAL, ZERO_RTT, HANDSHAKE)}
_LONG = 0xC0
"""The two bits that begin a long header (RFC 9000 section 17.2)."""
_DRAFTS = range(0xFF000001, 0xFF000023)
_TAG, _SAMPLE = 16, 16


class Long(Struct, frozen=True):
    """A packet with a long header: where it begins, where its packet number is and where it ends.

    CUT is an Initial packet that was not captured whole.
    """

    kind: int
    version: int
    destination: bytes
    start: int
    number: int
    end: int


def version_name(version: int) -> str:
    """Such as v1 or draft-29."""
    return {V1: "v1", V2: "v2"}.get(version) or f"draft-{version & 0xFF}"


def varint(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """A variable-length integer (RFC 9000 section 16) and the offset behind it; past `end` when it is cut."""
    if at >= end:
        return 0, end + 1
    size = 1 << (buffer[at] >> 6)
    value = int.from_bytes(buffer[at : at + size], "big") & (1 << (8 * size - 2)) - 1
    return value, at + size


def may_begin(buffer: bytes, at: int, end: int) -> bool:
    """Whether a datagram begins as a packet with a long header does, of a version known here."""
    if end - at < 7 or buffer[at] < _LONG:
        return False
    version = int.from_bytes(buffer[at + 1 : at + 5], "big")
    return version in (0, V1, V2) or version in _DRAFTS


def packets(buffer: bytes, at: int, end: int) -> Iterator[Long]:
    """The long headers of a datagram's packets, of versions that are known; drafts are told, but not taken apart."""
    for _ in range(MAX_PACKETS):
        packet = _long(buffer, at, end)
        if packet is None:
            return
        yield packet
        at = packet.end
        if at >= end:
            return


def _long(buffer: bytes, at: int, end: int) -> Long | None:
    if end - at < 7 or buffer[at] & 0x80 == 0:
        return None
    version = int.from_bytes(buffer[at + 1 : at + 5], "big")
    id_size = buffer[at + 5]
    destination = buffer[at + 6 : at + 6 + id_size]
    behind = at + 6 + id_size
    if id_size > _MAX_ID or behind >= end or buffer[behind] > _MAX_ID:
        return None
    behind += 1 + buffer[behind]
    if behind > end:
        return None
    if version == 0:
        return Long(NEGOTIATION, 0, destination, at, behind, end) if (end - behind) % 4 == 0 else None
    if version in _DRAFTS:
        return Long(HANDSHAKE, version, destination, at, behind, end)
    if version not in _KINDS or buffer[at] & 0x40 == 0:
        return None
    kind = _KINDS[version][buffer[at] >> 4 & 3]
    if kind == RETRY:
        return Long(kind, version, destination, at, behind, end)
    if kind == INITIAL:
        token, behind = varint(buffer, behind, end)
        behind += token
    length, behind = varint(buffer, behind, end)
    if behind + length > end:  # cut by the snaplen
        return Long(CUT if kind == INITIAL else kind, version, destination, at, min(behind, end), end)
    if length < 4 + _SAMPLE:
        return None
    return Long(kind, version, destination, at, behind, behind + length)


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 section 7.1) with an empty context, of at most 32 bytes."""
    import hmac

    full = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    return hmac.digest(secret, info + b"\1", "sha256")[:size]


class Keys:
    """Opens the Initial packets of one side; `destination` is the connection ID of the client's first one."""

    __slots__ = ("_iv", "_key", "_mask", "largest")

    def __init__(self, version: int, destination: bytes, side: str) -> None:
        import hmac

        initial = hmac.digest(_SALTS[version], destination, "sha256")
        secret, label = _expand(initial, side.encode() + b" in", 32), _LABELS[version]
        self._key = _expand(secret, label + b"key", 16)
        self._iv = _expand(secret, label + b"iv", 12)
        self._mask = _expand(secret, label + b"hp", 16)
        self.largest = -1
        """The largest packet number so far."""

    def open(self, buffer: bytes, packet: Long) -> bytes | None:
        """The frames of a packet; None when it is not of these keys."""
        at, end = packet.number, packet.end
        mask = self._protection(buffer[at + 4 : at + 4 + _SAMPLE])
        first = buffer[packet.start] ^ mask[0] & 0x0F
        size = (first & 3) + 1
        raw = bytes(a ^ b for a, b in zip(buffer[at : at + size], mask[1 : 1 + size], strict=True))
        number = self._number(int.from_bytes(raw, "big"), 8 * size)
        header = bytes([first]) + buffer[packet.start + 1 : at] + raw
        nonce = (int.from_bytes(self._iv, "big") ^ number).to_bytes(12, "big")
        frames = self._decrypt(nonce, buffer[at + size : end], header)
        if frames is not None:
            self.largest = max(self.largest, number)
        return frames

    def _number(self, short: int, bits: int) -> int:
        """The packet number nearest to the one expected (RFC 9000, appendix A.3)."""
        expected, window = self.largest + 1, 1 << bits
        number = expected & ~(window - 1) | short
        if number <= expected - window // 2 and number < (1 << 62) - window:
            return number + window
        return number - window if number > expected + window // 2 and number >= window else number

    def _protection(self, sample: bytes) -> bytes:
        """What hides the first byte and the packet number (RFC 9001 section 5.4.3)."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        return Cipher(algorithms.AES(self._mask), modes.ECB()).encryptor().update(sample)  # noqa: S305 - as the RFC has it

    def _decrypt(self, nonce: bytes, sealed: bytes, header: bytes) -> bytes | None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._key).decrypt(nonce, sealed, header)
        except InvalidTag:
            return None
