"""Packets too large for the way, and what a sender makes of a router's word on them."""

import struct

from tests.unit.analysis.captures import ACK, PSH
from tests.unit.findings.golden.traffic import LEDGER, MSS, Scene, fires
from tests.unit.findings.golden.transport import SACK, told

FITS = 1_360
"""Bytes of payload in packets of 1,400 bytes."""


@fires("icmp-error", "3 ICMP errors: fragmentation needed (MTU 1,400).")
def sender_falls_silent_once_told() -> Scene:
    """What arrived, arrived before."""
    scene = Scene(end=9).normal()
    link = scene.tcp(LEDGER, 9000, 0.1).open().ask("/list").wait(0.003).send("s", bytes(100))
    for n in range(3):
        link.wait(0.001).packet("s", PSH | ACK, bytes(MSS), seq=101 + n * MSS)
        told(scene, link.now + 0.0005)
    return scene


@fires("icmp-error", "fragmentation needed (MTU 1,400); the sender obeys", first=False)
def sender_obeys_while_the_capture_ends() -> Scene:
    """The last packets are still under way."""
    scene = Scene().normal()
    link = scene.tcp(LEDGER, 9000, 5.9).open()
    link.packet("c", PSH | ACK, bytes(MSS), seq=1)
    told(scene, link.now + 0.0004)
    link.wait(0.0005)
    for n in range(20):
        link.packet("c", PSH | ACK, bytes(FITS), seq=1 + n * FITS).wait(0.001)
        if n < 16:
            link.packet("s", ACK, ack=1 + (n + 1) * FITS)
    return scene


@fires("mtu-black-hole", "told service ledger that at most 1,400 bytes pass (ICMP), but packets of 1,400 vanish, too.")
def sender_obeys_and_a_second_hop_says_nothing() -> Scene:
    scene = Scene(end=20).normal()
    link = scene.tcp(LEDGER, 9000, 0.1).open().ask("/list").wait(0.003).send("s", bytes(100))
    link.packet("s", PSH | ACK, bytes(MSS))
    told(scene, link.now + 0.0004)
    hole = link.behind("s")
    link.wait(0.001).packet("s", PSH | ACK, bytes(100), seq=hole + MSS).wait(0.001)
    block = struct.pack("!II", link.number("s", hole + MSS), link.number("s", hole + MSS + 100))
    link.packet("c", ACK, options=SACK + block)
    for n in range(6):
        link.wait(0.2 * 2**n).packet("s", PSH | ACK, bytes(FITS), seq=hole)
    return scene
