"""The worker on a real cluster API and a real Redis: several pods, fallbacks, deletions, stops, nothing left."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from deploy.playground.stack import Stack
from tests.support.captures import ALICE, Desk, valid_records
from tests.support.playground import SharedPlayground, scene_copy
from tests.support.stack import remote_processes, until
from workers.contract.job import Job, JobState, Origin
from workers.contract.job import new_job_id as new_id
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def worker(bare_stack: Stack) -> AsyncIterator[None]:
    await bare_stack.start_worker()
    yield


@pytest_asyncio.fixture(loop_scope="module")
async def namespace(playground: SharedPlayground, fresh_namespace: str) -> str:
    """Two checkouts of the test's own and what they call."""
    manifests = scene_copy(fresh_namespace, ("checkout", "web", "payments"))
    for one in manifests:
        if one["kind"] == "Deployment":
            one["spec"]["replicas"] = 2 if one["metadata"]["name"] == "checkout" else 1
    await playground.apply(manifests)
    return fresh_namespace


@pytest.fixture
def clean(playground: SharedPlayground) -> Callable[[Job], None]:
    """Check that nothing of a job runs in its pods."""

    def check(job: Job) -> None:
        assert remote_processes(playground.admin_kubeconfig, job) == []

    return check


def _kubectl(playground: SharedPlayground, *words: str) -> str:
    done = playground.kubectl(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_several_pods_one_report(
    desk: Desk, playground: SharedPlayground, namespace: str, clean: Callable[[Job], None]
) -> None:
    job_id = desk.ask("-l app=checkout", "port 8080", namespace=namespace, duration=4)
    job = await desk.ended(job_id)
    report = desk.proved(job)
    assert len(report.targets) == len(job.targets) == 2
    assert len({target.pod for target in report.targets}) == 2
    assert len({artifact.name for artifact in job.artifacts if artifact.kind == "pcap"}) == 2
    clean(job)


async def test_a_sidecar_is_used_when_the_app_has_no_tcpdump(desk: Desk, clean: Callable[[Job], None]) -> None:
    job = await desk.ended(desk.ask("deploy/cart", duration=2))
    report = desk.proved(job)
    assert (report.targets[0].container, report.targets[0].method) == ("tcpdump", "sidecar")
    assert job.targets[0].note == "through container tcpdump, which shares the pod's network"
    clean(job)


async def test_pod_deleted_mid_capture_is_partial_and_says_so(
    desk: Desk, playground: SharedPlayground, namespace: str
) -> None:
    job_id = desk.ask("deploy/checkout", "port 8080", namespace=namespace, duration=60)
    job = await desk.capturing(job_id, packets=5)
    pod = job.targets[0].pod
    await asyncio.to_thread(_kubectl, playground, "delete", "pod", "-n", namespace, pod, "--grace-period=0", "--force")
    # the other pod of the deployment captures on until it is stopped
    await desk.until(job_id, lambda now: now.targets[0].state == "partial", 60, "the deletion to be noticed")
    desk.commands.stop(job_id, ALICE)
    job = await desk.ended(job_id)
    assert job.state is JobState.PARTIAL
    report = desk.report(job)
    hurt = next(target for target in report.targets if target.pod == pod)
    assert "deleted during the capture; truncated at byte" in hurt.outcome.reason
    assert valid_records(desk.pcap(hurt)) == hurt.outcome.packets >= 5
    whole = next(target for target in report.targets if target.pod != pod)
    assert whole.outcome.proved


async def test_stop_keeps(desk: Desk, clean: Callable[[Job], None]) -> None:
    job_id = desk.ask("deploy/checkout", "port 8080", duration=60)
    await desk.capturing(job_id)
    desk.commands.stop(job_id, ALICE)
    job = await desk.ended(job_id, 40)
    report = desk.proved(job)
    assert report.targets[0].outcome.ended_by == "stop"
    assert job.stop_by == ALICE
    clean(job)
    assert not [key for key in desk.artifacts.keys(f"jobs/{job_id}/") if "/segments/" in key]


async def test_discard_leaves_nothing(desk: Desk, clean: Callable[[Job], None]) -> None:
    job_id = desk.ask("deploy/checkout", "port 8080", duration=60)
    await desk.capturing(job_id)
    await until(lambda: desk.artifacts.keys(f"jobs/{job_id}/"), 30, "segments")
    desk.commands.stop(job_id, ALICE, discard=True)
    job = await desk.ended(job_id, 40)
    assert job.state is JobState.CANCELLED
    assert job.report is None
    assert desk.artifacts.keys(f"jobs/{job_id}/") == []
    clean(job)


async def test_no_packets_says_which_ports_were_seen(desk: Desk, clean: Callable[[Job], None]) -> None:
    job = await desk.ended(desk.ask("deploy/checkout", "port 5432", duration=2))
    report = desk.proved(job)
    (target,) = report.targets
    assert target.outcome.packets == 0
    assert "tcp/8080" in target.other_ports
    clean(job)


async def test_a_redelivered_task_starts_nothing_twice(desk: Desk) -> None:
    job_id = desk.ask("deploy/checkout", "port 8080", duration=3)
    for _ in range(10):
        desk.queue.enqueue(job_id)
    job = await desk.ended(job_id)
    for _ in range(3):
        desk.queue.enqueue(job_id)
    desk.proved(job)
    assert (job.attempts, job.epoch) == (1, 1)
    started = [entry for entry in _audit(desk, job_id) if entry["action"] == "decided"]
    assert len(started) == 1


async def test_every_decision_and_capture_is_audited(desk: Desk) -> None:
    job_id = desk.ask("deploy/checkout", "port 8080", duration=2)
    await desk.ended(job_id)
    entries = _audit(desk, job_id)
    assert [entry["action"] for entry in entries] == ["capture_requested", "decided", "captured"]
    captured = entries[-1]
    assert captured["person"] == ALICE.id
    assert json.loads(captured["sha256"])[0]
    assert "checkout" in captured["targets"]


async def test_a_job_that_was_never_enqueued_is_found(desk: Desk) -> None:
    target = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "checkout"), "shop", duration=1)
    job_id = new_id()
    assert desk.store.create(Job(job_id, target, ALICE, Origin()))
    job = await desk.ended(job_id, 120)
    assert job.state is JobState.DONE


async def test_the_worker_decides_by_its_own_rules(desk: Desk) -> None:
    """The bot's preview may be wrong or forged: kube-system is denied by the worker's settings."""
    target = CaptureSpec(TargetRef(TargetKind.POD, "ledger"), "bank", duration=1)
    job_id = new_id()
    assert desk.store.create(Job(job_id, target, ALICE, Origin()))
    desk.queue.enqueue(job_id)
    job = await desk.ended(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "denied")
    decided = next(entry for entry in _audit(desk, job_id) if entry["action"] == "decided")
    assert decided["allowed"] == "false"


def _audit(desk: Desk, job_id: str) -> list[dict[str, Any]]:
    """The job's audit entries, oldest first."""
    return [entry for entry in reversed(desk.store.audited(1000)) if entry.get("job") == job_id]
