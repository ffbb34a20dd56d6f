"""Certificates of the ordinary form (RFC 5280), read without a library: to load one takes longer than most captures.

Ordinary is X.509 v3 in strict DER with common names, times, keys and extensions, as authorities make them. What is odd
in any way is None, and for `cryptography` to read; the two tell the same of what both read.
"""

from collections.abc import Iterator

from workers.contract.values import dataclass

COMMON_NAME, ORGANISATION, _COUNTRY = b"\x55\4\3", b"\x55\4\x0a", b"\x55\4\6"
_SEQUENCE, _SET, _INTEGER, _BITS, _OCTETS, _NULL, _OID, _BOOLEAN = 0x30, 0x31, 2, 3, 4, b"\5\0", 6, b"\1\1\xff"
_UTF8, _PRINTABLE, _IA5, _UTC, _GENERAL_TIME = 12, 19, 22, 23, 24
_VERSION, _EXTENSIONS, _DNS, _ADDRESS = 0xA0, 0xA3, 0x82, 0x87
_RSA, _EC = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a8648ce3d0201")
_CURVES = {
    bytes.fromhex("06082a8648ce3d030107"): ("secp256r1", 256),
    bytes.fromhex("06052b81040022"): ("secp384r1", 384),
    bytes.fromhex("06052b81040023"): ("secp521r1", 521),
}
_FIELDS = {
    256: (2**256 - 2**224 + 2**192 + 2**96 - 1, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B),
    384: (
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
    521: (
        2**521 - 1,
        0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    ),
}
"""p and b of the curves (NIST SP 800-186), on which a is -3."""
_EDWARDS = {b"\x2b\x65\x70": ("Ed25519", 256, 32), b"\x2b\x65\x71": ("Ed448", 456, 57)}
SIGNATURES = {
    bytes.fromhex("2a864886f70d01010b"): ("sha256WithRSAEncryption", _NULL),
    bytes.fromhex("2a864886f70d01010c"): ("sha384WithRSAEncryption", _NULL),
    bytes.fromhex("2a864886f70d01010d"): ("sha512WithRSAEncryption", _NULL),
    bytes.fromhex("2a8648ce3d040302"): ("ecdsa-with-SHA256", b""),
    bytes.fromhex("2a8648ce3d040303"): ("ecdsa-with-SHA384", b""),
    bytes.fromhex("2a8648ce3d040304"): ("ecdsa-with-SHA512", b""),
    b"\x2b\x65\x70": ("Ed25519", b""),
    b"\x2b\x65\x71": ("Ed448", b""),
}
_ALTERNATIVES = b"\x55\x1d\x11"
_PASSED = {b"\x55\x1d" + bytes([number]) for number in (14, 15, 19, 31, 32, 35, 37)} | {
    bytes.fromhex("2b06010505070101"),
    bytes.fromhex("2b06010401d679020402"),
}
"""Extensions nothing is told of: key identifiers, usages, constraints, policies, where to ask, transparency."""
Name = list[tuple[bytes, str]]
"""Attributes in order."""


class _Odd(Exception):
    """Not of the ordinary form."""


@dataclass(frozen=True, slots=True)
class Form:
    """What an ordinary certificate says."""

    subject: Name
    issuer: Name
    names: list[str]
    """Alternative names, DNS names before addresses."""
    not_before: float
    not_after: float
    key: str
    key_bits: int
    key_parts: tuple[bytes, ...]
    """The curve's name and point, modulus and exponent, or the key as such."""
    signature: str
    signed: bytes
    seal: bytes
    """The signature, over `signed`."""


def ordinary(der: bytes) -> Form | None:
    """What a certificate says that is of the ordinary form."""
    try:
        return _form(der)
    except (_Odd, ValueError, IndexError):
        return None


def _form(der: bytes) -> Form:
    signed_at, algorithm_at, seal_at = _parts(der, *_only(der, 0, len(der), _SEQUENCE), _SEQUENCE, _SEQUENCE, _BITS)
    algorithm = der[algorithm_at[0] : algorithm_at[1]]
    parts = list(_elements(der, *signed_at[:2]))
    _expect([tag for tag, *_ in parts] == [_VERSION, _INTEGER, *[_SEQUENCE] * 5, _EXTENSIONS][: len(parts)])
    _expect(len(parts) in (7, 8) and der[parts[0][1] : parts[0][2]] == b"\2\1\2")
    _expect(1 <= _unsigned(der, *parts[1][1:]).bit_length() <= 160)
    _expect(der[parts[2][1] : parts[2][2]] == algorithm)
    (number_at,) = _parts(algorithm, 0, _end(algorithm, 0), _OID)
    signature, parameters = SIGNATURES.get(algorithm[number_at[0] : number_at[1]], ("", b""))
    _expect(signature != "" and algorithm[number_at[1] :] == parameters)
    key, bits, key_parts = _key(der, *parts[6][1:])
    begins, ends = [_time(der, *one) for one in _elements(der, *parts[4][1:])]
    return Form(
        subject=_name(der, *parts[5][1:]),
        issuer=_name(der, *parts[3][1:]),
        names=_names(der, *parts[7][1:]) if len(parts) == 8 else [],
        not_before=begins,
        not_after=ends,
        key=key,
        key_bits=bits,
        key_parts=key_parts,
        signature=signature,
        signed=der[signed_at[2] : signed_at[1]],
        seal=_bits(der, *seal_at[:2]),
    )


def _expect(fits: bool) -> None:
    if not fits:
        raise _Odd


def _element(der: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, and where the content begins and ends."""
    _expect(at + 2 <= end)
    tag, size, at = der[at], der[at + 1], at + 2
    if size > 0x7F:
        more = size & 0x7F
        _expect(1 <= more <= 2 and at + more <= end)
        size = int.from_bytes(der[at : at + more], "big")
        _expect(size > 0x7F and size.bit_length() > 8 * (more - 1))
        at += more
    _expect(tag & 0x1F != 0x1F and at + size <= end)
    return tag, at, at + size


def _elements(der: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each of those that fill a place."""
    while at < end:
        element = _element(der, at, end)
        yield element
        at = element[2]


def _end(der: bytes, at: int) -> int:
    return _element(der, at, len(der))[2]


def _parts(der: bytes, at: int, end: int, *tags: int) -> list[tuple[int, int, int]]:
    """Where the content of elements of just these tags begins and ends, and where they begin themselves."""
    found = []
    for wanted in tags:
        tag, start, stop = _element(der, at, end)
        _expect(tag == wanted)
        found.append((start, stop, at))
        at = stop
    _expect(at == end)
    return found


def _only(der: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Where the content of the one element lies that fills a place."""
    ((start, stop, _),) = _parts(der, at, end, tag)
    return start, stop


def _unsigned(der: bytes, at: int, end: int) -> int:
    """A positive INTEGER."""
    _expect(at < end and der[at] < 0x80 and (end - at == 1 or der[at] > 0 or der[at + 1] > 0x7F))
    return int.from_bytes(der[at:end], "big")


def _bits(der: bytes, at: int, end: int) -> bytes:
    """A BIT STRING of whole bytes."""
    _expect(end - at > 1 and der[at] == 0)
    return der[at + 1 : end]


def _name(der: bytes, at: int, end: int) -> Name:
    found = []
    for tag, start, stop in _elements(der, at, end):
        _expect(tag == _SET)
        (kind, begin, behind), (form, first, last) = _elements(der, *_only(der, start, stop, _SEQUENCE))
        number, raw = der[begin:behind], der[first:last]
        _expect(kind == _OID and _is_number(number) and len(raw) > 0 and (number != _COUNTRY or len(raw) == 2))
        _expect(form == _UTF8 or (form in (_PRINTABLE, _IA5) and raw.isascii()))
        found.append((number, raw.decode()))
    return found


def _is_number(number: bytes) -> bool:
    """Whether these bytes are an object identifier of numbers that are not large."""
    return len(number) > 1 and max(number[0], number[-1]) < 0x80 and b"\x80" not in number and len(number) < 12


def _time(der: bytes, tag: int, at: int, end: int) -> float:
    from datetime import UTC, datetime

    text = der[at:end]
    _expect(tag in (_UTC, _GENERAL_TIME) and len(text) == (13 if tag == _UTC else 15))
    _expect(text[:-1].isdigit() and text.endswith(b"Z"))
    year = int(text[:-11])
    if tag == _UTC:
        year += 1900 if year >= 50 else 2000
    else:
        _expect(year >= 2050)
    month, day, hour, minute, second = (int(text[place : place + 2]) for place in range(-11, -1, 2))
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()


def _key(der: bytes, at: int, end: int) -> tuple[str, int, tuple[bytes, ...]]:
    algorithm, key = _parts(der, at, end, _SEQUENCE, _BITS)
    tag, start, stop = _element(der, *algorithm[:2])
    kind, parameters, bits = der[start:stop], der[stop : algorithm[1]], _bits(der, *key[:2])
    _expect(tag == _OID)
    if kind == _RSA:
        _expect(parameters == _NULL)
        modulus, exponent = (
            _unsigned(bits, *part[:2])
            for part in _parts(bits, *_only(bits, 0, len(bits), _SEQUENCE), _INTEGER, _INTEGER)
        )
        size = modulus.bit_length()
        _expect(1024 <= size <= 8192 and modulus & 1 == 1 and exponent in (3, 65537))
        return "RSA", size, (modulus.to_bytes(1024, "big"), exponent.to_bytes(3, "big"))
    if kind == _EC:
        curve, size = _CURVES.get(parameters, ("", 0))
        length = (size + 7) // 8
        _expect(size > 0 and bits[0] == 4 and len(bits) == 1 + 2 * length)
        x, y = int.from_bytes(bits[1 : 1 + length], "big"), int.from_bytes(bits[1 + length :], "big")
        p, b = _FIELDS[size]
        _expect(max(x, y) < p and (y * y - x * x * x + 3 * x - b) % p == 0)
        return f"EC {curve}", size, (curve.encode(), bits)
    name, size, length = _EDWARDS.get(kind, ("", 0, 0))
    _expect(size > 0 and not parameters and len(bits) == length)
    return name, size, (bits,)


def _names(der: bytes, at: int, end: int) -> list[str]:
    """The alternative names among the extensions."""
    seen: set[bytes] = set()
    names: list[str] = []
    for tag, start, stop in _elements(der, *_only(der, at, end, _SEQUENCE)):
        _expect(tag == _SEQUENCE)
        kind, begin, behind = _element(der, start, stop)
        number = der[begin:behind]
        if der[behind : behind + 3] == _BOOLEAN:
            behind += 3
        content = _only(der, behind, stop, _OCTETS)
        inner = _element(der, *content)
        _expect(kind == _OID and number not in seen and inner[2] == content[1])
        seen.add(number)
        if number == _ALTERNATIVES:
            _expect(inner[0] == _SEQUENCE)
            names = _alternatives(der, *inner[1:])
        else:
            _expect(number in _PASSED)
    _expect(len(seen) > 0)
    return names


def _alternatives(der: bytes, at: int, end: int) -> list[str]:
    names, addresses = [], []
    for tag, start, stop in _elements(der, at, end):
        raw = der[start:stop]
        if tag == _DNS:
            _expect(raw.isascii() and len(raw) > 0)
            names.append(raw.decode())
        else:
            from ipaddress import ip_address

            _expect(tag == _ADDRESS and len(raw) in (4, 16))
            addresses.append(str(ip_address(raw)))
    _expect(len(names) + len(addresses) > 0)
    return names + addresses


def own_seal(form: Form) -> bool | None:
    """Whether its own key made the signature; None when that is not told here."""
    from cryptography.exceptions import InvalidSignature

    try:
        return _verified(form)
    except InvalidSignature:
        return False
    except Exception:  # a boundary: the library's errors are many, and the certificate is read again by it
        return None


def _verified(form: Form) -> bool | None:
    if form.key == form.signature == "Ed25519":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        Ed25519PublicKey.from_public_bytes(form.key_parts[0]).verify(form.seal, form.signed)
        return True
    from cryptography.hazmat.primitives import hashes

    algorithm = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(_digits(form.signature))
    if algorithm is None:
        return None
    if form.key == "RSA" and form.signature.endswith("RSAEncryption"):
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        modulus, exponent = (int.from_bytes(part, "big") for part in form.key_parts)
        rsa.RSAPublicNumbers(exponent, modulus).public_key().verify(
            form.seal, form.signed, padding.PKCS1v15(), algorithm
        )
        return True
    if form.key.startswith("EC ") and form.signature.startswith("ecdsa"):
        from cryptography.hazmat.primitives.asymmetric import ec

        curve = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1(), "secp521r1": ec.SECP521R1()}
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve[form.key[3:]], form.key_parts[1])
        key.verify(form.seal, form.signed, ec.ECDSA(algorithm))
        return True
    return None


def _digits(name: str) -> str:
    return "".join(letter for letter in name if letter.isdigit())
