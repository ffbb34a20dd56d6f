"""Slack's rate limits: a sliding window for each method, and for posting each channel.

Tiers are calls per minute for an app in a workspace (docs.slack.dev/apis/web-api/rate-limits). Posting is
special: one message a second and channel, short bursts tolerated (here: three in three seconds).
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass

from .clock import Clock
from .errors import SlackError


@dataclass(frozen=True)
class Rate:
    """At most `calls` in any `seconds`; counted by channel when `per_channel`."""

    calls: int
    seconds: float = 60.0
    per_channel: bool = False


TIER_2, TIER_3, TIER_4 = Rate(20), Rate(50), Rate(100)
CONNECT = Rate(30)  # apps.connections.open is Tier 1 ("1+"); real clients reconnect in bursts and are let in
SPECIAL = Rate(300)  # auth.test: "hundreds of requests per minute"
STRICT_HISTORY = Rate(1)  # by a switch: apps outside the Marketplace
POSTING = Rate(3, 3.0, per_channel=True)


class RateLimits:
    """Counts calls; refuses with 429, Retry-After and `ratelimited`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._forced: dict[str, tuple[int, int]] = {}
        self.enabled = True

    def reset(self) -> None:
        self._calls.clear()
        self._forced.clear()
        self.enabled = True

    def force(self, method: str, times: int, retry_after: int = 1) -> None:
        """Refuse the next `times` calls of `method`, whatever its rate."""
        self._forced[method] = (times, retry_after)

    def take(self, method: str, rate: Rate, channel: str = "") -> None:
        """Count one call. Raises SlackError `ratelimited` when the window is full."""
        left, retry_after = self._forced.get(method, (0, 0))
        if left > 0:
            self._forced[method] = (left - 1, retry_after)
            raise _ratelimited(retry_after)
        if not self.enabled:
            return
        now = self._clock.now()
        calls = self._calls[method, channel if rate.per_channel else ""]
        while calls and calls[0] <= now - rate.seconds:
            calls.popleft()
        if len(calls) >= rate.calls:
            raise _ratelimited(math.ceil(calls[0] + rate.seconds - now))
        calls.append(now)


def _ratelimited(retry_after: int) -> SlackError:
    return SlackError("ratelimited", status=429, headers={"Retry-After": str(max(retry_after, 1))})
