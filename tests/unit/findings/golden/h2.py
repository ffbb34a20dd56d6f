"""HTTP/2 and gRPC: error statuses, streams and connections that are broken off."""

import struct

from tests.unit.analysis import h2
from tests.unit.findings.golden.traffic import PAYMENTS, Link, Scene, fires, quiet

CHARGE, REFUND = "/shop.Payments/Charge", "/shop.Payments/Refund"
NOT_FOUND, UNAVAILABLE = 5, 14
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11


class Channel:
    """One HTTP/2 connection; both sides keep their header tables."""

    def __init__(self, scene: Scene, at: float) -> None:
        self.client, self.server = h2.Peer(), h2.Peer()
        self.link: Link = scene.tcp(PAYMENTS, 50_051, at).open()
        self.link.send("c", h2.PREFACE + h2.frame(h2.SETTINGS, 0)).send("s", h2.frame(h2.SETTINGS, 0))
        self.next = 1

    def ask(self, path: str = CHARGE) -> int:
        """A call under way; its stream."""
        stream, self.next = self.next, self.next + 2
        self.link.send("c", self.client.call(stream, path)).wait(0.004)
        return stream

    def call(self, path: str = CHARGE, status: int = 0) -> "Channel":
        """A call and its result."""
        self.link.send("s", self.server.result(self.ask(path), status))
        return self

    def reset(self, side: str, error: int, path: str = CHARGE) -> "Channel":
        """A call that a side breaks off."""
        self.link.send(side, h2.frame(h2.RST_STREAM, self.ask(path), struct.pack("!I", error)))
        return self

    def goaway(self, side: str, error: int, last: int) -> "Channel":
        """A side ends the connection."""
        self.link.send(side, h2.frame(h2.GOAWAY, 0, struct.pack("!II", last, error)))
        return self

    def close(self) -> None:
        """An orderly end."""
        self.link.close()


@fires(
    "grpc-errors",
    "6 of 18 gRPC calls failed (shop.Payments/Charge) with UNAVAILABLE 6 times (the server is not ready or gone).",
)
def service_is_not_ready() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        Channel(scene, n * 0.5).call().call(REFUND).call(status=UNAVAILABLE).close()
    return scene


@fires("health-check", "4 of 4 health checks failed (POST /grpc.health.v1.Health/Check: UNAVAILABLE 4 times)")
def grpc_probe_fails() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        Channel(scene, n * 0.5).call("/grpc.health.v1.Health/Check", UNAVAILABLE).call().close()
    return scene


@quiet("grpc-errors", "http2-reset", "http2-goaway")
def calls_that_find_nothing() -> Scene:
    """NOT_FOUND is an answer; a caller may lose interest; a server ends its connections in order."""
    scene = Scene().normal()
    for n in range(6):
        channel = Channel(scene, n * 0.5).call().call(status=NOT_FOUND).call(REFUND).call()
        if n == 0:
            channel.reset("c", CANCEL)
        channel.goaway("s", 0, channel.next - 2).close()
    return scene


@fires(
    "http2-reset",
    "5 of 15 HTTP/2 streams broken off (POST /shop.Payments/Charge) with REFUSED_STREAM 5 times (not taken, safe to",
)
def server_takes_no_more_streams() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        Channel(scene, n * 0.5).call().call().reset("s", REFUSED_STREAM).close()
    return scene


@fires("http2-reset", "6 of 12 HTTP/2 requests cancelled by the caller before any answer")
def callers_run_out_of_patience() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        channel = Channel(scene, n * 0.5).call()
        stream = channel.ask()
        channel.link.wait(1)
        channel.link.send("c", h2.frame(h2.RST_STREAM, stream, struct.pack("!I", CANCEL))).close()
    return scene


@fires(
    "http2-goaway",
    "the server ended 3 HTTP/2 connections with ENHANCE_YOUR_CALM (the other side asks too much, often by keep-alive",
    first=False,
)
def too_many_pings() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        channel = Channel(scene, n * 0.5).call()
        for _ in range(5):
            channel.link.send("c", h2.frame(h2.PING, 0, bytes(8))).wait(0.2)
        channel.goaway("s", ENHANCE_YOUR_CALM, 1).close()
    return scene


@fires("http2-goaway", "ended 3 HTTP/2 connections; 3 requests under way were not processed", first=False)
def rollout_under_load() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        channel = Channel(scene, n * 0.5).call()
        channel.ask()
        channel.goaway("s", 0, 1).close()
    return scene
