"""Recordings on the playground: grabs while they go on, a worker killed meanwhile, an end that leaves nothing."""

import asyncio
import json
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.commands import Accepted, Refusal
from deploy.playground.stack import Stack
from tests.support.captures import ALICE, Desk, valid_records
from tests.support.playground import SharedPlayground, scene_copy
from tests.support.stack import until
from tests.support.terminal import environment
from workers.contract.job import Job, JobState, Origin
from workers.contract.report import Report
from workers.contract.spec import Mode

pytestmark = pytest.mark.asyncio(loop_scope="module")

METHODS = ("ephemeral", "node")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def workers(bare_stack: Stack) -> AsyncIterator[None]:
    await asyncio.gather(bare_stack.start_worker(), bare_stack.start_worker())
    yield


@pytest_asyncio.fixture(loop_scope="module")
async def namespace(playground: SharedPlayground, fresh_namespace: str) -> str:
    """A shop of the test's own: `checkout` calls two `web`, all the time."""
    await playground.apply(scene_copy(fresh_namespace, ("web", "checkout")))
    return fresh_namespace


def record(desk: Desk, namespace: str, method: str, **more: Any) -> str:
    """Ask for a recording of `deploy/web`."""
    options = {"duration": 600, "keep": 120.0, "max_bytes": 8_000_000} | more
    return desk.ask("deploy/web", namespace=namespace, mode=Mode.RECORD, method=method, **options)


async def grabbed(desk: Desk, recording: str, last: float = 0.0) -> tuple[Job, Report]:
    """Grab from a recording; every byte of it is proved."""
    accepted = await asyncio.to_thread(desk.commands.grab, recording, last, ALICE, Origin())
    assert isinstance(accepted, Accepted), accepted
    job = await desk.ended(accepted.job.id)
    assert job.state is JobState.DONE, (job.state, job.message)
    report = desk.report(job)
    for target in report.targets:
        assert (target.outcome.complete, target.outcome.proved, target.outcome.reason) == (True, True, "")
        assert valid_records(desk.pcap(target)) == target.outcome.packets > 0
    return job, report


def first_packets(desk: Desk, report: Report) -> dict[str, float]:
    """Pod -> time of the first packet in its file."""
    found = {}
    for target in report.targets:
        seconds, micros = struct.unpack_from("<II", desk.pcap(target), 24)
        found[target.pod] = seconds + micros / 1e6
    return found


async def nothing_left(playground: SharedPlayground, job: Job) -> None:
    """Wait until no container of a job runs, and no pod of it is there."""

    def gone() -> bool:
        for target in job.targets:
            done = playground.kubectl("get", "pod", "-n", target.namespace, target.pod, "-o", "json")
            statuses = json.loads(done.stdout)["status"].get("ephemeralContainerStatuses", [])
            if any("running" in one["state"] for one in statuses if job.id in one["name"]):
                return False
        listed = playground.kubectl("get", "pods", "-A", "-l", f"threadcap.dev/job={job.id}", "-o", "name")
        return not listed.stdout.strip()

    await until(gone, 30, "the end of everything of the recording")


@pytest.mark.parametrize("method", METHODS)
async def test_a_recording_outlives_its_worker(
    desk: Desk, bare_stack: Stack, playground: SharedPlayground, namespace: str, method: str
) -> None:
    recording = record(desk, namespace, method)
    going = await desk.capturing(recording, packets=20)
    assert {target.method for target in going.targets} == {method}
    asked = time.time()
    _, first = await grabbed(desk, recording)
    before = first_packets(desk, first)
    assert len(before) == 2
    assert all(at < asked for at in before.values())

    doomed = await desk.holder(recording)
    epoch = desk.job(recording).epoch
    await bare_stack.stop(doomed, signal.SIGKILL)
    await bare_stack.start_worker()
    await desk.until(recording, lambda job: job.epoch > epoch and job.state is JobState.CAPTURING, 60, "another worker")
    adopted = time.time()
    _, second = await grabbed(desk, recording)
    assert first_packets(desk, second) == before, "what came before the worker was killed is still there"
    assert all(target.outcome.ended_at > adopted - 1 for target in second.targets)

    _, newest = await grabbed(desk, recording, last=2.0)
    assert all(
        target.outcome.ended_at - at <= 2.0
        for target, at in zip(newest.targets, first_packets(desk, newest).values(), strict=True)
    )

    desk.commands.stop(recording, ALICE)
    job = await desk.ended(recording)
    assert job.state is JobState.DONE, job.message
    report = desk.report(job)
    assert first_packets(desk, report) == before
    assert all(target.outcome.proved for target in report.targets)
    await nothing_left(playground, job)
    audited = [entry for entry in desk.store.audited(1000) if recording in (entry.get("job"), entry.get("recording"))]
    actions = [entry["action"] for entry in audited]
    assert actions.count("grabbed") == 3
    assert actions.count("recording") == 2
    assert actions.count("recording_ended") == 1


