"""`--wait` on the playground: a target not there yet, a container that crashes again and again, a wait in vain."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.scene.client import Client
from deploy.playground.stack import Stack
from tests.conformance.shapes import TALK
from tests.support.captures import ALICE, Desk
from tests.support.playground import SharedPlayground
from tests.support.stack import until
from workers.contract.job import JobState

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVE = f"( {TALK} ) & sleep 5; exit 1"
"""Runs for five seconds, then crashes."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def worker(bare_stack: Stack) -> AsyncIterator[None]:
    await bare_stack.start_worker()
    yield


def _deployment(namespace: str, script: str) -> dict[str, Any]:
    container = {"name": "app", "image": CAPTURE_IMAGE, "command": ["sh", "-c", script]}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    template = {"metadata": {"labels": {"app": "late"}}, "spec": pod}
    body = {"selector": {"matchLabels": {"app": "late"}}, "template": template, "replicas": 1}
    meta = {"name": "late", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": body}


async def test_a_deployment_that_comes_later(desk: Desk, playground: SharedPlayground, fresh_namespace: str) -> None:
    job_id = desk.ask("deploy/late", namespace=fresh_namespace, duration=8, wait=240)
    job = await desk.until(job_id, lambda one: bool(one.message), 30, "the words")
    assert (job.state, job.message) == (JobState.RESOLVING, "Waiting for a pod of deploy/late to run (4 min left).")
    await playground.apply([_deployment(fresh_namespace, TALK)])
    began = time.monotonic()
    await desk.capturing(job_id)
    print(f"captures {time.monotonic() - began:.1f} s after the pod was ready")
    job = await desk.ended(job_id)
    assert "Waiting" not in job.message
    desk.proved(job)


async def test_a_crashing_container_is_caught_at_its_next_start(
    desk: Desk, playground: SharedPlayground, fresh_namespace: str
) -> None:
    """The first packets of its next life are there, and its end is told as one."""
    manifest = _deployment(fresh_namespace, LIVE)
    await playground.apply([manifest])
    ask = ("-n", fresh_namespace, "get", "pods", "-o", "jsonpath={..waiting.reason}")
    await until(lambda: "CrashLoopBackOff" in playground.kubectl(*ask).stdout, 60, "a crash loop")
    job_id = desk.ask("deploy/late", namespace=fresh_namespace, duration=3, wait=120)
    job = await desk.ended(job_id, 120)
    assert job.state in (JobState.DONE, JobState.PARTIAL), job.message
    (target, *_) = desk.report(job).targets
    assert target.outcome.packets > 0
    state = ("-n", fresh_namespace, "get", "pods", "-o", "jsonpath={..startedAt}")
    print(f"first packet at {target.facts and target.facts.first_at}, lives: {playground.kubectl(*state).stdout}")


async def test_a_wait_may_be_stopped(desk: Desk, fresh_namespace: str) -> None:
    job_id = desk.ask("deploy/late", namespace=fresh_namespace, wait=240)
    await desk.until(job_id, lambda one: bool(one.message), 30, "the words")
    began = time.monotonic()
    desk.commands.stop(job_id, ALICE)
    job = await desk.ended(job_id, 30)
    assert job.state is JobState.CANCELLED
    print(f"cancelled {time.monotonic() - began:.1f} s after the stop")


async def test_a_wait_in_vain_says_for_what(desk: Desk, playground: SharedPlayground, fresh_namespace: str) -> None:
    manifest = _deployment(fresh_namespace, TALK)
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = "no.such.example/image:1"
    async with Client(playground.admin_kubeconfig) as client:  # its pod is never ready
        await client.apply([manifest])
    job = await desk.ended(desk.ask("deploy/late", namespace=fresh_namespace, wait=3))
    assert (job.state, job.error_code) == (JobState.FAILED, "target_not_found")
    assert job.message.startswith("Waited 3 s, and no pod could be captured. No pod of deploy/late in namespace")
    assert "ImagePull" in job.message
