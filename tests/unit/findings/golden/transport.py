"""Loss, MTU, full buffers, long ways, clocks of packets in flight."""

import struct

from tests.unit.analysis.captures import ACK, PSH, SYN
from tests.unit.findings.golden.traffic import (
    LEDGER,
    MSS,
    PAYMENTS,
    ROUTER,
    VAULT,
    Link,
    Scene,
    fires,
    icmp_error,
    quiet,
    request,
)


def lossy(link: Link, responses: int, lost_every: int) -> Link:
    """Responses of three segments, of which some have to be sent again."""
    head = f"HTTP/1.1 200 X\r\nContent-Length: {3 * MSS - 60}\r\n\r\n".encode()
    data = head + bytes(3 * MSS - len(head))
    for n in range(responses):
        link.ask("/list").wait(0.003).send("s", data, acked=False)
        if n % lost_every == 0:
            link.repeat("s", data[-MSS:], 2, 0.05)
        link.wait(0.001).packet("c", ACK)
    return link


@fires("retransmissions", "24 of 84 data packets from the server (29 %) were sent again")
def server_sends_again() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        lossy(scene.tcp(LEDGER, 9000, n * 1.2).open(), 5, 2).close()
    return scene


@fires("retransmissions", "The other 2 servers show none of it, so look at the side of service ledger.")
def loss_towards_one_server_of_three() -> Scene:
    scene = Scene().normal().normal(VAULT, 9000)
    for n in range(4):
        lossy(scene.tcp(LEDGER, 9000, n * 1.2).open(), 5, 2).close()
    return scene


@fires("retransmissions", "in 4 of 4 connections.")
def loss_towards_two_servers_of_three() -> Scene:
    """Neither all nor one: no hint where."""
    scene = Scene().normal()
    for n in range(4):
        lossy(scene.tcp(LEDGER, 9000, n * 1.2).open(), 5, 2).close()
        lossy(scene.tcp(VAULT, 9000, n * 1.2).open(), 5, 2).close()
    return scene


@quiet("retransmissions", "retransmission-burst", "mtu-black-hole")
def a_little_loss() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        lossy(scene.tcp(LEDGER, 9000, n * 1.2).open(), 40, 40).close()
    return scene


@fires("retransmission-burst", "It hits all 3 servers alike, so look near checkout-7d9f")
def the_way_is_gone_for_a_moment() -> Scene:
    scene = Scene()
    for n in range(60):
        for server in (PAYMENTS, LEDGER, VAULT):
            link = scene.tcp(server, 9000, n * 0.5).open().get("/a")
            if n == 24:
                for path in "abcd":
                    link.ask(f"/{path}").wait(0.002).send("s", b"HTTP/1.1 204 X\r\n\r\n", acked=False)
                    link.repeat("s", b"HTTP/1.1 204 X\r\n\r\n", 3, 0.05).wait(0.001).packet("c", ACK)
            link.close()
    return scene


@quiet("retransmission-burst")
def loss_all_the_time() -> Scene:
    scene = Scene()
    for n in range(60):
        lossy(scene.tcp(LEDGER, 9000, n * 0.5).open(), 28, 28).close()
    return scene


def stuck_upload(scene: Scene, at: float, size: int = 3 * MSS) -> Link:
    """A request whose full-sized segments vanish, while the handshake passed."""
    link = scene.tcp(LEDGER, 9000, at).open()
    body = request("/upload", "POST", "", bytes(size)) + bytes(size)
    for piece in range(0, len(body), MSS):
        link.packet("c", PSH | ACK, body[piece : piece + MSS], seq=1 + piece)
    for n in range(4):
        link.wait(0.2 * 2**n).packet("c", PSH | ACK, body[:MSS], seq=1)
    return link


@fires(
    "mtu-black-hole", "an MTU black hole swallows large packets from the client in 3 of 8 connections, small ones pass"
)
def tunnel_swallows_large_packets() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        stuck_upload(scene, n * 0.5)
    for n in range(5):
        scene.tcp(LEDGER, 9000, n * 0.7).open().get("/small").close()
    return scene


def told(scene: Scene, at: float, mtu: int = 1400) -> None:
    """The router's word on the latest full-sized packet."""
    about = next(frame for _, frame in reversed(scene.frames) if len(frame) > MSS)
    scene.add(at, icmp_error(ROUTER, about, mtu=mtu))


@fires(
    "mtu-black-hole",
    "198.19.0.1 told checkout-7d9f that at most 1,400 bytes pass (ICMP), it goes on with 1,500",
)
def sender_ignores_the_router() -> Scene:
    scene = Scene().normal()
    for n in range(2):
        stuck_upload(scene, n * 0.5)
        told(scene, n * 0.5 + 0.4)
    return scene