async def test_a_terminal_records_and_grabs(
    desk: Desk, bare_stack: Stack, playground: SharedPlayground, namespace: str
) -> None:
    def threadcap(*words: str) -> dict[str, Any]:
        variables = {"THREADCAP_REDIS_URL": bare_stack.redis_url}
        argv = [sys.executable, "-m", "bot.cli", *words, "--json"]
        done = subprocess.run(
            argv, env=environment(**variables), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return dict(json.loads(done.stdout))

    words = ("deploy/web", "-n", namespace, "--keep", "1m", "--method", "node", "port", "8080")
    begun = await asyncio.to_thread(threadcap, "record", *words)
    assert (begun["state"], begun["spec"]["keep"]) == ("capturing", 60.0)
    await desk.capturing(begun["id"], packets=10)
    got = await asyncio.to_thread(threadcap, "grab", begun["id"], "--last", "30s")
    assert (got["state"], got["spec"]["recording"]) == ("done", begun["id"])
    assert len([one for one in got["artifacts"] if one["kind"] == "pcap"]) == 2
    await asyncio.to_thread(threadcap, "stop", begun["id"])
    await nothing_left(playground, await desk.ended(begun["id"]))


async def test_it_ends_at_its_time_and_delivers(desk: Desk, playground: SharedPlayground, namespace: str) -> None:
    recording = record(desk, namespace, "node", duration=4)
    job = await desk.ended(recording)
    assert job.state is JobState.DONE, job.message
    assert all(target.outcome.proved and target.outcome.packets for target in desk.report(job).targets)
    await nothing_left(playground, job)
    refused = await asyncio.to_thread(desk.commands.grab, recording, 0.0, ALICE, Origin())
    assert isinstance(refused, Refusal)


async def test_a_discarded_one_delivers_nothing_and_leaves_nothing(
    desk: Desk, playground: SharedPlayground, namespace: str
) -> None:
    recording = record(desk, namespace, "ephemeral")
    await desk.capturing(recording)
    desk.commands.stop(recording, ALICE, discard=True)
    job = await desk.ended(recording)
    assert (job.state, job.artifacts) == (JobState.CANCELLED, ())
    await nothing_left(playground, job)


async def test_a_worker_that_shuts_down_hands_it_over(
    desk: Desk, bare_stack: Stack, playground: SharedPlayground, namespace: str
) -> None:
    recording = record(desk, namespace, "ephemeral")
    await desk.capturing(recording)
    leaving, epoch = await desk.holder(recording), desk.job(recording).epoch
    await asyncio.gather(bare_stack.stop(leaving, signal.SIGTERM), bare_stack.start_worker())
    await desk.until(recording, lambda job: job.epoch > epoch, 60, "another worker")
    extended = desk.commands.extend(recording, 60.0, ALICE)
    assert isinstance(extended, Job)
    _, report = await grabbed(desk, recording)
    assert len(report.targets) == 2
    desk.commands.stop(recording, ALICE)
    job = await desk.ended(recording)
    assert job.state is JobState.DONE, job.message
    await nothing_left(playground, job)


async def test_a_grab_from_no_recording_is_refused_by_the_worker(desk: Desk, namespace: str) -> None:
    job = await desk.ended(desk.ask("deploy/web", namespace=namespace, mode=Mode.GRAB, recording="nosuchid"))
    assert (job.state, job.error_code) == (JobState.FAILED, "target_not_found")
    assert "There is no recording nosuchid." in job.message
