"""Windows that are full, and those that only seem so."""

from tests.unit.analysis.captures import ACK, PSH, SYN
from tests.unit.findings.golden.traffic import LEDGER, MSS, Link, Scene, fires, quiet
from tests.unit.findings.golden.transport import MSS_ONLY


@fires(
    "zero-window", "stopped reading 6 times in the only connection (zero window), for 1.8 s; the process", first=False
)
def reader_wakes_up_by_itself_and_keeps_the_connection_alive() -> Scene:
    """Keep-alives of its own, one of them before the next full window."""
    scene = Scene().normal()
    link = scene.tcp(LEDGER, 9000, 0.1, window=2_000).open()
    for n in range(6):
        link.send("c", bytes(2_000), acked=False).wait(0.001).packet("s", ACK, window=0).wait(0.3).packet("s", ACK)
        if n == 4:
            _keep_alive(link, "s", 2)
    _keep_alive(link, "s", 15)
    _keep_alive(link, "s", 15)
    return scene


@fires("zero-window", "the server probed at least 3 times for room", first=False)
def reader_that_linux_probes_and_keeps_alive_later() -> Scene:
    scene = Scene().normal()
    link = scene.tcp(LEDGER, 9000, 0.1).open().ask("/dump").wait(0.003)
    link.send("s", bytes(4 * MSS), acked=False).wait(0.001).packet("c", ACK, window=0)
    for n in range(3):
        link.wait(0.4 * 2**n).packet("s", ACK, seq=link.behind("s") - 1).wait(0.0005).packet("c", ACK, window=0)
    link.wait(0.5).packet("c", ACK)
    _keep_alive(link, "s", 15)
    link.close()
    return scene


def _keep_alive(link: Link, side: str, idle: float) -> None:
    """A side asks after some time whether the other is there, and it is."""
    link.wait(idle).packet(side, ACK, seq=link.behind(side) - 1)
    link.wait(0.001).packet("c" if side == "s" else "s", ACK)


def unscaled(scene: Scene, at: float) -> Link:
    """A connection over 100 ms of way, captured at the client, without window scaling."""
    link = scene.tcp(LEDGER, 9000, at, rtt=0.1, window=65_535)
    link.packet("c", SYN, seq=0, options=MSS_ONLY).wait(0.1).packet("s", SYN | ACK, seq=0, ack=1, options=MSS_ONLY)
    return link.established(1, 1).packet("c", ACK)


@quiet("window-limited")
def upload_that_the_program_paces() -> Scene:
    """At most 57,000 bytes are under way, as the capture at the sender shows: there always is room."""
    scene = Scene().normal()
    link = unscaled(scene, 0.1)
    start = link.now
    for n in range(1_200):
        link.now = start + n / 560
        link.packet("c", PSH | ACK, bytes(1_000), seq=1 + n * 1_000).wait(0.1).packet("s", ACK, ack=1 + (n + 1) * 1_000)
    return scene


@fires("window-limited", "limits what the client sends in the only connection, not the network", first=False)
def upload_in_full_segments_that_leave_a_little_room() -> Scene:
    """The window is no multiple of a segment, so it never is filled to the last byte."""
    scene = Scene().normal()
    link = unscaled(scene, 0.1)
    for _ in range(40):
        link.send("c", bytes(44 * MSS), acked=False).wait(0.1).packet("s", ACK)
    return scene
