"""Our own traffic, left out where a capture would see it: otherwise it captures its own stream, and ever more of it.

Who captures on a node's network sees what carries the capture away (deploy/decisions/0021): the stream between API
server and kubelet, its last leg on lo between kubelet and container runtime, and what a worker on that node sends.
"""

import re

from msgspec.structs import replace

from workers.capture.targets import KUBELET_PORT, Target

LOOPBACK = re.compile(r"(?<![\w.:])(127\.\d|::1\b|localhost\b)")
"""A loopback address in a filter: who names one means to see it."""


def without_ours(target: Target, interface: str, address: str, port: int = KUBELET_PORT) -> Target:
    """Return the target with a filter that leaves our own traffic out, if it is on its node's network; and a note.

    `address`: where this worker speaks from, "" when that is not known. Pure.
    """
    if not target.pod.host_network:
        return target
    left_out, said = [f"tcp port {port}"], [f"the kubelet's port {port}"]
    if interface != "lo" and not LOOPBACK.search(target.filter):
        left_out += ["net 127.0.0.0/8", "host ::1"]
        said.append("lo (name 127.0.0.1 in the filter to see it)")
    if address:
        left_out.append(f"host {address}")
        said.append(f"this worker's address {address}")
    ours = " or ".join(left_out)
    # first: a word such as `vlan` moves where all that stands after it looks
    narrowed = f"not ({ours}) and ({target.filter})" if target.filter else f"not ({ours})"
    note = f"left out, as this capture's own bytes pass there: {', '.join(said)}"
    return replace(target, filter=narrowed, notes=(*target.notes, note))
