"""TLS handshakes by server: what the TLS rules share."""

from collections import Counter
from collections.abc import Iterable, Sequence

from workers.contract.report import FrameRef
from workers.findings import filters
from workers.findings.case import Case, Hello, refs
from workers.findings.words import listing, plural, safe


def server_of(hello: Hello) -> tuple[str, int]:
    """(address, port) of the server, ("", 0) when its conversation was not kept."""
    return (hello.flow.server, hello.flow.server_port) if hello.flow is not None else ("", 0)


def servers(hellos: Sequence[Hello]) -> tuple[str, ...]:
    """The server as evidence, when its conversation was kept."""
    return (filters.end(*server_of(hellos[0])),) if hellos[0].flow is not None else ()


def who(case: Case, hellos: Sequence[Hello]) -> str:
    """ "checkout-7d9f → vault (198.19.3.9:8443)"."""
    flows = [h.flow for h in hellos if h.flow is not None]
    clients = [name for name, _ in Counter(case.name(f.client, f.first_at) for f in flows).most_common()]
    left = listing(clients, 2) if len(clients) <= 2 else plural(len(clients), "client")
    end = server_of(hellos[0])
    return f"{left} → {case.server(*end, flows)}" if clients else "TLS"


def for_name(hellos: Sequence[Hello]) -> str:
    """ " for api.example.com": the name asked for, when there was one."""
    names = listing((safe(h.tls.sni, 60) for h in hellos if h.tls.sni), 2)
    return f" for {names}" if names else ""


def refs_of(seen: Iterable[tuple[Hello, int]]) -> tuple[FrameRef, ...]:
    """References to one frame of each handshake; 0 stands for a frame that was not seen."""
    return refs((hello.target, [frame]) for hello, frame in seen if frame > 0)
