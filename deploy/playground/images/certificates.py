"""Certificates of the scene, made by openssl when images are built: one CA, one server certificate a service.

They are worth nothing outside the playground: the keys lie in its image store and the names are the scene's.
"""

import subprocess
import tempfile
from pathlib import Path

OPENSSL = "/usr/bin/openssl"
SERVICES = ("web", "payments", "vault")
NAMESPACE = "shop"
DAYS = "3650"


def make_certificates(folder: Path) -> None:
    """Write ca.crt, and <service>.crt (with the CA's behind it) and <service>.key for each service.

    The CA's key is not kept. Keys are readable by all: the servers run as several users, and a Secret volume
    would show them the same way.
    """
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        ca_key = Path(name) / "ca.key"
        _make_ca(ca_key, folder / "ca.crt")
        for service in SERVICES:
            _make_server(service, folder, ca_key, Path(name) / f"{service}.csr")
    for path in folder.iterdir():
        path.chmod(0o644)


def service_names(service: str) -> list[str]:
    """DNS names a client may know the service by, shortest first."""
    names = [service]
    for part in (NAMESPACE, "svc", "cluster.local"):
        names.append(f"{names[-1]}.{part}")
    return names


def _make_ca(key: Path, certificate: Path) -> None:
    _openssl("req", "-x509", *_new_key(key), "-days", DAYS, "-subj", "/CN=Threadcap scene CA",
             "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
             "-out", str(certificate))  # fmt: skip


def _make_server(service: str, folder: Path, ca_key: Path, request: Path) -> None:
    key, certificate, ca = folder / f"{service}.key", folder / f"{service}.crt", folder / "ca.crt"
    names = ",".join(f"DNS:{name}" for name in service_names(service))
    _openssl("req", *_new_key(key), "-subj", f"/CN={service_names(service)[-1]}",
             "-addext", f"subjectAltName={names}", "-addext", "extendedKeyUsage=serverAuth",
             "-out", str(request))  # fmt: skip
    _openssl("x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(ca_key),
             "-days", DAYS, "-copy_extensions", "copyall", "-out", str(certificate))  # fmt: skip
    certificate.write_bytes(certificate.read_bytes() + ca.read_bytes())


def _new_key(path: Path) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", str(path)]


def _openssl(*arguments: str) -> None:
    subprocess.run([OPENSSL, *arguments], check=True, capture_output=True)
