"""Pure: a fault's JSON -> the pod's nftables script and the control file its app reads."""

from __future__ import annotations

from .process import Json

KINDS = ("none", "drop", "refuse", "reset", "delay")
TABLE = "threadcap_fault"


class FaultError(ValueError):
    """The request names no fault we know."""


def check(fault: Json) -> Json:
    """The fault with its numbers proved, or FaultError."""
    kind = fault.get("kind", "none")
    if kind not in KINDS:
        raise FaultError(f"unknown fault {kind!r}; one of {', '.join(KINDS)}")
    try:
        port, delay = int(fault.get("port") or 0), int(fault.get("delayMs") or 0)
    except (TypeError, ValueError) as wrong:
        raise FaultError("port and delayMs are whole numbers") from wrong
    if kind in ("drop", "refuse", "reset") and not 1 <= port <= 65535:
        raise FaultError(f"{kind} needs a port from 1 to 65535")
    return {"kind": kind, "port": port, "delayMs": delay if kind == "delay" else 0}


def ruleset(fault: Json) -> str:
    """The script for inside the pod; it replaces any earlier fault's.

    drop: silence. refuse: RST to the SYN. reset: RST once a request's bytes arrive (PSH ends each write).
    """
    port = fault["port"]
    rules = {
        "drop": f"meta l4proto {{ tcp, udp }} th dport {port} drop",
        "refuse": f"tcp dport {port} tcp flags & (syn | ack) == syn reject with tcp reset",
        "reset": f"tcp dport {port} tcp flags & psh == psh reject with tcp reset",
    }
    lines = [f"table inet {TABLE}", f"delete table inet {TABLE}"]
    if fault["kind"] in rules:
        lines += [f"table inet {TABLE} {{ chain input {{ type filter hook input priority 0;"]
        lines += [rules[fault["kind"]], "} ; }"]
    return "\n".join(lines) + "\n"
