"""Choose a report's pictures, and what captures must be looked at again for them. Pure but for `see`, which looks.

A thread is not to be flooded: it gets traffic and latency, and one picture of the conversation that a finding points
to, of data that stalls its sequence numbers, of anything else its ladder. `every` picture is for a folder.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from workers.contract.closeup import PAIRS, CloseUp, Look, Pair, Trace
from workers.contract.facts import Conversation, Facts, TcpFacts
from workers.contract.pictures import ALWAYS, EVERY, LADDER, SEQUENCE, Album, FlowPicture
from workers.contract.report import Finding, Report, Severity
from workers.findings.case import Case, finite
from workers.findings.find import ABOUT_CAPTURE
from workers.report.bands import Wish, shown, wishes
from workers.report.build import shorten

See = Callable[[Mapping[int, Look]], Mapping[int, CloseUp]]
"""Looks at the captures of targets, by their index; what could not be looked at is missing. Never raises."""
STREAMS = frozenset(
    {"retransmissions", "retransmission-burst", "zero-window", "window-limited", "client-slow", "network-slow"}
)
"""Rules whose evidence is how data flows, not what was said."""
LEAST_DATA = 4
"""Segments with data from which on sequence numbers are a picture."""
MAX_ABOUT = 150
_CONVERSATION = re.compile(r"/targets/(\d+)/facts/conversations/(\d+)(?:/|$)")
_HANDSHAKE = re.compile(r"/targets/(\d+)/facts/tls/handshakes/(\d+)(?:/|$)")


class Spot(Struct, frozen=True):
    """A conversation to look at: by its place in the facts, or by one of its frames."""

    target: int
    flow: Conversation | None = None
    frame: int = 0
    finding: Finding | None = None


def album(report: Report, see: See, *, every: bool = False) -> Album:
    """The album of a report: what its thread gets, or all there is to draw."""
    case = Case(report.targets, report.names, report.spec)
    pointed, largest = _pointed(report), _largest(case) if every else None
    spots = [spot for spot in (pointed, largest) if spot is not None]
    wish = wishes(case) if every else Wish()
    traces = _traces(spots, wish, see)
    flows = [_picture(case, spot, trace) for spot, trace in zip(spots, traces.of, strict=True) if trace is not None]
    first = flows[0] if pointed is not None and flows and traces.of[0] is not None else None
    telling = _telling(pointed, first)
    return Album(
        report,
        EVERY if every else tuple(name for name in EVERY if name in ALWAYS or name == telling),
        (*ALWAYS, telling) if telling else ALWAYS,
        shown(wish, traces.close_ups),
        next((flow for flow in flows if _segments(flow.trace) >= LEAST_DATA), None),
        flows[0] if flows else None,
        tuple(_round_trips(case)) if every else (),
    )


def _telling(pointed: Spot | None, flow: FlowPicture | None) -> str:
    """The picture that shows what the finding says; "" when there is none."""
    if pointed is None or pointed.finding is None or flow is None:
        return ""
    return SEQUENCE if pointed.finding.rule in STREAMS and _segments(flow.trace) >= LEAST_DATA else LADDER


def _segments(trace: Trace) -> int:
    return sum(one.length > 0 for one in trace.segments) if trace.protocol == "tcp" else 0


def _round_trips(case: Case) -> list[float]:
    return finite(talk.tcp.rtt.p50 for talk in case.talks if talk.tcp.rtt.count > 0)


# -- which conversation ------------------------------------------------------------------------------------------


def _pointed(report: Report) -> Spot | None:
    """The conversation of the first finding worth waking somebody for that is about any."""
    for finding in report.findings:
        if finding.severity in (Severity.CRITICAL, Severity.WARNING) and finding.rule not in ABOUT_CAPTURE:
            spot = _spot(report, finding)
            if spot is not None:
                return replace(spot, finding=finding)
    return None


def _spot(report: Report, finding: Finding) -> Spot | None:
    """By the finding's links to conversations, to TLS handshakes, or by its first frame, in this order."""
    linked = [spot for text in finding.facts if (spot := _linked(report, text)) is not None]
    if linked:
        return max(linked, key=lambda spot: _weight(spot.flow))
    known = [ref for ref in finding.frames if 0 <= ref.target < len(report.targets)]
    return Spot(known[0].target, frame=known[0].frame) if known else None


def _linked(report: Report, pointer: str) -> Spot | None:
    match = _CONVERSATION.match(pointer) or _HANDSHAKE.match(pointer)
    if match is None:
        return None
    target, place = int(match[1]), int(match[2])
    facts = report.targets[target].facts if target < len(report.targets) else None
    if facts is None:
        return None
    if match.re is _CONVERSATION:
        return Spot(target, facts.conversations[place]) if place < len(facts.conversations) else None
    return _of_handshake(target, facts, place)


