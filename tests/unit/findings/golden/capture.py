"""The capture itself: what it holds, misses, and how far its times can be trusted."""

from typing import Any

from msgspec import structs

from tests.unit.analysis.captures import ACK, PSH
from tests.unit.findings.golden.traffic import (
    APPLICATION_DATA,
    CHANGE_CIPHER,
    LEDGER,
    MSS,
    PAYMENTS,
    PAYMENTS_POD,
    Link,
    Scene,
    client_hello,
    fires,
    quiet,
    request,
)
from workers.contract.report import TargetResult


@fires("healthy", "No trouble found: 12 connections")
def all_is_well() -> Scene:
    return Scene().normal()


@quiet("healthy", filter="port 9999")
def nothing_to_judge() -> Scene:
    return Scene()


@fires("nothing-captured", "Seen meanwhile: tcp/8080 (120 packets)", filter="port 9999")
def nothing_matched() -> Scene:
    return Scene(other_ports={"tcp/8080": 120}, outcome={"started_at": 1_000.0, "ended_at": 1_030.0})


@quiet("nothing-captured", "analysis-failed", "capture-partial", "capture-drops", "one-way", "clock-skew")
def a_whole_capture() -> Scene:
    return Scene(outcome={"kernel_dropped": 0, "clock_offset": 0.004}).normal()


@fires("analysis-failed", "Analysis failed for checkout-7d9f: out of memory.")
def analysis_ran_out_of_memory() -> list[TargetResult]:
    done = Scene().normal().target(bytes=5_000)
    return [structs.replace(done, facts=None, analysis_error="out of memory")]


@fires("capture-partial", "can be read only in part", first=False)
def file_that_ends_within_a_record() -> Scene:
    return Scene(tail=bytes(9)).normal()


@fires("capture-drops", "40 packets")
def kernel_dropped_packets() -> Scene:
    return Scene(outcome={"kernel_dropped": 40}).normal()


@fires("one-way", "shows one direction only", first=False)
def answers_take_another_way() -> Scene:
    scene = Scene()
    for n in range(6):
        link = scene.tcp(LEDGER, 9000, n * 0.5).syn()
        for step in range(5):
            link.wait(0.01).packet("c", ACK, request(f"/{step}"), seq=1 + step * 100, ack=1 + step * 50)
    return scene


@fires("one-way", "4 of 16 connections show one direction only though they go on", first=False)
def answers_of_some_take_another_way() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = scene.tcp(PAYMENTS, 8080, n * 0.5).syn()
        for step in range(5):
            link.wait(0.01).packet("c", ACK, request(f"/{step}"), seq=1 + step * 100, ack=1 + step * 50)
    return scene


@fires("clock-skew", "The clock of node n2 is 2.5 s ahead of the other captures'")
def clock_of_a_node_is_wrong() -> list[Scene]:
    return [Scene().normal(), Scene("checkout-b", "198.19.1.5", "n2", outcome={"clock_offset": 2.5}).normal(LEDGER)]


@fires("clock-skew", "Time jumps back by 3 s within the capture of checkout-7d9f", first=False)
def clock_was_set() -> Scene:
    scene = Scene(sort=False).normal()
    frames = sorted(scene.frames, key=lambda one: one[0])
    scene.frames = [(time - 3 if n > len(frames) * 2 // 3 else time, frame) for n, (time, frame) in enumerate(frames)]
    return scene


@quiet("clock-skew")
def queues_of_two_processors() -> Scene:
    scene = Scene(sort=False).normal()
    frames = sorted(scene.frames, key=lambda one: one[0])
    scene.frames = [(time + 0.0004 * (n % 2), frame) for n, (time, frame) in enumerate(frames)]
    return scene


def asks_on(scene: Scene, at: float, *said: bytes, **about: Any) -> Link:
    """A connection of which only what the client sends is captured: it was answered, or it would not go on."""
    link = scene.tcp(LEDGER, 9000, at, **about).syn()
    for data in said:
        link.wait(0.01).packet("c", PSH | ACK, data, ack=50)
        link.established(link.behind("c") + len(data), 50)
    return link


@quiet("tls-incomplete", "tls-refused")
def tls_whose_answers_take_another_way() -> Scene:
    scene = Scene(end=9).normal()
    for n in range(12):
        asks_on(scene, n * 0.4, client_hello("vault.shop"), CHANGE_CIPHER, APPLICATION_DATA)
    return scene


@quiet("reset", "connection-refused", "idle-reset", "http-unanswered")
def resets_whose_connections_take_another_way() -> Scene:
    """Clients that are done and close by RST."""
    scene = Scene(end=9).normal()
    for n in range(12):
        asks_on(scene, n * 0.4, request("/a"), request("/b"), request("/c")).wait(0.1).rst("c")
    return scene


@quiet("syn-flood", "half-open", "port-scan")
def many_clients_whose_answers_take_another_way() -> Scene:
    """A balancer's clients: their requests come through it, the answers go straight to them."""
    scene = Scene("payments-6c4d", PAYMENTS_POD).normal(LEDGER)
    for n in range(500):
        asks_on(scene, n / 100, request("/a"), client=f"198.18.{100 + n % 50}.{n % 250 + 1}", client_port=1_024 + n)
    return scene


@quiet("stale-connection", "mtu-black-hole")
def quiet_connections_whose_answers_take_another_way() -> Scene:
    """Keep-alives are answered, elsewhere: else the data before them would be sent again."""
    scene = Scene(end=40).normal()
    for n in range(4):
        link = scene.tcp(LEDGER, 9000, 0.5 + n).established().send("c", request("/a"), acked=False)
        for _ in range(5):
            link.wait(5).packet("c", ACK, seq=link.behind("c") - 1)
    return scene


@fires("retransmissions", "were sent again, in 4 of 4 connections.", first=False)
def loss_whose_answers_take_another_way() -> Scene:
    """What is sent again is seen, so there is loss; that nobody answered is not."""
    scene = Scene().normal()
    for n in range(4):
        link = asks_on(scene, n * 0.4, request("/a"), request("/b"), request("/c"))
        for _ in range(6):
            link.send("c", bytes(MSS), acked=False).repeat("c", bytes(MSS), 2, 0.3).wait(0.01)
    return scene
