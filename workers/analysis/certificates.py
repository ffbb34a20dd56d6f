"""Validity and names of a server's certificate. `cryptography` is loaded when the first one was seen, not before."""

import warnings
from dataclasses import dataclass

from workers.analysis.http_message import text

MAX_SIZE = 32 * 1024
MAX_DIFFERENT = 256
"""Different certificates read a capture; each costs about 50 microseconds."""
MAX_NAMES = 16


@dataclass(frozen=True, slots=True)
class Certificate:
    """Epoch seconds, and the subject's names: alternative names, or else the common name."""

    not_before: float
    not_after: float
    names: tuple[str, ...]


class Certificates:
    """read(DER) -> Certificate, or None when it can't be read. The same bytes are read once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Certificate | None] = {}
        self.unread = 0

    def read(self, der: bytes) -> Certificate | None:
        """The certificate's facts."""
        from hashlib import sha256  # late, as most captures show no certificate

        digest = sha256(der).digest()
        if digest in self._known:
            return self._known[digest]
        if not der or len(der) > MAX_SIZE or len(self._known) >= MAX_DIFFERENT:
            self.unread += 1
            return None
        certificate = self._known[digest] = _read(der)
        self.unread += certificate is None
        return certificate


def _read(der: bytes) -> Certificate | None:
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd certificates are facts, not news for the log
            parsed = x509.load_der_x509_certificate(der)
            return Certificate(
                parsed.not_valid_before_utc.timestamp(), parsed.not_valid_after_utc.timestamp(), _names(parsed)
            )
    except Exception:  # a boundary: the bytes are hostile and the library's error types are many
        return None


def _names(parsed: object) -> tuple[str, ...]:
    from cryptography import x509

    assert isinstance(parsed, x509.Certificate)
    try:
        alternative = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(name) for name in alternative.get_values_for_type(x509.DNSName)]
        names += [str(name) for name in alternative.get_values_for_type(x509.IPAddress)]
    except (x509.ExtensionNotFound, ValueError):
        names = []
    if not names:
        names = [str(name.value) for name in parsed.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    return tuple(text(name.encode(), 255) for name in names[:MAX_NAMES])
