"""`--until` on the playground: a packet, a finding, an event of the pod; and a condition that does not come."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.stack import Stack
from tests.conformance.shapes import TALK
from tests.support.captures import Desk
from tests.support.playground import SharedPlayground
from workers.contract.job import JobState
from workers.contract.report import Report
from workers.contract.spec import Until, UntilKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOSED = 9999
"""Nobody listens there."""
KNOCK = f"busybox nc -w 1 127.0.0.1 {CLOSED}; true"
SICKEN = "touch /tmp/sick"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def worker(bare_stack: Stack) -> AsyncIterator[None]:
    await bare_stack.start_worker()
    yield


@pytest_asyncio.fixture(loop_scope="module")
async def talker(playground: SharedPlayground, fresh_namespace: str) -> str:
    """The namespace of a pod `talker` that is ready for as long as it has no file /tmp/sick."""
    probe = {"exec": {"command": ["sh", "-c", "test ! -e /tmp/sick"]}, "periodSeconds": 1, "failureThreshold": 1}
    container = {"name": "app", "image": CAPTURE_IMAGE, "command": ["sh", "-c", TALK], "readinessProbe": probe}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    meta = {"name": "talker", "namespace": fresh_namespace}
    await playground.apply([{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod}])
    return fresh_namespace


async def _ended(
    desk: Desk, playground: SharedPlayground, namespace: str, until: Until, script: str
) -> tuple[Report, str]:
    """Capture until a condition that `script`, run in the pod a second after the first packets, makes come."""
    job_id = desk.ask("pod/talker", namespace=namespace, duration=120, until=until)
    await desk.capturing(job_id, packets=50)
    assert desk.job(job_id).state is JobState.CAPTURING
    words = ("-n", namespace, "exec", "talker", "--", "sh", "-c", script)
    done = await asyncio.to_thread(playground.kubectl, *words)
    assert done.returncode == 0, done.stderr
    began = time.monotonic()
    job = await desk.ended(job_id, 60)
    print(f"until {until}: ended and delivered {time.monotonic() - began:.1f} s after it came")
    report = desk.proved(job)
    assert [target.outcome.ended_by for target in report.targets] == ["until"]
    return report, job.message


async def test_a_packet(desk: Desk, playground: SharedPlayground, talker: str) -> None:
    until = Until(UntilKind.PACKET, f"tcp port {CLOSED} and tcp[tcpflags] & tcp-rst != 0")
    report, message = await _ended(desk, playground, talker, until, KNOCK)
    said = f"A packet of pod talker matched `{until.value}`. The capture ended with that."
    assert said in message
    assert said in report.notes
    target = report.targets[0]
    assert target.facts is not None
    knock = [flow for flow in target.facts.conversations if flow.server_port == CLOSED]
    assert knock
    assert target.facts.last_at - knock[0].last_at > 0.5  # a second more, for what follows


@pytest.mark.parametrize("rule", ["connection-refused", "any"])
async def test_a_finding(desk: Desk, playground: SharedPlayground, talker: str, rule: str) -> None:
    report, message = await _ended(desk, playground, talker, Until(UntilKind.FINDING, rule), KNOCK)
    assert "A finding came (connection-refused): " in message
    assert report.findings[0].rule == "connection-refused"
    assert any(note.startswith("A finding came (connection-refused): ") for note in report.notes)


async def test_an_event(desk: Desk, playground: SharedPlayground, talker: str) -> None:
    report, message = await _ended(desk, playground, talker, Until(UntilKind.EVENT, "Unhealthy"), SICKEN)
    assert "Pod talker had the event Unhealthy: Readiness probe failed" in message
    assert any(note.startswith("Pod talker had the event Unhealthy") for note in report.notes)


async def test_what_does_not_come_is_said(desk: Desk, talker: str) -> None:
    until = Until(UntilKind.PACKET, "icmp")
    job = await desk.ended(desk.ask("pod/talker", namespace=talker, duration=2, until=until))
    report = desk.proved(job)
    assert report.targets[0].outcome.ended_by == "time"
    assert report.notes[0] == "The capture took its whole time: no packet matched `icmp`."
    assert report.notes[0] in job.message


async def test_a_condition_that_is_no_filter_is_refused_at_once(desk: Desk, talker: str) -> None:
    until = Until(UntilKind.PACKET, "prot 80")
    job = await desk.ended(desk.ask("pod/talker", namespace=talker, duration=60, until=until))
    assert (job.state, job.error_code) == (JobState.FAILED, "bad_filter")
    assert "prot" in job.message
