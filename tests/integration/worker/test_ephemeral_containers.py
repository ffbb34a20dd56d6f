"""Pods whose own containers can't capture: an ephemeral container is added, said before and after, and ends."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.stack import Stack
from tests.support.captures import ALICE, Desk
from tests.support.playground import SharedPlayground, scene_copy
from tests.support.stack import until
from tests.support.terminal import threadcap
from workers.contract.job import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def workers(bare_stack: Stack) -> AsyncIterator[None]:
    await asyncio.gather(bare_stack.start_worker(), bare_stack.start_worker())
    yield


@pytest_asyncio.fixture(loop_scope="module")
async def namespace(playground: SharedPlayground, fresh_namespace: str) -> str:
    """A shop of the test's own: `checkout` calls two `web` without tcpdump, `cart` calls a hardened `vault`."""
    await playground.apply(scene_copy(fresh_namespace, ("web", "checkout", "cart", "vault")))
    return fresh_namespace


async def _added(playground: SharedPlayground, job: Job) -> list[dict[str, Any]]:
    """Statuses of the containers a job added to its pods."""
    found = []
    for target in job.targets:
        done = await asyncio.to_thread(
            playground.kubectl, "get", "pod", "-n", target.namespace, target.pod, "-o", "json"
        )
        statuses = json.loads(done.stdout)["status"].get("ephemeralContainerStatuses", [])
        found += [one for one in statuses if one["name"] == f"threadcap-{job.id}"]
    return found


async def _all_ended(playground: SharedPlayground, job: Job, seconds: float = 15) -> None:
    loop = asyncio.get_running_loop()

    def ended() -> bool:
        statuses = asyncio.run_coroutine_threadsafe(_added(playground, job), loop).result()
        return len(statuses) == len(job.targets) and all("terminated" in one["state"] for one in statuses)

    await until(ended, seconds, "the end of the added containers")


async def test_every_pod_gets_one_and_each_ends(desk: Desk, playground: SharedPlayground, namespace: str) -> None:
    job_id = desk.ask("deploy/web", namespace=namespace, duration=4)
    capturing = await desk.capturing(job_id)
    assert f"the ephemeral container threadcap-{job_id} is added to each" in capturing.message
    assert "its entry stays in the pod's spec until the pod is replaced" in capturing.message
    job = await desk.ended(job_id)
    report = desk.proved(job)
    assert [target.method for target in report.targets] == ["ephemeral"] * 2
    assert all(target.outcome.packets > 0 for target in report.targets)
    assert any("stays listed in the spec of" in note for note in report.notes)
    added = [entry for entry in desk.store.audited(1000) if entry["action"] == "adding_container"]
    mine = [entry for entry in added if entry["job"] == job_id]
    assert {entry["pod"] for entry in mine} == {f"{namespace}/{target.pod}" for target in job.targets}
    assert {entry["person"] for entry in mine} == {ALICE.id}
    await _all_ended(playground, job)


async def test_a_hardened_pod_without_shell_is_captured_too(
    desk: Desk, playground: SharedPlayground, namespace: str
) -> None:
    job = await desk.ended(desk.ask("deploy/vault", namespace=namespace, duration=3))
    (target,) = desk.proved(job).targets
    assert (target.method, target.outcome.packets > 0) == ("ephemeral", True)
    await _all_ended(playground, job)


async def test_stop_ends_it_and_keeps(desk: Desk, playground: SharedPlayground, namespace: str) -> None:
    job_id = desk.ask("deploy/web", namespace=namespace, duration=60)
    await desk.capturing(job_id)
    desk.commands.stop(job_id, ALICE)
    job = await desk.ended(job_id, 40)
    desk.proved(job)
    await _all_ended(playground, job)


async def test_a_filter_that_matches_nothing_still_says_what_was_seen(
    desk: Desk, playground: SharedPlayground, namespace: str
) -> None:
    job = await desk.ended(desk.ask("deploy/web", "tcp port 4", namespace=namespace, duration=2))
    report = desk.proved(job)
    assert all("tcp/8080" in target.other_ports for target in report.targets)
    await _all_ended(playground, job)


async def test_what_a_killed_worker_captured_goes_on_in_another_ones_hands(
    bare_stack: Stack, desk: Desk, playground: SharedPlayground, namespace: str
) -> None:
    job_id = desk.ask("deploy/web", namespace=namespace, duration=120)
    job = await desk.capturing(job_id)
    doomed = await desk.holder(job_id)
    await bare_stack.stop(doomed, signal.SIGKILL)
    await desk.until(job_id, lambda now: now.epoch > job.epoch, 40, "another worker")
    before = min(target.packets for target in job.targets)
    await desk.capturing(job_id, packets=before + 20)
    desk.commands.stop(job_id, ALICE)
    report = desk.proved(await desk.ended(job_id))
    assert any("stays listed in the spec of" in note for note in report.notes)
    await _all_ended(playground, job)


async def test_an_image_that_is_not_there_is_told(playground: SharedPlayground, namespace: str, tmp_path: Path) -> None:
    done = await _here(playground, namespace, tmp_path, "threadcap.example/none:1")
    assert done.returncode == 3
    assert "did not start (ErrImagePull)" in done.stderr or "did not start (ImagePullBackOff)" in done.stderr
    assert "THREADCAP_CAPTURE_IMAGE" in done.stderr


async def test_a_restricted_namespace_is_told(playground: SharedPlayground, namespace: str, tmp_path: Path) -> None:
    level = "pod-security.kubernetes.io/enforce=restricted"
    assert playground.kubectl("label", "namespace", namespace, level).returncode == 0
    done = await _here(playground, namespace, tmp_path, CAPTURE_IMAGE)
    assert done.returncode == 3
    assert f"ephemeral: the Pod Security level of namespace {namespace} is restricted." in done.stderr


async def _here(
    playground: SharedPlayground, namespace: str, folder: Path, image: str
) -> "subprocess.CompletedProcess[str]":
    words = ("capture", "deploy/vault", "-n", namespace, "for", "2s", "--out", str(folder))
    return await asyncio.to_thread(threadcap, playground.capture_kubeconfig, *words, THREADCAP_CAPTURE_IMAGE=image)
