"""Connections that don't come about."""

from tests.unit.analysis.captures import ACK, RST, SYN, dns
from tests.unit.analysis.test_dns_addresses import answer
from tests.unit.findings.golden.traffic import (
    LEDGER,
    PAYMENTS,
    PAYMENTS_POD,
    POD,
    RESOLVER,
    WORLD,
    Scene,
    datagram,
    fires,
    quiet,
    request,
)


@fires("syn-unanswered", "6 of 6 connection attempts got no answer")
def firewall_drops_syns() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        scene.tcp(LEDGER, 5432, n * 0.5).syn(repeats=2)
    return scene


@fires("syn-unanswered", "checkout-7d9f → api.example.com (192.0.2.77:443): 4 of 4 connection attempts got no answer")
def firewall_drops_what_goes_to_a_cdn() -> Scene:
    """The address has two names; this one was asked for before these connections, behind a CNAME."""
    scene = Scene().normal()
    for n in range(4):
        look_up(scene, n * 0.5, "api.example.com")
        scene.tcp(WORLD, 443, n * 0.5 + 0.01).syn(repeats=2)
        look_up(scene, n * 0.5 + 0.1, "www.example.org")
    return scene


def look_up(scene: Scene, at: float, name: str) -> None:
    """A query, and its answer: a CNAME and an address."""
    scene.add(at, datagram(POD, 40_999, RESOLVER, 53, dns(5, name)))
    reply = answer(5, name, (WORLD,), "edge.cdn.example.net")
    scene.add(at + 0.001, datagram(RESOLVER, 53, POD, 40_999, reply))


@fires("syn-unanswered", "got no answer; the SYNs never reached payments-6c4d, they are dropped on the way.")
def firewall_between_two_captured_pods() -> list[Scene]:
    client, server = Scene().normal(LEDGER), Scene("payments-6c4d", PAYMENTS_POD, "n2").normal(LEDGER)
    for n in range(4):
        client.tcp(PAYMENTS_POD, 8080, n * 0.5).syn(repeats=2)
    return [client, server]


@fires("syn-unanswered", "got no answer; the SYNs did reach payments-6c4d, which sent no answer.")
def syns_reach_the_server_that_stays_silent() -> list[Scene]:
    client, server = Scene().normal(LEDGER), Scene("payments-6c4d", "198.19.3.9", "n2").normal(LEDGER)
    for n in range(4):
        client.tcp(PAYMENTS, 8080, n * 0.5, client_port=50_000 + n).syn(repeats=2)
        server.tcp(server.ip, 8080, n * 0.5 + 0.001, client=POD, client_port=50_000 + n).syn(repeats=2)
    return [client, server]


@fires("syn-unanswered", "got no answer; payments-6c4d did answer, the SYN-ACKs got lost on the way back.")
def syn_acks_get_lost() -> list[Scene]:
    client, server = Scene().normal(LEDGER), Scene("payments-6c4d", PAYMENTS_POD, "n2").normal(LEDGER)
    for n in range(4):
        port = 50_000 + n
        client.tcp(PAYMENTS_POD, 8080, n * 0.5, client_port=port).syn(repeats=2)
        there = server.tcp(PAYMENTS_POD, 8080, n * 0.5, client=POD, client_port=port).syn().synack()
        there.wait(1).packet("s", SYN | ACK, seq=0).wait(2).packet("s", SYN | ACK, seq=0)
    return [client, server]


@quiet("syn-unanswered", "half-open")
def syns_of_the_last_moments() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.tcp(LEDGER, 5432, 5.5 + n * 0.1).syn()
        scene.tcp(LEDGER, 5433, 5.5 + n * 0.1).syn().synack()
    return scene


@fires("connection-refused", "were refused by a RST")
def nothing_listens() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        scene.tcp(LEDGER, 9000, n * 0.5).syn().wait(0.001).rst("s", seq=0)
    return scene


@fires("connection-refused", "6 of 6 connection attempts were refused by a RST")
def nothing_listens_for_fast_open() -> Scene:
    """The SYNs carry the request (RFC 7413)."""
    scene = Scene().normal()
    for n in range(6):
        scene.tcp(LEDGER, 9000, n * 0.5).packet("c", SYN, request("/cart"), seq=0).wait(0.001).rst("s", seq=0)
    return scene


@quiet("connection-refused", "reset", "reset-middlebox", "half-open")
def port_checks() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        scene.tcp(LEDGER, 9000, n * 0.5).syn().synack().wait(0.0001).packet("c", RST, ttl=64)
    return scene


@fires("syn-retried", "came about only after the SYN was sent again")
def accept_queue_is_full() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.tcp(LEDGER, 5432, n * 0.8).open(repeats=1).get("/x").close()
    return scene


