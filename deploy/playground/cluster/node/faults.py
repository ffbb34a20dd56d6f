"""Pure: a fault's JSON -> the pod's nftables script, the control file its app reads, and what its interface does.

drop, refuse, reset, blackhole: of a port. delay: by the app itself. On the interface: loss (percent, both
ways), latency (delayMs on all that the pod sends), reorder (percent of it held back by delayMs).
"""

from __future__ import annotations

from dataclasses import dataclass

from .process import Json

KINDS = ("none", "drop", "refuse", "reset", "blackhole", "delay", "loss", "latency", "reorder")
TABLE = "threadcap_fault"
SMALL = 1280
"""Bytes of a packet that a black hole lets pass: what IPv6 asks of every way (RFC 8200 section 5)."""


@dataclass(frozen=True)
class Impairment:
    """What a pod's interface does: share of packets lost (both ways), seconds and share of those held back."""

    loss: float = 0.0
    delay: float = 0.0
    share: float = 1.0


class FaultError(ValueError):
    """The request names no fault we know."""


def check(fault: Json) -> Json:
    """The fault with its numbers proved, or FaultError."""
    kind = fault.get("kind", "none")
    if kind not in KINDS:
        raise FaultError(f"unknown fault {kind!r}; one of {', '.join(KINDS)}")
    try:
        port, delay = int(fault.get("port") or 0), int(fault.get("delayMs") or 0)
        percent = float(fault.get("percent") or 0)
    except (TypeError, ValueError) as wrong:
        raise FaultError("port, delayMs and percent are numbers") from wrong
    if kind in ("drop", "refuse", "reset", "blackhole") and not 1 <= port <= 65535:
        raise FaultError(f"{kind} needs a port from 1 to 65535")
    if kind in ("loss", "reorder") and not 0 < percent <= 100:
        raise FaultError(f"{kind} needs a percent over 0, 100 at most")
    if kind in ("latency", "reorder") and not 0 < delay <= 60_000:
        raise FaultError(f"{kind} needs a delayMs from 1 to 60000")
    delay = delay if kind in ("delay", "latency", "reorder") else 0
    return {"kind": kind, "port": port, "delayMs": delay, "percent": percent}


def impairment(fault: Json) -> Impairment:
    """What the (checked) fault asks of the pod's interface."""
    share, delay = fault["percent"] / 100, fault["delayMs"] / 1000
    match fault["kind"]:
        case "loss":
            return Impairment(loss=share)
        case "latency":
            return Impairment(delay=delay)
        case "reorder":
            return Impairment(delay=delay, share=share)
    return Impairment()


def ruleset(fault: Json) -> str:
    """The script for inside the pod; it replaces any earlier fault's.

    drop: silence. refuse: RST to the SYN. reset: RST once a request's bytes arrive (PSH ends each write).
    blackhole: large packets vanish, as where a tunnel's MTU is smaller than the pod's and nobody says so.
    """
    port = fault["port"]
    rules = {
        "drop": f"meta l4proto {{ tcp, udp }} th dport {port} drop",
        "refuse": f"tcp dport {port} tcp flags & (syn | ack) == syn reject with tcp reset",
        "blackhole": f"tcp dport {port} meta length > {SMALL} drop",
        "reset": f"tcp dport {port} tcp flags & psh == psh reject with tcp reset",
    }
    lines = [f"table inet {TABLE}", f"delete table inet {TABLE}"]
    if fault["kind"] in rules:
        lines += [f"table inet {TABLE} {{ chain input {{ type filter hook input priority 0;"]
        lines += [rules[fault["kind"]], "} ; }"]
    return "\n".join(lines) + "\n"
