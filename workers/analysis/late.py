"""What analysis imports only once a capture shows it. A process that can't open files later imports it beforehand."""

import importlib

MODULES = (
    "cryptography.exceptions",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.x509",
    "hashlib",
    "hpack",
    "hpack.table",
)


def load() -> None:
    """Import all of it."""
    for name in MODULES:
        importlib.import_module(name)
