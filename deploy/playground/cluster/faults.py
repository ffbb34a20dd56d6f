"""Faults of the API server itself, by the control endpoint: which are set, and whom they meet.

In: bodies of `POST /_playground/faults` (administrators only). kinds:

    stream   namespace, pod, container ("" means any), command (words in it; "" any), action cut|stall|slow|lie,
             afterBytes (a list: one stream after the other), bytesPerSecond, orphan (see StreamFault), times
             (streams it meets; 1): exec and attach
    request  verb, resource ("pods", "pods/exec"), namespace ("" means any), code (0: only slow), message,
             delayMs, retryAfter (seconds), times (0: until healed); a 403 meets controllers as well, as quotas do
    outage   how hard|soft, seconds: soft answers 503 and leaves streams alone; hard drops and refuses connections
    heal     takes all of these back, and what was done to nodes (node_faults)

What pods suffer (node.faults) is passed on to their node by the cluster.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import Refusal, bad_request
from .meddling import StreamFault
from .objects import Object
from .rbac import Attributes

KINDS = ("stream", "request", "outage", "heal")
_ACTIONS = ("cut", "stall", "slow", "lie")
_LONGEST_SECONDS = 600.0


@dataclass
class _StreamRule:
    place: tuple[str, str, str]
    command: str
    fault: StreamFault
    left: int


@dataclass
class _RequestRule:
    """`left` None: until healed."""

    verb: str
    resource: str
    namespace: str
    refusal: Refusal | None
    delay: float
    left: int | None

    def meets(self, asked: Attributes) -> bool:
        resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        pairs = ((self.verb, asked.verb), (self.resource, resource), (self.namespace, asked.namespace))
        return bool(asked.resource) and all(wish in ("", found) for wish, found in pairs)


class ServerFaults:
    """`go_dark` is called with the seconds of a hard outage."""

    def __init__(self, go_dark: Callable[[float], None]) -> None:
        self._go_dark = go_dark
        self._streams: list[_StreamRule] = []
        self._requests: list[_RequestRule] = []
        self._unavailable_until = 0.0

    def inject(self, body: Object) -> None:
        """Raises Refusal(400) for what makes no sense."""
        match body.get("kind"):
            case "stream":
                self._streams += _stream_rules(body)
            case "request":
                self._requests.append(_request_rule(body))
            case "outage":
                self._begin_outage(body)
            case "heal":
                self._streams.clear()
                self._requests.clear()
                self._unavailable_until = 0.0

    def take_stream(self, namespace: str, pod: str, container: str, command: str) -> StreamFault | None:
        """The fault a new stream begins with; used up by that. An attached stream has no command."""
        place = (namespace, pod, container)
        for rule in self._streams:
            fits = all(wish in ("", found) for wish, found in zip(rule.place, place, strict=True))
            if fits and rule.command in command:
                rule.left -= 1
                if rule.left <= 0:
                    self._streams.remove(rule)
                return rule.fault
        return None

    async def meet(self, asked: Attributes) -> None:
        """Let a request suffer what is set for it: time, a Refusal, or nothing."""
        if time.monotonic() < self._unavailable_until and not asked.path.startswith("/_playground/"):
            raise Refusal(503, "the server is currently unable to handle the request")
        if rule := self._taken([rule for rule in self._requests if rule.meets(asked)]):
            await asyncio.sleep(rule.delay)
            if rule.refusal is not None:
                raise rule.refusal

    def admit(self, asked: Attributes) -> None:
        """Let a controller meet what quota and admission refuse: the 403s set for requests."""
        met = [rule for rule in self._requests if rule.meets(asked)]
        rule = self._taken([rule for rule in met if rule.refusal is not None and rule.refusal.code == 403])
        if rule is not None and rule.refusal is not None:
            raise rule.refusal

    def _taken(self, rules: list[_RequestRule]) -> _RequestRule | None:
        """The first of these, used up by that."""
        rule = rules[0] if rules else None
        if rule is not None and rule.left is not None:
            rule.left -= 1
            if rule.left <= 0:
                self._requests.remove(rule)
        return rule

    def _begin_outage(self, body: Object) -> None:
        seconds = _number(body, "seconds", 1.0)
        if seconds > _LONGEST_SECONDS:
            raise bad_request(f"an outage lasts at most {_LONGEST_SECONDS:.0f} seconds")
        if body.get("how") == "soft":
            self._unavailable_until = time.monotonic() + seconds
        elif body.get("how") == "hard":
            self._go_dark(seconds)
        else:
            raise bad_request("how must be one of hard, soft")


def _number(body: Object, name: str, default: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise bad_request(f"{name} must be a number from 0")
    return float(value)


def _stream_rules(body: Object) -> list[_StreamRule]:
    after = body.get("afterBytes", 0)
    return [_stream_rule({**body, "afterBytes": each}) for each in (after if isinstance(after, list) else [after])]


def _stream_rule(body: Object) -> _StreamRule:
    action, rate = body.get("action"), int(_number(body, "bytesPerSecond", 0))
    if action not in _ACTIONS:
        raise bad_request(f"action must be one of {', '.join(_ACTIONS)}")
    if (action == "slow") != bool(rate):
        raise bad_request("bytesPerSecond goes with slow, and slow with bytesPerSecond")
    fault = StreamFault(str(action), int(_number(body, "afterBytes", 0)), rate, bool(body.get("orphan")))
    place = (str(body.get("namespace", "")), str(body.get("pod", "")), str(body.get("container", "")))
    return _StreamRule(place, str(body.get("command", "")), fault, int(_number(body, "times", 1)))


def _request_rule(body: Object) -> _RequestRule:
    code, pause = int(_number(body, "code", 0)), int(_number(body, "retryAfter", 0))
    if code and not 400 <= code <= 599:
        raise bad_request("code must be 0 or from 400 to 599")
    details: Object = {"retryAfterSeconds": pause} if pause else {}
    message = str(body.get("message") or "injected by the playground")
    return _RequestRule(
        verb=str(body.get("verb", "")),
        resource=str(body.get("resource", "")),
        namespace=str(body.get("namespace", "")),
        refusal=Refusal(code, message, details=details) if code else None,
        delay=_number(body, "delayMs", 0) / 1000,
        left=int(_number(body, "times", 0)) or None,
    )
