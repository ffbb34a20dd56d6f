"""File names that say which pod and when, safe on any system whatever the names hold."""

import re
from datetime import UTC, datetime

_UNSAFE = re.compile(r"[^a-z0-9.-]+")

MAX_PART = 100
"""Characters of a namespace or pod name kept: two of them and the time fit any file system's 255 bytes."""


def filename(namespace: str, pod: str, started_at: float, suffix: str = ".pcap") -> str:
    """("shop", "checkout-7d9f", …) -> "shop_checkout-7d9f_20261123T223405Z.pcap". `started_at` is epoch seconds, UTC.

    Kubernetes names pass unchanged; anything else becomes "-", and no name starts with "." or "-".
    """
    return f"{_part(namespace)}_{_part(pod)}_{_time(started_at)}{suffix}"


def _part(text: str) -> str:
    return _UNSAFE.sub("-", text[: 4 * MAX_PART].lower())[:MAX_PART].strip(".-") or "unnamed"


def _time(epoch: float) -> str:
    try:
        return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError, OSError):
        return "00000000T000000Z"
