"""What analysis imports only once a capture shows it. A process that can't open files later imports it beforehand."""

import importlib

from workers.core import BUILT

MODULES = (
    "cryptography.exceptions",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.x509",
    "hashlib",
    "hmac",
    "ipaddress",
    "logging",
    "pickle",
    "workers.analysis.compiled" if BUILT else "workers.analysis.plain",
    "workers.analysis.http2_table",
    "workers.packets.gunzip",
    "workers.packets.unlz4",
    "workers.packets.unzstd",
)


def load() -> None:
    """Import all of it."""
    for name in MODULES:
        importlib.import_module(name)
