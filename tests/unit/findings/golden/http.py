"""HTTP/1: errors, silence, slowness, and who makes whom wait."""

from tests.unit.analysis.captures import ACK, PSH
from tests.unit.findings.golden.traffic import LEDGER, NODE, PAYMENTS, PAYMENTS_POD, POD, Scene, fires, quiet, request


@fires("http-errors", "8 of 16 requests failed with a server error (500 8 times) (GET /charge)")
def server_fails() -> Scene:
    scene = Scene().normal()
    for n in range(8):
        scene.tcp(LEDGER, 9000, n * 0.5).open().get("/charge", 500).get("/charge").close()
    return scene


@quiet("http-errors", "http-upstream", "health-check", "retries")
def client_errors_and_redirects() -> Scene:
    scene = Scene().normal()
    for n in range(8):
        link = scene.tcp(LEDGER, 9000, n * 0.5).open().get("/nothing", 404).get("/login", 302)
        link.get("/healthz").get("/search?q=x", head=f"X-Request-ID: r{n}\r\n").close()
    return scene


@fires("http-unanswered", "5 of 10 requests got no response (GET /report)")
def server_never_answers() -> Scene:
    scene = Scene(end=14).normal()
    for n in range(5):
        scene.tcp(LEDGER, 9000, n * 0.5).open().get("/report").ask("/report").wait(8).close()
    return scene


@quiet("http-unanswered")
def requests_of_the_last_moments() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.tcp(LEDGER, 9000, 5.5 + n * 0.05).open().ask("/report")
    return scene


@fires("http-slow", "so the time is spent in service ledger")
def server_is_slow() -> Scene:
    scene = Scene().normal()
    for n in range(8):
        scene.tcp(LEDGER, 9000, n * 0.5).open().get("/report", took=0.8).close()
    return scene


@fires("http-slow", "The network's round trip alone is 400 ms, so look at the network first.", first=False)
def network_is_slow() -> Scene:
    scene = Scene().normal()
    for n in range(8):
        scene.tcp(LEDGER, 9000, n * 0.5, rtt=0.4).open().get("/report", took=0.41).close()
    return scene


@fires("http-slow", "but packets are lost and sent again: look there first.", first=False)
def loss_makes_responses_late() -> Scene:
    """Every response is lost once, its repeat comes 0.6 s later; the capture sits at the server."""
    scene = Scene("ledger-0", LEDGER).normal(PAYMENTS)
    for n in range(12):
        link = scene.tcp(LEDGER, 9000, n * 0.3, client=POD).open().ask("/report")
        link.packet("c", PSH | ACK, request("/report"), seq=1).wait(0.6)
        link.send("s", b"HTTP/1.1 204 X\r\n\r\n").close()
    return scene


@fires("client-slow", "the client is slow, it takes 2 s to send its request, the server 4.5 ms to answer")
def client_sends_slowly() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        link = scene.tcp(LEDGER, 9000, n * 0.3).open()
        link.send("c", b"POST /log HTTP/1.1\r\nHost: ledger\r\nContent-Length: 400\r\n\r\n")
        for _ in range(4):
            link.wait(0.5).send("c", bytes(100))
        link.wait(0.004).send("s", b"HTTP/1.1 204 X\r\n\r\n").close()
    return scene


@fires("client-slow", "the client is slow, it takes 1.8 s to read the response", first=False)
def client_reads_slowly() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = scene.tcp(LEDGER, 9000, n * 0.3).open().ask("/dump").wait(0.003)
        link.send("s", b"HTTP/1.1 200 X\r\nContent-Length: 20000\r\n\r\n")
        for _ in range(4):
            link.send("s", bytes(5_000), acked=False).wait(0.001).packet("c", ACK, window=0)
            link.wait(0.6).packet("c", ACK)
        link.close()
    return scene


@quiet("client-slow", "pool-exhausted", "zero-window")
def streams_and_long_polls() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        link = scene.tcp(LEDGER, 9000, n * 0.3).open().ask("/events").wait(0.003)
        link.send("s", b"HTTP/1.1 200 X\r\nContent-Length: 400\r\n\r\n")
        for _ in range(4):
            link.wait(0.7).send("s", bytes(100))
        link.close()
    return scene


@fires("pool-exhausted", "the client's pool is exhausted, all 3 connections were busy 99 % of the time", first=False)
def every_connection_is_busy() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        link = scene.tcp(LEDGER, 9000, n * 0.01).open()
        for _ in range(15):
            link.get("/query", took=0.2)
    return scene


@quiet("pool-exhausted")
def connections_with_time_to_spare() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        link = scene.tcp(LEDGER, 9000, n * 0.01).open()
        for _ in range(12):
            link.get("/query", took=0.2).wait(0.1)
    return scene


@fires(
    "http-upstream",
    "passes on a failure: its upstream service ledger (198.18.7.2:9000) refuses the connection",
    first=False,
)
def gateway_without_upstream() -> Scene:
    scene = Scene("gateway-5d5c", PAYMENTS_POD).normal(LEDGER, 8081)
    for n in range(6):
        scene.tcp(LEDGER, 9000, n * 0.5 + 0.002).syn().wait(0.001).rst("s", seq=0)
        scene.tcp(PAYMENTS_POD, 8080, n * 0.5, client=POD).open().get("/cart", 502, took=0.01).close()
    return scene


@fires("health-check", "4 of 4 health checks failed (GET /healthz: 503 4 times)")
def probe_fails() -> Scene:
    scene = Scene("payments-6c4d", PAYMENTS_POD).normal(LEDGER)
    for n in range(4):
        scene.tcp(PAYMENTS_POD, 8080, n, client=NODE).open().get("/healthz", 503).close()
    return scene


@fires("retries", "12 of 24 requests (50 %) repeat one that had failed or waits still", first=False)
def clients_try_again() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        for again in range(3):
            link = scene.tcp(LEDGER, 9000, n * 0.5 + again * 0.1).open()
            link.get("/charge", 503, method="POST", head=f"X-Request-ID: try-{n}\r\n").close()
        scene.tcp(LEDGER, 9000, n * 0.5 + 0.1).open().get("/charge", method="POST").close()
    return scene


@quiet("retries")
def one_id_for_many_requests() -> Scene:
    """A request id handed on to every call that serves one page is no second try."""
    scene = Scene().normal()
    for n in range(8):
        link = scene.tcp(LEDGER, 9000, n * 0.5).open()
        for item in range(4):
            link.get(f"/price?item={item}", head=f"X-Request-ID: page-{n}\r\n")
        link.send("c", b"", flags=PSH | ACK).close()
    return scene


@quiet("http-upstream")
def two_services_that_work() -> Scene:
    return Scene("gateway-5d5c", PAYMENTS_POD).normal(LEDGER, 9000).normal(PAYMENTS, 8080)
