"""Data sent again: packets are lost on the way, in one direction or both."""

from collections.abc import Callable

from workers.contract.facts import Tally
from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, refs, tally
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.words import number, percent, ratio

RULE = "retransmissions"

LEAST = 10
"""Retransmissions below this count are everyday noise even when their share looks large."""

WARNING_SHARE = 0.03
"""TCP throughput falls with the square root of loss; under 3 % request traffic hardly notices."""

CRITICAL_SHARE = 0.15
"""Here retries themselves are lost and requests take seconds."""

DUPLICATES = 0.4
"""When both sides repeat that much, or the SYNs do as well, the capture more likely holds each packet twice."""


def check(case: Case) -> list[Finding]:
    """One finding for each server and direction with loss."""
    sides = [(t, side) for side in ("client", "server") for t in troubles(case, case.talks, _repeats(side))]
    return fold(_finding(trouble, side) for trouble, side in sides if _worth(trouble, side))


def _repeats(side: str) -> Callable[[Talk], bool]:
    return lambda talk: _again(talk, side).count > 0


def _again(talk: Talk, side: str) -> Tally:
    return talk.tcp.retransmissions_client if side == "client" else talk.tcp.retransmissions_server


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
    toward = "from the clients" if side == "client" else "from the server"
    stuck = sum(1 for t in trouble.bad if side == "client" and t.flow.server_packets <= 0)
    return Finding(
        RULE,
        Severity.NOTE if doubled or _habit(trouble, again) else _severity(trouble, ratio(again, sent)),
        trouble.confidence(doubled, sent < 5 * LEAST),
        f"{trouble.who}: {number(again)} of {number(sent)} data packets {toward} "
        f"({percent(again, sent)}) were sent again"
        + ("; the capture may hold every packet twice." if doubled else _spread(trouble, stuck)),
        again,
        refs((t.target, _again(t, side).frames) for t in trouble.bad),
        "Packets are lost in that direction: look for drops on the nodes' interfaces, policers and full queues; "
        "a capture at the other end shows on which side they vanish.",
        trouble.filter("tcp.analysis.retransmission"),
    )


def _severity(trouble: Trouble, share: float) -> Severity:
    return Severity.CRITICAL if share >= CRITICAL_SHARE and len(trouble.bad) > 1 else Severity.WARNING


def _doubled(trouble: Trouble, side: str) -> bool:
    both = all(_share(trouble, s) >= DUPLICATES for s in ("client", "server"))
    opened = [t.tcp.syns.count for t in trouble.bad if t.tcp.syns.count > 0]
    return both or (_share(trouble, side) >= DUPLICATES and bool(opened) and min(opened) > 1)


def _habit(trouble: Trouble, again: int) -> bool:
    """Exactly once in every conversation: a stack's way of closing, not loss, which strikes at random."""
    return len(trouble.bad) == len(trouble.all) == again


def _spread(trouble: Trouble, stuck: int) -> str:
    where = f", in {trouble.of('connection')}."
    return where + (f" {number(stuck)} of these never got an answer." if stuck else "")
