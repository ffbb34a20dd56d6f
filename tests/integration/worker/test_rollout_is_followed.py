"""Pods replaced during a capture: the replacement joins for the rest of the time, and the gap is stated."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.stack import Stack
from tests.conformance.shapes import TALK
from tests.support.captures import ALICE, Desk, valid_records
from tests.support.playground import SharedPlayground
from tests.support.stack import remote_processes, until
from workers.contract.job import Job, JobState
from workers.contract.report import Report

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def worker(bare_stack: Stack) -> AsyncIterator[None]:
    await bare_stack.start_worker()
    yield


def _workload(kind: str, namespace: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": CAPTURE_IMAGE, "command": ["sh", "-c", TALK]}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    body = {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    meta = {"name": "web", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": body}


async def _kubectl(playground: SharedPlayground, *words: str) -> str:
    done = await asyncio.to_thread(playground.kubectl, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def _finished(desk: Desk, job_id: str) -> tuple[Job, Report]:
    desk.commands.stop(job_id, ALICE)
    job = await desk.ended(job_id)
    assert job.state is JobState.PARTIAL, job.message
    return job, desk.report(job)


def _followed(joined: int) -> Callable[[Job], bool]:
    return lambda job: len(job.targets) > joined and all(target.packets > 5 for target in job.targets[joined:])


def _gap(notes: tuple[str, ...], gone: str, came: str) -> float:
    """The seconds stated between two pods; 0 for none."""
    found = [
        re.fullmatch(
            rf"{gone} was deleted at \d\d:\d\d:\d\d UTC; {came} followed from \d\d:\d\d:\d\d UTC, (.*)\.", note
        )
        for note in notes
    ]
    words = next((one[1] for one in found if one is not None), "")
    assert words, notes
    return float(words.removesuffix(" s apart")) if words != "without a gap" else 0.0


async def test_every_pod_of_a_rollout_is_followed(
    desk: Desk, playground: SharedPlayground, fresh_namespace: str
) -> None:
    await playground.apply([_workload("Deployment", fresh_namespace, replicas=2)])
    job_id = desk.ask("deploy/web", namespace=fresh_namespace, duration=120)
    before = await desk.capturing(job_id, packets=5)
    await _kubectl(playground, "-n", fresh_namespace, "rollout", "restart", "deploy/web")
    await desk.until(job_id, _followed(3), 90, "both replacements' packets")
    job, report = await _finished(desk, job_id)
    old, new = [one.pod for one in before.targets], [one.pod for one in report.targets[2:]]
    assert [one.pod for one in report.targets[:2]] == old
    assert len(set(new)) == 2
    assert not set(old) & set(new)
    for target in report.targets:
        assert valid_records(desk.pcap(target)) == target.outcome.packets > 0
    for target in report.targets[2:]:
        assert target.outcome.proved
        assert target.facts is not None
    gaps = [_gap(report.notes, re.escape(gone), r"web-\S+") for gone in old]
    print(f"gaps stated: {gaps}")
    assert max(gaps) < 30
    assert all(name in job.message for name in (*old, *new))
    assert remote_processes(playground.admin_kubeconfig, job) == []


async def test_a_pod_that_comes_back_under_its_name_is_followed(
    desk: Desk, playground: SharedPlayground, fresh_namespace: str
) -> None:
    """The only pod of a StatefulSet: nothing is captured between, and the session waits for it."""
    await playground.apply([_workload("StatefulSet", fresh_namespace, replicas=1, serviceName="web")])
    there = ("-n", fresh_namespace, "wait", "pod/web-0", "--for=condition=Ready", "--timeout=60s")
    await until(lambda: playground.kubectl(*there).returncode == 0, 60, "the pod")
    job_id = desk.ask("sts/web", namespace=fresh_namespace, duration=120)
    await desk.capturing(job_id, packets=5)
    await _kubectl(playground, "-n", fresh_namespace, "delete", "pod", "web-0", "--grace-period=0", "--force")
    await desk.until(job_id, _followed(1), 90, "the replacement's packets")
    _, report = await _finished(desk, job_id)
    assert [target.pod for target in report.targets] == ["web-0", "web-0"]
    assert len({target.pcap.name for target in report.targets if target.pcap is not None}) == 2
    gap = _gap(report.notes, "web-0", "a new web-0")
    print(f"gap stated: {gap} s")
    assert 0 < gap < 30


async def test_a_pod_that_nothing_makes_anew_ends_the_capture(
    desk: Desk, playground: SharedPlayground, fresh_namespace: str
) -> None:
    pod = _workload("", fresh_namespace)["spec"]["template"]
    pod |= {"apiVersion": "v1", "kind": "Pod"}
    pod["metadata"] |= {"name": "alone", "namespace": fresh_namespace}
    await playground.apply([pod])
    job_id = desk.ask("pod/alone", namespace=fresh_namespace, duration=120)
    await desk.capturing(job_id, packets=5)
    await _kubectl(playground, "-n", fresh_namespace, "delete", "pod", "alone", "--grace-period=0", "--force")
    job = await desk.ended(job_id, 60)
    assert job.state is JobState.PARTIAL
    (target,) = desk.report(job).targets
    assert "alone was deleted during the capture" in target.outcome.reason
