"""TLS: certificates, alerts, handshakes that stop."""

from tests.unit.analysis.test_postgresql import SSL
from tests.unit.findings.golden.traffic import (
    APPLICATION_DATA,
    CHANGE_CIPHER,
    VAULT,
    Link,
    Scene,
    alert,
    certificate,
    client_hello,
    fires,
    quiet,
    server_hello,
)

BAD_CERTIFICATE, HANDSHAKE_FAILURE = 42, 40


def hello(scene: Scene, at: float, der: bytes, name: str = "vault.shop") -> Link:
    """A handshake up to the server's certificate."""
    link = scene.tcp(VAULT, 443, at).open().send("c", client_hello(name)).wait(0.002)
    return link.send("s", server_hello(der))


def talk(link: Link) -> Link:
    """The rest of a handshake, and data."""
    link.send("c", CHANGE_CIPHER).send("s", CHANGE_CIPHER)
    return link.send("c", APPLICATION_DATA).wait(0.003).send("s", APPLICATION_DATA).close()


@fires("certificate", "expired on")
def expired() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        hello(scene, n * 0.5, certificate(("vault.shop",), (-100, -3))).send("c", alert(45)).close()
    return scene


@fires("certificate", "expires in 3 days")
def expires_soon() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        talk(hello(scene, n * 0.5, certificate(("vault.shop",), (-300, 3))))
    return scene


@quiet("certificate", "certificate-name", "tls-alert", "tls-incomplete")
def good_certificates() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        talk(hello(scene, n * 0.5, certificate(("vault.shop", "*.example.com"), (-30, 300))))
        talk(hello(scene, n * 0.5, certificate(("vault.shop", "*.example.com"), (-30, 300)), "api.example.com"))
    return scene


@fires("certificate-name", "asked for pay.example.com, the server shows a certificate for ingress.local")
def default_certificate_of_the_ingress() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        hello(scene, n * 0.5, certificate(("ingress.local",)), "pay.example.com").send(
            "c", alert(BAD_CERTIFICATE)
        ).close()
    return scene


@fires("tls-alert", "with handshake_failure: no cipher suite or parameter suits both")
def no_common_cipher() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = scene.tcp(VAULT, 443, n * 0.5).open().send("c", client_hello("vault.shop")).wait(0.002)
        link.send("s", alert(HANDSHAKE_FAILURE)).close("s")
    return scene


@fires("tls-incomplete", "4 of 4 TLS handshakes for vault.shop stopped after the ClientHello")
def server_says_nothing_to_the_hello() -> Scene:
    scene = Scene(end=8).normal()
    for n in range(4):
        scene.tcp(VAULT, 443, n * 0.5).open().send("c", client_hello("vault.shop")).wait(3).close()
    return scene


@quiet("tls-incomplete")
def hellos_of_the_last_moments() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        scene.tcp(VAULT, 443, 5.5 + n * 0.05).open().send("c", client_hello("vault.shop"))
    return scene


@fires(
    "tls-refused",
    "does not do TLS on this port, it answered 4 TLS hellos in plain HTTP; 4 of 4 connections asked for it",
)
def https_to_a_plain_port() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = scene.tcp(VAULT, 8080, n * 0.5).open().send("c", client_hello("vault.shop")).wait(0.002)
        link.send("s", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").close("s")
    return scene


@fires(
    "tls-refused", "does not do TLS on this port, it answered 4 TLS hellos in plain Redis; 4 of 4 connections asked for"
)
def rediss_to_a_plain_port() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = scene.tcp(VAULT, 6379, n * 0.5).open().send("c", client_hello("vault.shop")).wait(0.002)
        link.send("s", b"-ERR Protocol error: unbalanced quotes in request\r\n").close("s")
    return scene


@quiet("tls-refused")
def redis_with_tls_beside_redis_without() -> Scene:
    """Two ports of one server."""
    scene = Scene().normal()
    for n in range(4):
        talk(hello(scene, n * 0.5, certificate(("vault.shop",))))
        link = scene.tcp(VAULT, 6379, n * 0.5).open()
        link.send("c", b"*1\r\n$4\r\nPING\r\n").wait(0.001).send("s", b"+PONG\r\n").close()
    return scene


@fires("tls-refused", "does not do TLS on this port, it said no to 4 requests for it (PostgreSQL); 4 of 4 connections")
def database_without_tls() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        scene.tcp(VAULT, 5432, n * 0.5).open().send("c", SSL).wait(0.001).send("s", b"N").close()
    return scene