@fires("icmp-error", "fragmentation needed (MTU 1,400); the sender obeys", first=False)
@quiet("mtu-black-hole")
def sender_obeys_the_router() -> Scene:
    """Path MTU discovery as it should be: the same bytes in smaller packets at once, and only such from then on."""
    scene = Scene().normal()
    for n in range(4):
        link = scene.tcp(LEDGER, 9000, n * 0.5).open()
        link.packet("c", PSH | ACK, bytes(MSS), seq=1).wait(0.0004)
        told(scene, link.now)
        link.wait(0.0001)
        for piece in range(0, 8 * 1360, 1360):
            link.packet("c", PSH | ACK, bytes(1360), seq=1 + piece).wait(0.001)
            link.packet("s", ACK, ack=1 + piece + 1360)
    return scene


SACK = bytes.fromhex("0101050a")
"""Two fillers and the head of an option with one block (RFC 2018 section 3)."""


def long_lived(scene: Scene, at: float) -> Link:
    """A connection with many small calls, which arrive whatever becomes of a large one among them."""
    link = scene.tcp(LEDGER, 9000, at, client_port=50_000 + int(at * 10)).established()
    for _ in range(20):
        link.send("c", bytes(120)).wait(0.002).send("s", bytes(90)).wait(0.01)
    return link


@fires("mtu-black-hole", "(up to 1,500 bytes sent again 4 times in vain, nothing over 160 bytes arrived)")
def large_call_among_many_small_ones() -> Scene:
    scene = Scene().normal(PAYMENTS)
    link = long_lived(scene, 0.1)
    hole = link.behind("c")
    link.send("c", bytes(MSS), acked=False).send("c", bytes(200), acked=False).wait(0.001)
    block = struct.pack("!II", link.number("c", hole + MSS), link.number("c", hole + MSS + 200))
    link.packet("s", ACK, ack=hole, options=SACK + block)
    for n in range(4):
        link.wait(0.2 * 2**n).packet("c", PSH | ACK, bytes(MSS), seq=hole)
    return scene


@fires("mtu-black-hole", "3 connections got through late, in smaller packets.")
def sender_finds_a_size_by_itself() -> Scene:
    """RFC 4821: after some vain attempts the sender tries less."""
    scene = Scene().normal()
    for n in range(3):
        link = scene.tcp(LEDGER, 9000, n * 0.4).open()
        link.packet("c", PSH | ACK, bytes(MSS), seq=1)
        for again in range(3):
            link.wait(0.2 * 2**again).packet("c", PSH | ACK, bytes(MSS), seq=1)
        for piece in range(0, 4 * 984, 984):
            link.wait(0.4).packet("c", PSH | ACK, bytes(984), seq=1 + piece).wait(0.001)
            link.packet("s", ACK, ack=1 + piece + 984)
    return scene


@quiet("mtu-black-hole", "stale-connection")
def large_packet_is_unlucky() -> Scene:
    """Lost twice, then it arrives as it is."""
    scene = Scene().normal()
    for n in range(4):
        link = long_lived(scene, 0.1 + n)
        link.send("c", bytes(MSS), acked=False).repeat("c", bytes(MSS), 2, 0.2).wait(0.001).packet("s", ACK)
        link.wait(0.01).send("c", bytes(300))
    return scene


@fires("mtu-black-hole", "an MTU black hole swallows large packets from the server")
def large_answers_never_arrive() -> Scene:
    scene = Scene(end=9).normal()
    for n in range(3):
        link = scene.tcp(LEDGER, 9000, n * 0.5).open().ask("/list").wait(0.003)
        link.packet("s", PSH | ACK, bytes(200), seq=1 + 3 * MSS)
        for _ in range(3):
            link.wait(0.0001).packet("c", ACK)
    return scene


@quiet("mtu-black-hole", "stale-connection")
def large_transfers_that_work() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        link = scene.tcp(LEDGER, 9000, n * 0.6).open()
        link.get("/upload", method="POST", request_body=bytes(20 * MSS), body=bytes(30 * MSS)).close()
    return scene


@fires("zero-window", "checkout-7d9f stopped reading", first=False)
def client_stops_reading() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        link = scene.tcp(LEDGER, 9000, n * 0.5).open().ask("/dump").wait(0.003)
        for _ in range(4):
            link.send("s", bytes(4 * MSS), acked=False).wait(0.001).packet("c", ACK, window=0)
            link.wait(1.2).packet("c", ACK)
        link.close()
    return scene


@fires("zero-window", "service ledger stopped reading 5 times in the only connection (zero window)", first=False)
@fires("zero-window", "for 6.2 s; the client probed 4 times for room; the process there is slow", first=False)
def server_stops_reading_an_upload() -> Scene:
    scene = Scene().normal()
    link = scene.tcp(LEDGER, 9000, 0.1).open().send("c", bytes(4 * MSS), acked=False).wait(0.001)
    link.packet("s", ACK, window=0)
    for n in range(4):
        link.wait(0.2 * 2**n).packet("c", ACK, b"x").wait(0.0005).packet("s", ACK, window=0)
    link.wait(3.2).packet("s", ACK).send("c", b"xyz").close()
    return scene


