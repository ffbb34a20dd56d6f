"""A transfer that the receive window limits: the way is long, and no more than a window is under way at a time."""

from collections.abc import Callable

from workers.contract.report import Finding, Severity
from workers.findings.case import Case, Talk, median
from workers.findings.trouble import Trouble, fold, troubles
from workers.findings.windows import Limit, limited
from workers.findings.words import duration, plural, size

RULE = "window-limited"

LONG = 3.0
"""Seconds of transfer that people notice."""


def check(case: Case) -> list[Finding]:
    """One finding for each server and direction whose transfers the window limits."""
    found: list[Finding] = []
    for side in ("client", "server"):
        found += [_finding(trouble, side) for trouble in troubles(case, case.talks, _limits(side))]
    return fold(found)


def _limits(side: str) -> Callable[[Talk], bool]:
    return lambda talk: limited(talk, side) is not None


def _finding(trouble: Trouble, side: str) -> Finding:
    limits = [one for t in trouble.bad if (one := limited(t, side)) is not None]
    typical = sorted(limits, key=lambda one: one.rate)[len(limits) // 2]
    other = "client" if side == "server" else "server"
    receiver = trouble.side(other)
    filled = sum(one.filled for one in limits)
    shown = f" (filled {plural(filled, 'time')})" if filled else ""
    longest = max(one.seconds for one in limits)
    return Finding(
        RULE,
        Severity.WARNING if longest >= LONG else Severity.NOTE,
        trouble.confidence(not filled),
        f"{trouble.who}: the window of {receiver} limits what the {side} sends in {trouble.of('connection')}, not the "
        f"network; {size(typical.window)} a round trip of {duration(typical.rtt)}{shown} make {size(typical.rate)} a "
        f"second{_why(trouble, typical)}.",
        len(trouble.bad),
        trouble.refs(lambda t: t.ends(side)[0].window_full.frames or [t.flow.first_frame]),
        _next_step(trouble, side, typical),
        trouble.filter("tcp.analysis.window_full" if filled else "tcp.len > 0"),
        figures=trouble.figures(
            window_bytes=typical.window,
            rtt_s=median(sorted(one.rtt for one in limits)),
            bytes_a_second=typical.rate,
            longest_s=longest,
            filled=filled,
        ),
        servers=trouble.servers,
        facts=trouble.links(
            f"tcp/{side}/window_full", f"tcp/{side}/most_in_flight", f"tcp/{other}/window_scale", "tcp/handshake_rtt"
        ),
    )


def _unscaling(trouble: Trouble) -> str:
    """The end whose SYN or SYN-ACK has no window scale; "" when both have it."""
    for side in ("client", "server"):
        if all(t.ends(side)[0].window_scale is None for t in trouble.bad):
            return trouble.side(side)
    return ""


def _why(trouble: Trouble, typical: Limit) -> str:
    end = "" if typical.scaled else _unscaling(trouble)
    return f"; {end} offers no window scaling, so it is 64 kB at most" if end else ""


def _next_step(trouble: Trouble, side: str, typical: Limit) -> str:
    receiver, end = trouble.side("client" if side == "server" else "server"), _unscaling(trouble)
    if not typical.scaled and end:
        return (
            f"Switch on window scaling on {end} (net.ipv4.tcp_window_scaling), or find the firewall or balancer that "
            "takes the option out of its SYN."
        )
    return (
        f"Let {receiver} take more: a higher net.ipv4.tcp_rmem, no SO_RCVBUF set by its program; or bring the ends "
        "nearer to each other, or use several connections."
    )
