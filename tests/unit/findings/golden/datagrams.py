"""QUIC, NTP and DHCP: silence, refusals, and clocks that are off."""

from tests.unit.analysis import test_dhcp as dhcp
from tests.unit.analysis import test_ntp as ntp
from tests.unit.analysis import test_quic as quic
from tests.unit.findings.golden.traffic import POD, WORLD, Scene, datagram, fires, quiet

CLOCK, OTHER_CLOCK = "198.18.0.123", "198.18.0.124"
HELLO = quic.initial(quic.crypto(0, quic.HELLO))


def initials(scene: Scene, at: float, port: int, times: int = 3) -> None:
    """A client's Initial, sent again and again."""
    for n in range(times):
        scene.add(at + 0.3 * (2**n - 1), datagram(POD, port, WORLD, 443, HELLO))


@fires("quic-unanswered", "4 of 4 QUIC connection attempts got no answer, UDP port 443 may be blocked. Over TCP the")
def firewall_drops_udp() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        initials(scene, n * 0.5, 50_000 + n)
        scene.tcp(WORLD, 443, n * 0.5 + 0.3).open().get("/").close()
    return scene


@quiet("quic-unanswered")
def quic_that_works() -> Scene:
    """One attempt lost both its packets; the last ones are too young to be judged."""
    scene = Scene().normal()
    for n in range(5):
        initials(scene, n * 0.5, 50_000 + n, 1 if n else 2)
        if n:
            answer = quic.initial(quic.crypto(0, quic.SERVER_HELLO), side=b"server in", to=b"")
            scene.add(n * 0.5 + 0.02, datagram(WORLD, 443, POD, 50_000 + n, answer))
    initials(scene, 5.5, 50_100, 2)
    return scene


def ask(scene: Scene, at: float, server: str = CLOCK, offset: float | None = 0.0, **about: int | bytes) -> None:
    """An NTP query, and an answer by a clock that is ahead; None for none."""
    mark = b"%08d" % round(at * 1000)
    scene.add(at, datagram(POD, 40_123, server, 123, ntp.query(mark)))
    if offset is not None:
        answer = ntp.answer(mark, at + 0.001 + offset, at + 0.001 + offset, **about)  # type: ignore[arg-type]
        scene.add(at + 0.002, datagram(server, 123, POD, 40_123, answer))


@fires("ntp-unanswered", "3 of 3 NTP queries got no answer")
def time_server_is_silent() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        ask(scene, n, offset=None)
    return scene


@quiet("ntp-unanswered", "ntp-offset", "ntp-unsynchronised")
def time_servers_that_work() -> Scene:
    """Two servers that agree within a few milliseconds, one lost answer, one query of the last moment."""
    scene = Scene().normal()
    for n in range(4):
        ask(scene, n, offset=0.004)
        ask(scene, n + 0.5, OTHER_CLOCK, None if n == 1 else -0.003)
    ask(scene, 5.8, offset=None)
    return scene


@fires("ntp-offset", "The clock of node n1 is 2.5 s behind the NTP server")
def clock_of_the_node_is_off() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        ask(scene, n, offset=2.5)
        ask(scene, n + 0.5, OTHER_CLOCK, 2.502)
    return scene


@fires("ntp-offset", "Other time servers disagree with it, so its own clock may be wrong.", first=False)
def one_time_server_is_wrong() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        ask(scene, n, offset=3.0)
        ask(scene, n + 0.5, OTHER_CLOCK, 0.002)
    return scene


@fires("ntp-unsynchronised", "the NTP server is not synchronised itself (stratum 16); its time can't be used.")
def time_server_without_time() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        ask(scene, n, stratum=16, first=0xE4)
    return scene


@fires("ntp-unsynchronised", "the NTP server turns the client away with RATE 3 times (asked too often)")
def client_that_asks_too_often() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        ask(scene, n, stratum=0, kiss=b"RATE")
    return scene


def say(scene: Scene, at: float, payload: bytes) -> None:
    """A DHCP message from whom it comes."""
    reply = payload[0] == 2
    ends = (dhcp.SERVER, 67, "255.255.255.255", 68) if reply else ("0.0.0.0", 68, "255.255.255.255", 67)
    scene.add(at, datagram(*ends, payload))


@fires("dhcp-unanswered", "02:42:c6:12:00:01 asked 3 times for an address by DHCP and got no offer.")
def no_offer() -> Scene:
    scene = Scene(end=12).normal()
    for n in range(3):
        say(scene, 2.0**n - 1, dhcp.dhcp(dhcp.DISCOVER))
    return scene


@fires(
    "dhcp-refused",
    "02:42:c6:12:00:01 was refused its address 3 times by 198.18.0.1 (DHCPNAK); it has none.",
)
def address_is_refused() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        say(scene, n, dhcp.dhcp(dhcp.REQUEST, transaction=n))
        say(scene, n + 0.01, dhcp.dhcp(dhcp.NAK, transaction=n, options=dhcp.IDENTIFIER))
    return scene


@quiet("dhcp-unanswered", "dhcp-refused")
def host_that_moved() -> Scene:
    """Its first DISCOVER gets lost, its old address is refused once, and it gets another."""
    scene = Scene(end=9).normal()
    say(scene, 0.0, dhcp.dhcp(dhcp.REQUEST, transaction=1))
    say(scene, 0.01, dhcp.dhcp(dhcp.NAK, transaction=1, options=dhcp.IDENTIFIER))
    say(scene, 0.1, dhcp.dhcp(dhcp.DISCOVER, transaction=2))
    say(scene, 3.1, dhcp.dhcp(dhcp.DISCOVER, transaction=2))
    say(scene, 3.2, dhcp.dhcp(dhcp.OFFER, transaction=2, given=dhcp.GIVEN, options=dhcp.IDENTIFIER))
    say(scene, 3.3, dhcp.dhcp(dhcp.REQUEST, transaction=2, options=dhcp.IDENTIFIER))
    say(scene, 3.4, dhcp.dhcp(dhcp.ACK, transaction=2, given=dhcp.GIVEN, options=dhcp.IDENTIFIER + dhcp.LEASE))
    return scene