@fires("zero-window", "the server probed 3 times for room", first=False)
def client_stops_reading_and_linux_probes() -> Scene:
    """Linux's probes carry nothing and look like keep-alives."""
    scene = Scene().normal()
    link = scene.tcp(LEDGER, 9000, 0.1).open().ask("/dump").wait(0.003)
    link.send("s", bytes(4 * MSS), acked=False).wait(0.001).packet("c", ACK, window=0)
    for n in range(3):
        link.wait(0.4 * 2**n).packet("s", ACK, seq=link.behind("s") - 1).wait(0.0005).packet("c", ACK, window=0)
    link.wait(0.5).packet("c", ACK).close()
    return scene


@quiet("zero-window")
def buffer_full_for_a_moment() -> Scene:
    scene = Scene().normal()
    link = scene.tcp(LEDGER, 9000).open().ask("/dump").wait(0.003)
    link.send("s", bytes(4 * MSS), acked=False).wait(0.001).packet("c", ACK, window=0).wait(0.01).packet(
        "c", ACK
    ).close()
    return scene


MSS_ONLY, SCALED = bytes.fromhex("020405b4"), bytes.fromhex("020405b401030307")
"""Options of a SYN without window scaling, and with windows in units of 128."""


def upload(scene: Scene, at: float, rtt: float, window: int, rounds: int, options: bytes = MSS_ONLY) -> Link:
    """A sender that fills the receiver's window each round trip."""
    scale = 128 if options == SCALED else 1
    link = scene.tcp(LEDGER, 9000, at, rtt=rtt, window=window // scale)
    link.packet("c", SYN, seq=0, options=options).wait(rtt).packet("s", SYN | ACK, seq=0, ack=1, options=options)
    link.established(1, 1).packet("c", ACK)
    for _ in range(rounds):
        link.send("c", bytes(window), acked=False).wait(rtt).packet("s", ACK)
    return link


@fires(
    "window-limited",
    "the window of service ledger limits what the client sends in 2 of 2 connections, not the network; 60.0 kB a round "
    "trip of 100 ms (filled 80 times) make 600 kB a second; checkout-7d9f offers no window scaling",
)
def upload_over_a_long_way_without_scaling() -> Scene:
    scene = Scene().normal()
    for n in range(2):
        upload(scene, n * 0.5, 0.1, 60_000, 40)
    return scene


@fires("window-limited", "128 kB a round trip of 150 ms (filled 29 times) make 896 kB a second.", first=False)
def upload_into_a_fixed_buffer() -> Scene:
    scene = Scene().normal()
    upload(scene, 0.5, 0.15, 128_000, 30, SCALED)
    return scene


@fires("window-limited", "the window of checkout-7d9f limits what the server sends in the only connection")
def download_over_a_long_way_without_scaling() -> Scene:
    """Seen from the receiver, which acknowledges at once: no window is ever seen full."""
    scene = Scene().normal()
    link = scene.tcp(LEDGER, 9000, 0.2, rtt=0.1).open().ask("/dump").wait(0.1)
    for _ in range(40):
        at = link.now
        for _ in range(42):
            link.send("s", bytes(MSS), acked=False).packet("c", ACK)
        link.now = at + 0.1
    return scene


@quiet("window-limited", "network-slow")
def uploads_that_nothing_limits_or_something_else() -> Scene:
    """A near server with a small window; a window full now and then; a way whose queue takes the time."""
    scene = Scene().normal()
    upload(scene, 0.1, 0.0005, 60_000, 40)
    upload(scene, 0.2, 0.1, 60_000, 3)
    bursts = scene.tcp(LEDGER, 9000, 0.2, rtt=0.1).open()
    for _ in range(3):
        bursts.ask("/page").wait(0.1).send("s", bytes(600_000), acked=False).packet("c", ACK).wait(4)
    queued = upload(scene, 0.3, 0.03, 60_000, 0)
    for _ in range(20):
        queued.send("c", bytes(60_000), acked=False).wait(0.4).packet("s", ACK)
    return scene


@fires("network-slow", "the network is slow, a bare SYN takes 250 ms to be answered in 8 of 8 connections", first=False)
def long_way_inside_the_cluster() -> Scene:
    scene = Scene().normal()
    for n in range(8):
        scene.tcp(LEDGER, 9000, n * 0.4, rtt=0.25).open().get("/a", took=0.01).close()
    return scene


@quiet("network-slow", "http-slow", "client-slow")
def long_way_to_the_world() -> Scene:
    scene = Scene().normal()
    for n in range(8):
        scene.tcp("192.0.2.77", 80, n * 0.4, rtt=0.18).open().get("/a", took=0.01).close()
    return scene


@fires("icmp-error", "ICMP errors: host unreachable")
def router_knows_no_way() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.tcp(LEDGER, 9000, 1 + n * 0.1).established().packet("c", PSH | ACK, b"x" * 9)
        scene.add(1 + n * 0.1 + 0.002, icmp_error(ROUTER, scene.frames[-1][1], code=1))
    return scene


@quiet("icmp-error")
def late_answers_to_closed_sockets() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.ask(1 + n * 0.5, "api.example.com", took=0.02)
        scene.add(1.03 + n * 0.5, icmp_error(scene.ip, scene.frames[-1][1], code=3))
    return scene
