"""Connections broken off, and connections that only one side believes in."""

from tests.unit.analysis.captures import ACK, PSH
from tests.unit.findings.golden.traffic import LEDGER, VAULT, Scene, client_hello, fires, quiet, request


@fires("reset", "the server reset 5 of 5 connections before any response")
def server_crashes_on_the_request() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.tcp(LEDGER, 9000, n * 0.8).open().ask("/crash").wait(0.3).rst("s")
    return scene


@quiet("reset", "idle-reset", "stale-connection")
def clients_that_close_by_reset() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.tcp(LEDGER, 9000, n * 0.5).open().get("/a").get("/b").fin("c").wait(0.001).fin("s").wait(0.0001).rst("c")
    return scene


@fires("reset-middlebox", "the RSTs have TTL 63, the server's own SYN-ACKs 52, so they come from 11 hops nearer")
def firewall_resets_in_the_servers_name() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = scene.tcp(VAULT, 443, n * 0.7, ttls=(64, 52)).open()
        link.send("c", client_hello("blocked.example.com"), acked=False).wait(0.002).rst("s", ttl=63, ip_id=4_242)
    return scene


@quiet("reset-middlebox")
def hosts_whose_resets_start_from_another_ttl() -> Scene:
    """One stack sends RSTs with 255 to begin with, one way is a hop longer; balancers reset what was closed."""
    scene = Scene().normal().normal(LEDGER, 9000)
    for n in range(2):
        scene.tcp(LEDGER, 9000, n * 0.7, ttls=(64, 61)).open().get("/a").wait(0.1).rst("s", ttl=252 if n else 60)
        scene.tcp(LEDGER, 9000, n * 0.9, ttls=(64, 61)).open().get("/a").fin("c").fin("s").wait(0.1).rst("s", ttl=63)
    return scene


@fires("idle-reset", "3 of 6 connections were reset as soon as a request came after 5 s or more of quiet")
def servers_keep_alive_is_shorter() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        link = scene.tcp(LEDGER, 9000, n * 0.4).open().get("/a").wait(5 + n)
        link.send("c", request("/b"), acked=False).wait(0.001).rst("s")
        scene.tcp(LEDGER, 9000, n * 0.4).open().get("/a").wait(2).get("/b").close()
    return scene


@quiet("idle-reset")
def server_that_fails_while_it_works() -> Scene:
    """One crash after a long idle time: the request was acknowledged first, so the connection was alive."""
    scene = Scene().normal()
    scene.tcp(LEDGER, 9000, 0).open().get("/a").wait(5).ask("/b").wait(0.2).rst("s")
    for n in range(12):
        scene.tcp(LEDGER, 9000, n * 0.4).open().get("/a").wait(3).get("/b").close()
    return scene


@fires("stale-connection", "4 of 9 connections are dead and the client does not know")
def server_was_replaced() -> Scene:
    scene = Scene().normal(VAULT)
    for n in range(4):
        link = scene.tcp(LEDGER, 9000, 0.5 + n * 0.4).established()
        if n % 2:
            link.send("c", request("/a"), acked=False).wait(0.001).rst("s")
        else:
            link.send("c", request("/a"), acked=False).repeat("c", request("/a"), 4)
    for n in range(5):
        scene.tcp(LEDGER, 9000, 1 + n).open().get("/a").close()
    return scene


@quiet("stale-connection", "retransmissions", "reset")
def old_connections_that_work() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        link = scene.tcp(LEDGER, 9000, n * 0.5).established().get("/a")
        link.send("c", request("/b"), acked=False).repeat("c", request("/b"), 1).wait(0.001).packet("s", ACK)
        link.send("s", b"HTTP/1.1 204 X\r\n\r\n").packet("c", PSH | ACK)
    return scene
