"""A node that runs short of disk or memory: captures there end at once and say so, on a playground of their own."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.playground.scene import Manifest
from deploy.playground.scene.client import Client
from deploy.playground.stack import Stack
from deploy.playground.up import Playground, PlaygroundSettings
from tests.support.captures import Desk, valid_records
from tests.support.playground import SharedPlayground
from tests.support.stack import remote_processes, until
from workers.contract.job import JobState

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAULTS = "/_playground/faults"
PING = "ping -q -i 0.05 127.0.0.1 >/dev/null & exec sleep infinity"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[SharedPlayground]:
    """A playground without the scene; pods `one` and `two` ping themselves on node-1 and node-2."""
    async with Playground(PlaygroundSettings(scene=False), progress=lambda line: None) as own:
        shared = SharedPlayground(own.settings.id, 0, own.admin_kubeconfig, own.capture_kubeconfig)
        await shared.apply([_pod(name, f"node-{n}") for n, name in enumerate(("one", "two"), 1)])
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bare_stack(cluster: SharedPlayground) -> AsyncIterator[Stack]:
    """On that playground, with one worker."""
    settings = PlaygroundSettings(id=f"test-{secrets.token_hex(4)}")
    async with Stack(settings, progress=lambda line: None, cluster=cluster) as stack:
        await stack.start_worker()
        yield stack


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def healed(cluster: SharedPlayground) -> AsyncIterator[None]:
    yield
    await _inject(cluster, kind="heal")


def _pod(name: str, node: str) -> Manifest:
    container = {"name": "app", "image": "threadcap.example/scene/checkout:1", "command": ["sh", "-c", PING]}
    spec = {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [container]}
    meta = {"name": name, "namespace": "default", "labels": {"app": "pings"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


async def _inject(cluster: SharedPlayground, **fault: str) -> None:
    async with Client(cluster.admin_kubeconfig) as client:
        await client.call("POST", FAULTS, fault)


@pytest.mark.parametrize(("method", "resource"), [("exec", "disk"), ("ephemeral", "memory"), ("node", "disk")])
async def test_captures_on_that_node_end_and_others_go_on(
    desk: Desk, cluster: SharedPlayground, method: str, resource: str
) -> None:
    job_id = desk.ask("-l app=pings", namespace="default", duration=120, method=method)
    job = await desk.capturing(job_id, packets=5)
    assert [target.pod for target in job.targets] == ["one", "two"]
    await _inject(cluster, kind="node-pressure", node="node-2", resource=resource)
    shown = time.time()
    job = await desk.until(job_id, lambda now: now.targets[1].state == "partial", 30, "the end of the capture there")
    told = time.time()
    words = f"ended early: node node-2 reports {resource.capitalize()}Pressure"
    assert job.targets[1].note == words
    assert job.targets[0].state == "capturing"
    before = job.targets[0].packets
    await desk.until(job_id, lambda now: now.targets[0].packets > before, 30, "packets on the other node")
    desk.commands.stop(job_id, job.requester)
    job = await desk.ended(job_id)
    assert job.state is JobState.PARTIAL
    first, second = desk.report(job).targets
    stopped = second.outcome.ended_at - shown
    print(f"{method}: stopped {stopped:.2f} s, told {told - shown:.1f} s after the API showed the pressure")
    assert first.outcome.proved
    assert (second.outcome.proved, second.outcome.ended_by, second.outcome.reason) == (True, "pressure", words)
    assert valid_records(desk.pcap(second)) == second.outcome.packets > 0
    assert any(words in note for note in desk.report(job).notes)
    assert await asyncio.to_thread(remote_processes, cluster.admin_kubeconfig, job) == []


async def test_nothing_of_ours_is_written_where_the_disk_is_short_already(
    desk: Desk, cluster: SharedPlayground
) -> None:
    await _inject(cluster, kind="node-pressure", node="node-1", resource="disk")
    refused, streamed, inside = [
        desk.ask("pod/one", namespace="default", duration=3, **options)
        for options in ({"method": "node"}, {"method": "ephemeral", "dry_run": True}, {"method": "exec"})
    ]
    job = await desk.ended(refused)
    assert (job.state, job.error_code) == (JobState.FAILED, "not_capturable")
    assert "node node-1 reports DiskPressure, and it would write to the node's disk" in job.message
    (planned,) = (await desk.ended(streamed)).planned
    assert (
        "streamed, not spooled: node node-1 reports DiskPressure, and nothing may write to its disk" in planned.reasons
    )
    # what writes nothing there goes on to its end
    desk.proved(await desk.ended(inside))


async def test_an_ephemeral_container_streams_there(desk: Desk, cluster: SharedPlayground) -> None:
    await _inject(cluster, kind="node-pressure", node="node-2", resource="memory")
    job_id = desk.ask("pod/two", namespace="default", duration=3, method="ephemeral")
    report = desk.proved(await desk.ended(job_id))
    assert report.targets[0].outcome.ended_by == "time"
    await until(lambda: not remote_processes(cluster.admin_kubeconfig, desk.job(job_id), 0.0), 20, "its end")
