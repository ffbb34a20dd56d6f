"""`--until`: what ends a capture before its time. One class a condition, see session.Condition.

What arrives is looked at by libpcap's own matching, in a child without credentials, or by the rules of
workers.findings, over facts that another such child makes.
"""

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import structlog

from workers.capture import filters
from workers.capture.changes import ClusterEvent
from workers.capture.cluster import Cluster
from workers.contract.errors import BadFilter, ThreadcapError
from workers.contract.job import Job
from workers.contract.report import Severity, TargetResult
from workers.contract.spec import CaptureSpec, Until, UntilKind
from workers.findings import Case, find
from workers.findings.find import ABOUT_CAPTURE
from workers.taken import Condition, Taken

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.1
CHUNK = 256 << 10
WATCH_SECONDS = 5.0
"""How long one watch of events goes on, and so how long it may outlive its capture."""
RETRY_SECONDS = 1.0
SHOWN = 120
"""Characters of an event's message that are shown."""
TROUBLE = (Severity.CRITICAL, Severity.WARNING)


def check(spec: CaptureSpec) -> None:
    """Raise BadFilter unless the condition can be evaluated."""
    if spec.until is not None and spec.until.kind is UntilKind.PACKET:
        if not spec.until.value:
            raise BadFilter("Until which packet? Say a filter, such as `until packet tcp port 443`.")
        filters.check(spec.until.value, spec.interface)


def condition(job: Job, cluster: Cluster) -> Condition | None:
    """Return what is to be waited for, watching from now on; None when the capture just takes its time."""
    until = job.spec.until
    if until is None:
        return None
    match until.kind:
        case UntilKind.PACKET:
            return PacketComes(until.value, job.id)
        case UntilKind.FINDING:
            return FindingComes(until.value, job.spec)
        case UntilKind.EVENT:
            return EventComes(until.value, job.spec, cluster)


def unmet(until: Until) -> str:
    """Say that the capture took its whole time."""
    what = {
        UntilKind.PACKET: f"no packet matched `{until.value}`",
        UntilKind.FINDING: "there was no finding" if until.value == "any" else f"there was no finding {until.value}",
        UntilKind.EVENT: f"no captured pod had the event {until.value}",
    }[until.kind]
    return f"The capture took its whole time: {what}."


class PacketComes:
    """The first packet that matches a filter. A tcpdump for each target reads what was captured."""

    needs_facts = False

    def __init__(self, expression: str, job_id: str) -> None:
        self._expression = expression
        self._job_id = job_id
        self._matchers: list[Matcher] = []

    def met(self, taken: Sequence[Taken]) -> str:
        """See Condition.met."""
        for one in taken[len(self._matchers) :]:
            self._matchers.append(Matcher(one.capture.spool.path, self._expression, self._job_id))
        # another method's spool is the same file: a plan that could not start has written nothing
        hit = next((one for one, matcher in zip(taken, self._matchers, strict=True) if matcher.matched), None)
        return f"A packet of {_pod(hit)} matched `{self._expression}`." if hit is not None else ""

    def close(self) -> None:
        """See Condition.close."""
        for matcher in self._matchers:
            matcher.close()


class Matcher:
    """A tcpdump that reads a growing file until a packet matches. No credentials, no more memory than a compiler."""

    def __init__(self, path: Path, expression: str, job_id: str) -> None:
        self.matched = False
        self._closing = threading.Event()
        self._path = path
        self._job_id = job_id
        self._child = filters.matcher(expression)
        self._thread = threading.Thread(target=self._run, name=f"until-{job_id}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._child.kill()
        self._thread.join()

    def _run(self) -> None:
        stdin = self._child.stdin
        assert stdin is not None
        with self._path.open("rb") as spool, contextlib.suppress(OSError):
            self._feed(spool, stdin)
        with contextlib.suppress(OSError):
            stdin.close()
        code = self._child.wait()
        self.matched = code == 0 and not self._closing.is_set()
        if code > 0:
            log.warning("packets are not matched any more", job=self._job_id, code=code)

    def _feed(self, spool: IO[bytes], stdin: IO[bytes]) -> None:
        """Hand on what comes until tcpdump ends, which it does by itself at the first match only."""
        while self._child.poll() is None and not self._closing.is_set():
            if chunk := spool.read(CHUNK):
                stdin.write(chunk)
                stdin.flush()
            else:
                self._closing.wait(LOOK_SECONDS)


class FindingComes:
    """The first finding of a rule, or any that is a warning at least and not about the capture itself."""

    needs_facts = True

    def __init__(self, rule: str, spec: CaptureSpec) -> None:
        self._rule = rule
        self._spec = spec
        self._seen: list[object] = []

    def met(self, taken: Sequence[Taken]) -> str:
        """See Condition.met."""
        facts: list[object] = [one.facts for one in taken]
        if facts == self._seen:
            return ""
        self._seen = facts
        results = [_so_far(one) for one in taken]
        for finding in find(Case(tuple(results), {}, self._spec)):
            wanted = finding.severity in TROUBLE and finding.rule not in ABOUT_CAPTURE
            if finding.rule == self._rule or (self._rule == "any" and wanted):
                return f"A finding came ({finding.rule}): {finding.sentence}"
        return ""

    def close(self) -> None:
        """See Condition.close: nothing runs."""


class EventComes:
    """The first event with a reason for one of the pods, or nodes, that are captured."""

    needs_facts = False

    def __init__(self, reason: str, spec: CaptureSpec, cluster: Cluster) -> None:
        self._reason = reason.lower()
        self._cluster = cluster
        self._closing = threading.Event()
        self._came: list[ClusterEvent] = []
        for namespace in spec.namespaces or ("default",):
            threading.Thread(target=self._watch, args=(namespace,), name="until-event", daemon=True).start()

    def met(self, taken: Sequence[Taken]) -> str:
        """See Condition.met."""
        names = {("Node" if one.plan.pod.is_node else "Pod", one.plan.pod.name): one for one in taken}
        for event in list(self._came):
            if one := names.get((event.kind, event.name)):
                message = " ".join(event.message.split())[:SHOWN].rstrip(".: ")
                return f"{_pod(one).capitalize()} had the event {event.reason}{f': {message}' if message else ''}."
        return ""

    def close(self) -> None:
        """See Condition.close."""
        self._closing.set()

    def _watch(self, namespace: str) -> None:
        mark = ""
        while not self._closing.is_set():
            try:
                for event in self._cluster.follow_events(namespace, WATCH_SECONDS, mark):
                    mark = event.mark
                    if event.reason.lower() == self._reason:
                        self._came.append(event)
            except ThreadcapError as error:
                log.warning("events not watched", namespace=namespace, error=str(error))
                mark = ""
                self._closing.wait(RETRY_SECONDS)


def _pod(one: Taken) -> str:
    pod = one.plan.pod
    return f"node {pod.name}" if pod.is_node else f"pod {pod.name}"


def _so_far(one: Taken) -> TargetResult:
    pod = one.plan.pod
    return TargetResult(
        pod.namespace, pod.name, one.plan.container, pod.node, pod.ips, one.plan.method, facts=one.facts
    )
