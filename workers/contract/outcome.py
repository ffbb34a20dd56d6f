"""How one capture ended, and the proof of its bytes."""

from msgspec import Struct


class CaptureOutcome(Struct, frozen=True):
    """How one capture ended, and the proof. bytes are of pcap; counters are tcpdump's own.

    `proved` is true only when size and sha256 taken in the pod, as the bytes left, equal what arrived, and the records
    stored equal tcpdump's "packets captured". What arrived is what is stored, but for a last packet that tcpdump had
    not finished when it was stopped: then `bytes` is less than `pod_bytes`, and `sha256` that of the whole packets.
    """

    complete: bool = False
    proved: bool = False
    reason: str = ""
    """Why it is not complete, for the person: "pod deleted", "truncated at byte N of M, …"."""
    bytes: int = 0
    sha256: str = ""
    pod_bytes: int | None = None
    pod_sha256: str = ""
    packets: int = 0
    """Records stored."""
    captured: int | None = None
    received: int | None = None
    kernel_dropped: int | None = None
    interface_dropped: int | None = None
    ended_by: str = ""
    """time | packets | bytes | stop | until | pressure | interrupted | error"""
    started_at: float = 0.0
    ended_at: float = 0.0
    clock_offset: float | None = None