def _of_handshake(target: int, facts: Facts, place: int) -> Spot | None:
    if place >= len(facts.tls.handshakes):
        return None
    tls = facts.tls.handshakes[place]
    flow = next((one for one in facts.conversations if one.id == tls.conversation), None)
    return Spot(target, flow, tls.client_hello_frame) if flow is not None or tls.client_hello_frame else None


def _weight(flow: Conversation | None) -> tuple[int, int]:
    """Trouble, then size."""
    if flow is None:
        return 0, 0
    tcp = flow.tcp or TcpFacts()
    seen = (
        tcp.retransmissions_client, tcp.retransmissions_server, tcp.zero_windows_client, tcp.zero_windows_server,
        tcp.syns,
    )  # fmt: skip
    return sum(one.count for one in seen) + len(tcp.resets), flow.client_bytes + flow.server_bytes


def _largest(case: Case) -> Spot | None:
    """The conversation that carried most, of TCP if there is any: its picture says more."""
    flows = [(index, flow) for index, facts in case.facts for flow in facts.conversations if _carried(flow) > 0]
    best = max(flows, key=lambda one: (one[1].tcp is not None, _carried(one[1])), default=None)
    return Spot(*best) if best is not None else None


def _carried(flow: Conversation) -> int:
    return flow.client_payload + flow.server_payload


# -- looking -----------------------------------------------------------------------------------------------------


class _Seen(Struct, frozen=True):
    of: list[Trace | None]
    """The trace of each spot."""
    close_ups: Mapping[int, CloseUp]
    """By target, with the rows of the heat map."""


def _traces(spots: Sequence[Spot], wish: Wish, see: See) -> _Seen:
    """One pass over what is needed, and a second one where a conversation had to be found by a frame first."""
    looks = dict(wish.looks)
    for spot in spots:
        look = looks.get(spot.target, Look())
        if spot.flow is None:
            looks[spot.target] = replace(look, frames=(*look.frames, spot.frame))
        else:
            looks[spot.target] = _with(look, _pair(spot.flow), spot.flow.first_frame)
    close_ups = dict(see(looks)) if looks else {}
    found = [_found(spot, close_ups) for spot in spots]
    later: dict[int, Look] = {}
    for spot, place in zip(spots, found, strict=True):
        if spot.flow is None and place is not None:
            later[spot.target] = _with(later.get(spot.target, Look()), *place)
    again = see(later) if later else {}
    of = [None if place is None else _trace_of(place[1], spot, close_ups, again)
          for spot, place in zip(spots, found, strict=True)]  # fmt: skip
    return _Seen(of, close_ups)


def _with(look: Look, pair: Pair, first_frame: int) -> Look:
    """The look with one more conversation; one that has a row already keeps it."""
    known = any((p.client, p.server, p.server_port, p.protocol) ==
                (pair.client, pair.server, pair.server_port, pair.protocol) for p in look.pairs)  # fmt: skip
    pairs = look.pairs if known else (*look.pairs[: PAIRS - 1], pair)
    return replace(look, pairs=pairs, flows=tuple(dict.fromkeys((*look.flows, first_frame))))


def _pair(flow: Conversation) -> Pair:
    return Pair(flow.client, flow.server, flow.server_port, flow.protocol)


def _found(spot: Spot, close_ups: Mapping[int, CloseUp]) -> tuple[Pair, int] | None:
    """The spot's ends and first frame."""
    if spot.flow is not None:
        return _pair(spot.flow), spot.flow.first_frame
    seen = close_ups.get(spot.target, CloseUp())
    return next(((pair, first) for frame, pair, first in seen.located if frame == spot.frame), None)


def _trace_of(
    first_frame: int, spot: Spot, close_ups: Mapping[int, CloseUp], again: Mapping[int, CloseUp]
) -> Trace | None:
    """The trace, of the pass that took it."""
    traces = (again if spot.flow is None else close_ups).get(spot.target, CloseUp()).traces
    return next((trace for trace in traces if trace.first_frame == first_frame), None)


def _picture(case: Case, spot: Spot, trace: Trace) -> FlowPicture:
    finding = spot.finding
    return FlowPicture(
        trace,
        case.name(trace.client).removeprefix("service "),
        _end(case, trace),
        shorten(finding.sentence, MAX_ABOUT) if finding is not None else "",
        tuple(ref.frame for ref in finding.frames if ref.target == spot.target) if finding is not None else (),
    )


def _end(case: Case, trace: Trace) -> str:
    name = case.name(trace.server).removeprefix("service ")
    return f"{name}:{trace.server_port}" if trace.server_port else name