@quiet("syn-retried")
def every_packet_twice() -> Scene:
    scene = Scene().normal()
    scene.frames = [(time + twin * 0.000002, frame) for time, frame in scene.frames for twin in (0, 1)]
    return scene


@fires("half-open", "stayed half open, the server answered but no ACK came back")
def acks_never_come_back() -> Scene:
    scene = Scene("payments-6c4d", PAYMENTS_POD).normal(LEDGER)
    for n in range(6):
        link = scene.tcp(PAYMENTS_POD, 8080, n * 0.4, client=f"192.0.2.{n + 1}").syn().synack()
        link.wait(1).packet("s", SYN | ACK, seq=0).wait(2).packet("s", SYN | ACK, seq=0)
    return scene


@fires("syn-flood", "gets a SYN flood: 1,500 of 1,524 handshakes (98 %) never finished")
def flood_of_forged_syns() -> Scene:
    scene = Scene("payments-6c4d", PAYMENTS_POD).normal(LEDGER, count=24)
    for n in range(1500):
        source = f"198.18.{100 + n % 50}.{n % 250 + 1}"
        scene.tcp(PAYMENTS_POD, 8080, 1 + n / 400, client=source, client_port=1_024 + n).syn().synack()
    return scene


@quiet("syn-flood", "port-exhaustion")
def many_clients_that_finish() -> Scene:
    scene = Scene("payments-6c4d", PAYMENTS_POD)
    for n in range(600):
        source = f"198.18.{100 + n % 50}.{n % 250 + 1}"
        scene.tcp(PAYMENTS_POD, 8080, n / 100, client=source, client_port=1_024 + n).open().get("/cart").close()
    return scene


@fires("port-scan", "192.0.2.9 scans 500 ports of payments-6c4d; 500 of its 500 connection attempts came to nothing.")
def scan_of_many_ports() -> Scene:
    """Nothing of a flood: one address asks many ports."""
    scene = Scene("payments-6c4d", PAYMENTS_POD).normal(LEDGER)
    for port in range(1, 501):
        scene.tcp(PAYMENTS_POD, port, 1 + port / 400, client="192.0.2.9", client_port=50_000).syn()
    return scene


@quiet("port-scan")
def monitor_that_checks_many_services() -> Scene:
    scene = Scene()
    for n in range(40):
        scene.tcp(f"198.18.7.{n + 1}", 9000 + n, n * 0.1).open().close()
    return scene


@quiet("syn-flood")
def probes_that_the_pod_itself_sends() -> Scene:
    """A SYN with nothing behind it to every address of a subnet, answered by all."""
    scene = Scene().normal()
    for n in range(400):
        link = scene.tcp(f"198.18.{n % 4}.{n % 250 + 1}", 9000, 1 + n / 200).syn().synack()
        link.wait(0.0001).packet("c", RST)
    return scene


@fires(
    "port-exhaustion",
    "client ports run out, 8 of 24 connections took one again 1.5 s or more after its last use (8 ports); 4 of",
)
def ports_run_out() -> Scene:
    scene = Scene().normal(LEDGER)
    for n in range(8):
        link = scene.tcp(PAYMENTS, 8080, n * 0.1, client_port=61_000 + n, isn=1_000).open().get("/cart").close()
        again = scene.tcp(PAYMENTS, 8080, link.now + 1.5, client_port=61_000 + n, isn=9_000_000)
        if n % 2:
            again.open(repeats=1).get("/cart").close()
        else:
            again.open().get("/cart").close()
        scene.tcp(PAYMENTS, 8080, n * 0.1, client_port=62_000 + n).open().get("/cart").close()
    return scene


@quiet("port-exhaustion")
def client_bound_to_one_port() -> Scene:
    scene = Scene().normal()
    for n in range(8):
        link = scene.tcp(LEDGER, 179, n * 0.7, client_port=30_000, isn=1_000 + n * 5_000_000)
        link.open().get("/session").close()
    return scene


@fires("hairpin", "gets no answer when it calls itself through service payments")
def pod_calls_its_own_service() -> Scene:
    scene = Scene().normal(LEDGER)
    for n in range(3):
        out = scene.tcp(PAYMENTS, 8080, n * 0.5).syn()
        back = scene.tcp(POD, 8080, out.now + 0.0002, client=POD, client_port=out.client_port)
        back.syn().synack().packet("c", RST, ttl=64)
        out.wait(1).packet("c", SYN, seq=0)
    return scene


@quiet("hairpin", "syn-unanswered")
def pod_that_talks_to_itself_on_its_own_address() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        scene.tcp(POD, 9090, n * 0.5, client=POD).open().get("/metrics").close()
    return scene
