"""A job waits for a place among those that run; more time and a stop reach tcpdump in the pod in under a second."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.playground.stack import Stack
from tests.support.captures import ALICE, Desk
from tests.support.playground import SharedPlayground, scene_copy
from tests.support.stack import until
from workers.capture.cluster import Cluster
from workers.contract.job import Job, JobState

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST, MORE = 8.0, 400.0
TIMERS = "for d in /proc/[0-9]*; do tr '\\0' ' ' 2>/dev/null <$d/cmdline | grep '^sleep'; done; true"


@pytest_asyncio.fixture(loop_scope="module")
async def namespace(playground: SharedPlayground, fresh_namespace: str) -> str:
    """A shop of the test's own: a `checkout` with tcpdump and a `web` without."""
    manifests = scene_copy(fresh_namespace, ("web", "checkout"))
    for one in manifests:
        if one["kind"] == "Deployment":
            one["spec"]["replicas"] = 1
    await playground.apply(manifests)
    return fresh_namespace


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def workers_end(bare_stack: Stack) -> AsyncIterator[None]:
    yield
    await asyncio.gather(*(bare_stack.stop(part) for part in list(bare_stack.parts)))


async def test_a_job_waits_for_a_place_and_takes_it(bare_stack: Stack, desk: Desk, namespace: str) -> None:
    await bare_stack.start_worker(THREADCAP_AT_ONCE__NODE="1")
    first = desk.ask("deploy/checkout", "port 8080", namespace=namespace, duration=300)
    job = await desk.capturing(first)
    node = job.targets[0].node
    waiting, given_up = [
        desk.ask("deploy/checkout", "port 8080", namespace=namespace, duration=2, snaplen=length)
        for length in (128, 256)
    ]
    words = f"Waiting for a free place: 1 capture is already running on node {node}, which is the limit."
    for job_id in (waiting, given_up):
        job = await desk.until(job_id, lambda now: now.message == words, 60, "word that it waits")
        assert job.state is JobState.RESOLVING
    desk.commands.stop(given_up, ALICE)
    job = await desk.ended(given_up)
    assert (job.state, job.started) == (JobState.CANCELLED, None)
    assert desk.job(waiting).state is JobState.RESOLVING
    desk.commands.stop(first, ALICE)
    ended = await desk.ended(first)
    desk.proved(ended)
    job = await desk.ended(waiting)
    desk.proved(job)
    assert job.started is not None
    assert job.started >= ended.updated - 1
    refused = [entry for entry in desk.store.audited(1000) if entry["action"] == "admission_refused"]
    assert {entry["job"] for entry in refused} == {waiting, given_up}


@pytest.mark.parametrize(("target", "method"), [("deploy/checkout", "exec"), ("deploy/web", "ephemeral")])
async def test_more_time_and_a_stop_are_heard_in_the_pod_at_once(
    bare_stack: Stack, desk: Desk, playground: SharedPlayground, namespace: str, target: str, method: str
) -> None:
    await bare_stack.start_worker()
    job_id = desk.ask(target, namespace=namespace, duration=FIRST, method=method)
    job = await desk.capturing(job_id)
    first_end = job.deadline
    assert first_end is not None
    began = time.monotonic()
    extended = await asyncio.to_thread(desk.commands.extend, job_id, MORE, ALICE)
    assert isinstance(extended, Job)
    cluster = Cluster(str(playground.admin_kubeconfig))
    await until(lambda: _timer_moved(cluster, job), 30, "a new timer in the pod")
    print(f"{method}: extended in the pod after {time.monotonic() - began:.2f} s at most")
    cluster.close()
    before = desk.job(job_id).targets[0].packets
    await until(lambda: time.time() > first_end + 1, 60, "the first end to pass")
    await desk.until(job_id, lambda now: now.targets[0].packets > before, 30, "packets after the first end")
    began = time.monotonic()
    await asyncio.to_thread(desk.commands.stop, job_id, ALICE)
    await desk.until(job_id, lambda now: now.state is not JobState.CAPTURING, 30, "the capture's end")
    print(f"{method}: every byte here {time.monotonic() - began:.2f} s after the stop")
    (outcome,) = (one.outcome for one in desk.proved(await desk.ended(job_id)).targets)
    assert outcome.ended_by == "stop"
    assert outcome.ended_at - outcome.started_at > FIRST


def _timer_moved(cluster: Cluster, job: Job) -> bool:
    """Whether the timer that ends tcpdump runs to the new end."""
    target = job.targets[0]
    pod = cluster.pod(target.namespace, target.pod)
    assert pod is not None
    said = cluster.run(pod, target.container, ["sh", "-c", TIMERS]).stdout.decode()
    return any(
        MORE - 10 <= int(seconds) <= MORE + FIRST for seconds in re.findall(r"^sleep (\d+) $", said, re.MULTILINE)
    )
