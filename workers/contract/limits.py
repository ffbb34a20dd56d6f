"""What a person may ask at most. A dataclass, as pydantic reads it from the settings (workers/settings.py)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults and upper bounds for what a person may ask. Units as in CaptureSpec."""

    namespace: str = "default"
    duration: float = 30.0
    max_duration: float = 600.0
    max_bytes: int = 50_000_000
    max_max_bytes: int = 500_000_000
    max_max_packets: int = 10_000_000
    snaplen: int = 65_536
    interface: str = "any"
    max_pods: int = 10
    max_text: int = 4_000
    max_wait: float = 900.0
    keep: float = 300.0
    max_keep: float = 1_800.0
    record: float = 3_600.0
    """How long a recording goes on when nobody says."""
    max_record: float = 28_800.0
