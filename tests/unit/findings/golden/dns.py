"""Names that are not found, not answered, or answered late."""

from tests.unit.findings.golden.traffic import RESOLVER, Scene, fires, quiet

SEARCH = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.internal")
NXDOMAIN, SERVFAIL, AAAA = 3, 2, 28


@fires("dns-unanswered", "6 of 18 DNS queries got no answer (web.shop.svc.cluster.local)")
def dns_is_silent() -> Scene:
    scene = Scene().normal()
    for n in range(6):
        scene.ask(n * 0.3, "web.shop.svc.cluster.local", took=None)
    return scene


@quiet("dns-unanswered", "dns-timeout")
def one_lost_datagram_at_the_very_end() -> Scene:
    scene = Scene().normal()
    scene.ask(5.8, "web.shop.svc.cluster.local", took=None)
    scene.ask(5.9, "web.shop.svc.cluster.local", took=None)
    return scene


@fires("dns-failure", "say SERVFAIL (api.example.com)")
def upstream_of_dns_fails() -> Scene:
    scene = Scene().normal()
    for n in range(8):
        scene.ask(n * 0.3, "api.example.com", rcode=SERVFAIL)
    return scene


@quiet("dns-failure", "dns-slow", "dns-nxdomain")
def dns_that_works() -> Scene:
    scene = Scene().normal()
    for n in range(30):
        scene.ask(n * 0.2, "api.example.com", took=0.12 if n % 5 == 0 else 0.001)
    return scene


@fires("dns-timeout", "4 of 28 DNS queries had to be asked again after 5 s, the timeout of the resolver")
def race_in_connection_tracking() -> Scene:
    """A and AAAA leave one socket together; now and then the second is dropped and asked again 5 s later."""
    scene = Scene().normal()
    for n in range(4):
        port = scene.ask(n * 0.5, "api.example.com", number=1)
        scene.ask(n * 0.5 + 0.00001, "api.example.com", number=2, qtype=AAAA, port=port, took=None)
        scene.ask(n * 0.5 + 5.005, "api.example.com", number=1, port=port)
        scene.ask(n * 0.5 + 5.006, "api.example.com", number=2, qtype=AAAA, port=port)
    return scene


@fires("dns-timeout", "had to be asked again after 5 s")
def client_that_asks_again_with_another_id() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        scene.ask(n, f"api-{n}.example.com", number=1, took=None)
        scene.ask(n + 5, f"api-{n}.example.com", number=9)
    return scene


@quiet("dns-timeout")
def threads_that_ask_for_the_same_name() -> Scene:
    scene = Scene().normal()
    for n in range(10):
        for thread in range(4):
            scene.ask(n * 0.5 + thread * 0.002, "api.example.com", number=thread, took=0.02)
    return scene


@fires("dns-slow", "DNS is slow, api.example.com takes up to 1.2 s")
def slow_answers() -> Scene:
    scene = Scene().normal()
    for n in range(8):
        scene.ask(n * 0.3, "api.example.com", took=0.6 + n * 0.085)
    return scene


@fires("dns-nxdomain", "asks for a name that does not exist: paymets.shop, 20 answers NXDOMAIN")
def misspelt_service() -> Scene:
    scene = Scene().normal()
    for n in range(4):
        for step, tail in enumerate(("", *(f".{one}" for one in SEARCH))):
            scene.ask(n * 0.5 + step * 0.01, f"paymets.shop{tail}", rcode=NXDOMAIN)
    return scene


@fires("dns-search-list", "are NXDOMAIN from the search list (ndots)", first=False)
def ndots_storm() -> Scene:
    scene = Scene().normal()
    for n in range(20):
        for step, tail in enumerate(SEARCH):
            scene.ask(n * 0.2 + step * 0.002, f"api.example.com.{tail}", rcode=NXDOMAIN)
        scene.ask(n * 0.2 + 0.01, "api.example.com")
    return scene


@quiet("dns-search-list", "dns-nxdomain")
def a_few_steps_of_the_search_list() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.ask(n * 0.2, "billing.payments.shop.svc.cluster.local", rcode=NXDOMAIN)
        scene.ask(n * 0.2 + 0.002, "billing.payments.svc.cluster.local")
    return scene


@fires(
    "dns-truncated",
    "5 of 5 tries of DNS over TCP fail, though 5 of 17 DNS answers are too long for UDP (big.example.com).",
)
def dns_over_tcp_is_blocked() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.ask(n * 0.4, "big.example.com", truncated=True)
        scene.tcp(RESOLVER, 53, n * 0.4 + 0.002).syn(repeats=1)
    return scene


@fires("dns-truncated", "24 of 36 DNS answers are too long for UDP (big.example.com), each costs a second", first=False)
def every_answer_comes_twice() -> Scene:
    scene = Scene().normal()
    for n in range(24):
        scene.ask(n * 0.2, "big.example.com", truncated=True)
        scene.tcp(RESOLVER, 53, n * 0.2 + 0.002).open().close()
    return scene


@quiet("dns-truncated")
def dns_over_tcp_has_just_begun() -> Scene:
    scene = Scene().normal()
    for n in range(3):
        scene.ask(5.4 + n * 0.1, "big.example.com", truncated=True)
        scene.tcp(RESOLVER, 53, 5.4 + n * 0.1 + 0.002).syn()
    return scene


@quiet("dns-truncated")
def dns_over_tcp_works() -> Scene:
    scene = Scene().normal()
    for n in range(5):
        scene.ask(n * 0.4, "big.example.com", truncated=True)
        scene.tcp(RESOLVER, 53, n * 0.4 + 0.002).open().close()
    return scene
