"""What must hold at the end of every trial, whatever struck.

The job is in a final state that the model allows, and says why in plain words; what arrived is kept, is a pcap that
tshark reads, and claims no more than is true; of the job nothing runs, in no pod, and nothing is left of it in the
cluster, in Redis, in the artifact store and on the worker's disk but its record and its results.
"""

import asyncio
import hashlib
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.playground.scene.client import ApiError
from tests.chaos.model import End, Trial
from tests.support.captures import valid_records
from tests.support.local_exec import marked
from workers.capture.methods.ephemeral import container_name
from workers.capture.shapes import JOB_LABEL
from workers.capture.tcpdump import marker
from workers.contract.job import Job, JobState
from workers.contract.report import CaptureOutcome, TargetResult
from workers.segments import SEGMENTS

if TYPE_CHECKING:
    from tests.chaos.world import Scene, World

GONE_WITHIN = 30.0
"""Seconds after its end in which everything of a job is gone: 15 are promised; machines are slower at times."""
NOT_PLAIN = re.compile(
    r"Traceback|Exception|Error\(|[Ee]rrno|\bNone\b|0x[0-9a-f]{4}|urllib3|HTTPS?Connection|\bb'|[{}]|status ?code|-\+-"
)
MAGIC = ("Threadcap", "capture", "pod")


async def judge(world: "World", trial: Trial, scene: "Scene", job: Job) -> None:
    """Check everything. Raises AssertionError with what does not hold."""
    end = trial.end(scene.capture)
    said = await asyncio.to_thread(_told, world, job)
    where = f"{scene.capture.method} {job.id}"
    assert job.state in end.states, f"{where} is {job.state}, not {end.states}: {said}"
    _in_plain_words(job, said, end, where)
    if job.report is not None:
        for result in world.desk.report(job).targets:
            await asyncio.to_thread(_honest, world, result, end, where)
    else:
        assert not end.packets, f"{where} has no report, though packets had arrived: {said}"
    deadline = time.monotonic() + GONE_WITHIN
    while left := await _left(world, scene):
        assert time.monotonic() < deadline, f"{where}, {said}: left behind: {left}"
        await asyncio.sleep(0.2)


def _told(world: "World", job: Job) -> str:
    """Everything a person reads of how it ended."""
    reasons = [one.outcome.reason for one in world.desk.report(job).targets] if job.report is not None else []
    notes = [one.note for one in job.targets]
    return " | ".join(text for text in [job.message, job.verdict, *reasons, *notes] if text)


def _in_plain_words(job: Job, said: str, end: End, where: str) -> None:
    assert not NOT_PLAIN.search(said), f"{where} does not speak plainly: {said}"
    assert re.search(end.words, said), f"{where} does not say {end.words!r}: {said}"
    if job.state is JobState.FAILED:
        assert re.fullmatch(r"[A-Z].{15,}[.`]", job.message, re.DOTALL), f"{where}: no sentence: {job.message!r}"


def _honest(world: "World", result: TargetResult, end: End, where: str) -> None:
    outcome = result.outcome
    if end.whole:
        assert outcome.complete, f"{where}: {outcome}"
        assert outcome.proved or not end.proved, f"{where}: {outcome}"
    else:
        assert not (outcome.complete and not outcome.reason), f"{where} claims to be complete: {outcome}"
    if end.packets:
        assert outcome.packets > 0, f"{where} kept no packets: {outcome}"
    if result.pcap is None:
        assert not outcome.bytes, f"{where} lost what it says it has: {outcome}"
        return
    data = world.desk.pcap(result)
    assert valid_records(data) == outcome.packets == _read_by_tshark(data), f"{where}: {outcome}"
    assert (len(data), hashlib.sha256(data).hexdigest()) == (outcome.bytes, outcome.sha256), f"{where}: {outcome}"
    if outcome.proved:
        _equal(data, outcome, where)


def _equal(data: bytes, outcome: CaptureOutcome, where: str) -> None:
    """Proved: the digest taken in the pod is that of the file, unless its last packet was left out and that is said."""
    if outcome.pod_bytes == len(data):
        assert outcome.pod_sha256 == outcome.sha256, f"{where}: {outcome}"
    else:
        assert "left out" in outcome.reason, f"{where}: {outcome}"


def _read_by_tshark(data: bytes) -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kept.pcap"
        file.write_bytes(data)
        argv = ["tshark", "-n", "-r", str(file), "-T", "fields", "-e", "frame.number"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return len(done.stdout.splitlines())


async def _left(world: "World", scene: "Scene") -> list[str]:
    """What is still there of a job that has ended."""
    processes = await asyncio.to_thread(marked, marker(scene.job_id))
    return [
        *(f"process {_command(pid)}" for pid in processes),
        *await _in_cluster(world, scene),
        *await asyncio.to_thread(_in_store, world, scene.job_id),
        *(str(path.name) for path in world.spools(scene.job_id)),
    ]


def _command(pid: int) -> str:
    try:
        return f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode()[:80]}"
    except OSError:
        return f"{pid}"


async def _in_cluster(world: "World", scene: "Scene") -> list[str]:
    listed = await world.call("GET", f"/api/v1/pods?labelSelector={JOB_LABEL}%3D{scene.job_id}")
    found = [f"pod {pod['metadata']['name']}" for pod in listed["items"]]
    try:
        pod = await world.call("GET", f"/api/v1/namespaces/{scene.namespace}/pods/{scene.pod}")
    except ApiError:
        return found
    added = pod["status"].get("ephemeralContainerStatuses") or ()
    ours = [one["state"] for one in added if one["name"] == container_name(scene.job_id)]
    return found + [f"ephemeral container {state}" for state in ours if not _over(state)]


def _over(state: Mapping[str, Any]) -> bool:
    """Whether an ephemeral container has ended, or can't begin; Kubernetes takes none of them away."""
    return "terminated" in state or "Pull" in (state.get("waiting") or {}).get("reason", "")


def _in_store(world: "World", job_id: str) -> list[str]:
    """Keys and entries of its run, in Redis and in the artifact store; the record, its lists and its results stay."""
    client = world.desk.store._redis
    found = []
    for key in client.scan_iter("tc:*", count=1000):
        if job_id in key and key != f"tc:job:{job_id}":
            found.append(f"key {key}")
        elif key.startswith("tc:places:") or key == "tc:leases":
            found += [f"entry of {key}"] if client.zscore(key, job_id) is not None else []
    if client.sismember("tc:open", job_id):
        found.append("entry of tc:open")
    return found + [key for key in world.desk.artifacts.keys(f"jobs/{job_id}/") if f"/{SEGMENTS}/" in key]
