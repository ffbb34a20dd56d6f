"""Data sent again: packets are lost on the way, in one direction or both."""

from collections.abc import Callable

from workers.contract.facts import Tally
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, one_sided, refs, tally
from workers.findings.sides import path
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import number, percent, ratio

RULE = "retransmissions"

LEAST = 10
"""Retransmissions below this count are everyday noise even when their share looks large."""

WARNING_SHARE = 0.03
"""TCP throughput falls with the square root of loss; under 3 % request traffic hardly notices."""

CRITICAL_SHARE = 0.15
"""Here retries themselves are lost and requests take seconds."""

PROBE_SHARE = 0.1
"""Probes stay below this share of a connection's segments."""

DUPLICATES = 0.4
"""When both sides repeat that much, or the SYNs do as well, the capture more likely holds each packet twice."""


NEXT_STEP = (
    "Packets are lost in that direction: look for drops on the nodes' interfaces, policers and full queues; "
    "a capture at the other end shows on which side they vanish."
)
QUIET_STEP = "Nothing to do unless requests are slow at the same time."


def check(case: Case) -> list[Finding]:
    """One finding for each server and direction with loss."""
    sides = [(t, side) for side in ("client", "server") for t in troubles(case, case.talks, _repeats(side))]
    return fold(_finding(trouble, side) for trouble, side in sides if _worth(trouble, side))


def _repeats(side: str) -> Callable[[Talk], bool]:
    return lambda talk: _again(talk, side).count > 0


def _again(talk: Talk, side: str) -> Tally:
    """Segments of one side sent again; repeated SYNs and SYN-ACKs are other rules' matter."""
    if side == "server":
        return Tally() if talk.tcp.handshake == "half-open" else talk.tcp.retransmissions_server  # repeated SYN-ACKs
    seen = talk.tcp.retransmissions_client
    return Tally(max(0, seen.count - max(0, talk.tcp.syns.count - 1)), seen.frames)


def _sent(talk: Talk, side: str) -> int:
    """Data segments of one side; all its packets when they were not told apart."""
    flow, tcp = talk.flow, talk.tcp
    counted, packets = (
        (tcp.data_segments_client, flow.client_packets)
        if side == "client"
        else (tcp.data_segments_server, flow.server_packets)
    )
    return max(counted if counted > 0 else packets, _again(talk, side).count, 0)


def _share(trouble: Trouble, side: str) -> float:
    return ratio(tally(_again(t, side) for t in trouble.bad), sum(_sent(t, side) for t in trouble.all))


def _worth(trouble: Trouble, side: str) -> bool:
    return tally(_again(t, side) for t in trouble.bad) >= LEAST and _share(trouble, side) >= WARNING_SHARE


def _finding(trouble: Trouble, side: str) -> Finding:
    again, sent = tally(_again(t, side) for t in trouble.bad), sum(_sent(t, side) for t in trouble.all)
    doubled = _doubled(trouble, side)
    quiet = _habit(trouble, again) or not _costly(trouble, again, ratio(again, sent))
    toward = "from the clients" if side == "client" else "from the server"
    return Finding(
        RULE,
        Severity.NOTE if doubled or quiet else _severity(trouble, ratio(again, sent)),
        trouble.confidence(doubled, sent < 5 * LEAST),
        f"{trouble.who}: {number(again)} of {number(sent)} data packets {toward} "
        f"({percent(again, sent)}) were sent again{_explanation(trouble, side, doubled, quiet)}",
        again,
        refs((t.target, _again(t, side).frames) for t in trouble.bad),
        QUIET_STEP if doubled or quiet else NEXT_STEP,
        trouble.filter("tcp.analysis.retransmission"),
        figures=trouble.figures(resent=again, sent=sent, resent_share=ratio(again, sent)),
        servers=trouble.servers,
        facts=trouble.links(f"tcp/retransmissions_{side}"),
    )


def _path(trouble: Trouble, side: str) -> str:
    targets = {t.target for t in trouble.bad}
    return path(trouble.case, [t for t in trouble.case.talks if t.target in targets and _again(t, side).count > 0])


def _explanation(trouble: Trouble, side: str, doubled: bool, quiet: bool) -> str:
    if doubled:
        return "; the capture may hold every packet twice."
    if quiet:
        return ", about once a connection and at no cost: probes of the sender more likely than loss."
    silent = [t for t in trouble.bad if t.flow.server_packets <= 0 and t.target not in trouble.case.one_way]
    stuck = sum(1 for t in silent if not one_sided(t.flow))
    where = f", in {trouble.of('connection')}."
    return where + (f" {number(stuck)} of these never got an answer." if stuck else _path(trouble, side))


def _severity(trouble: Trouble, share: float) -> Severity:
    return Severity.CRITICAL if share >= CRITICAL_SHARE and len(trouble.bad) > 1 else Severity.WARNING


def _costly(trouble: Trouble, again: int, share: float) -> bool:
    """Whether this is loss, not tail loss probes (RFC 8985): where round trips are shorter than the receiver's
    delayed ACK, healthy senders repeat the last segment of many a connection, once and in vain."""
    signs = tally(t.tcp.duplicate_acks for t in trouble.bad) + tally(t.tcp.out_of_order for t in trouble.bad)
    return share >= PROBE_SHARE or again >= 2 * len(trouble.bad) or 4 * signs >= again


def _doubled(trouble: Trouble, side: str) -> bool:
    both = all(_share(trouble, s) >= DUPLICATES for s in ("client", "server"))
    opened = [t.tcp.syns.count for t in trouble.bad if t.tcp.syns.count > 0]
    return both or (_share(trouble, side) >= DUPLICATES and bool(opened) and min(opened) > 1)


def _habit(trouble: Trouble, again: int) -> bool:
    """Exactly once in every conversation: a stack's way of closing, not loss, which strikes at random."""
    return len(trouble.bad) == len(trouble.all) == again
