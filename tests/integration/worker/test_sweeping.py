"""What captures left in the cluster is found and ended: by any worker on its own, and by `threadcap sweep`."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.scene import Manifest
from deploy.playground.stack import Stack
from tests.support.captures import ALICE, Desk
from tests.support.playground import KUBECTL, SharedPlayground, scene_copy
from tests.support.stack import until
from tests.support.terminal import environment
from workers.capture.shapes import EXPIRES, INSTALLATION_LABEL, JOB_LABEL, MANAGED_BY, OWNER
from workers.capture.tcpdump import marker
from workers.contract.job import Job, JobState, new_job_id
from workers.contract.ports import Debt
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.settings import Common

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG_AGO = 3600.0
LOOK = (
    'for d in /proc/[0-9]*; do tr "\\0" "\\n" <$d/environ 2>/dev/null | grep -qx "threadcap=$1" && echo $d; done; true'
)
SPEC = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "checkout"), "shop")


@pytest_asyncio.fixture(loop_scope="module")
async def namespace(playground: SharedPlayground, fresh_namespace: str) -> AsyncIterator[str]:
    """A namespace that is home to pods of ours, and has a checkout."""
    await playground.apply(scene_copy(fresh_namespace, ("checkout",)))
    yield fresh_namespace


def _agent(name: str, namespace: str, job_id: str, *, expires_in: float, installation: str = "") -> Manifest:
    labels = {MANAGED_BY: OWNER, JOB_LABEL: job_id} | ({INSTALLATION_LABEL: installation} if installation else {})
    annotations = {EXPIRES: str(int(time.time() + expires_in))}
    container = {"name": "capture", "image": CAPTURE_IMAGE, "command": ["sleep", "600"]}
    meta = {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _job(desk: Desk, *states: JobState, age: float = 0.0) -> str:
    """A job in the last of `states`, which came to it `age` seconds ago."""
    job_id = new_job_id()
    job = Job(job_id, SPEC, ALICE, created=time.time() - age)
    for state in states:
        job = job.to(state)
    assert desk.store.create(job)
    return job_id


@contextmanager
def _running(playground: SharedPlayground, namespace: str, pod: str, job_id: str) -> Iterator[None]:
    """Something in a pod that carries a job's mark, as tcpdump does that nobody could end."""
    script = "echo up; exec sleep 600"
    words = ("exec", "-n", namespace, pod, "-c", "checkout", "--", "env", marker(job_id), "sh", "-c", script)
    argv = [KUBECTL, "--kubeconfig", str(playground.admin_kubeconfig), *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"up\n"
        try:
            yield
        finally:
            client.kill()


def _sweep(playground: SharedPlayground, redis_url: str, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "bot.cli", "sweep", "--kubeconfig", str(playground.admin_kubeconfig), *words]
    env = environment(THREADCAP_REDIS_URL=redis_url)
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)


def _pods(playground: SharedPlayground, namespace: str, *more: str) -> list[Manifest]:
    done = playground.kubectl("get", "pods", "-n", namespace, *more, "-o", "json")
    assert done.returncode == 0, done.stderr
    found: list[Manifest] = json.loads(done.stdout)["items"]
    return found


async def test_leftovers_are_ended_and_nothing_else(
    bare_stack: Stack,
    desk: Desk,
    playground: SharedPlayground,
    namespace: str,
) -> None:
    ours = Common(redis_url=bare_stack.redis_url).installation
    running, over = _job(desk, JobState.RESOLVING), _job(desk, JobState.CANCELLED, age=LONG_AGO)
    await playground.apply(
        [
            _agent("expired", namespace, new_job_id(), expires_in=-60, installation="another"),
            _agent("over", namespace, over, expires_in=600, installation=ours),
            _agent("running", namespace, running, expires_in=600, installation=ours),
            _agent("young", namespace, new_job_id(), expires_in=600, installation=ours),
            _agent("terminals", namespace, new_job_id(), expires_in=600),
        ]
    )
    (pod,) = _pods(playground, namespace, "-l", "app=checkout")
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    where = (namespace, name, uid, "checkout", "exec", time.time())
    for gone in (Debt(over, *where), Debt(over, namespace, "nobody", "u", "app", "upload", time.time())):
        desk.store.owe(gone)
    here = (playground, bare_stack.redis_url, "--namespace", namespace)
    with _running(playground, namespace, name, over):
        said = (await asyncio.to_thread(_sweep, *here, "--dry-run")).stdout
        assert f"{namespace}/{name}, container checkout, capture {over}" in said
        assert "would be ended: it could not be ended when its capture was over" in said
        assert said.endswith("4 would be ended, 3 kept. Nothing was changed.\n")
        assert len(desk.store.debts()) == 2
        worker = await bare_stack.start_worker(
            THREADCAP_AGENT_NAMESPACE=namespace, THREADCAP_KUBECONFIG=str(playground.admin_kubeconfig)
        )
        began = time.monotonic()
        await until(lambda: not desk.store.debts(), 30, "the debts to be paid")
        await until(lambda: len(_pods(playground, namespace, "-l", MANAGED_BY)) == 3, 30, "the pods to be removed")
        print(f"swept {time.monotonic() - began:.1f} s after a worker began")
        look = playground.kubectl("exec", "-n", namespace, name, "-c", "checkout", "--", "sh", "-c", LOOK, "look", over)
        assert look.stdout.split() == []
    assert {pod["metadata"]["name"] for pod in _pods(playground, namespace, "-l", MANAGED_BY)} == {
        "running", "young", "terminals",
    }  # fmt: skip
    await bare_stack.stop(worker)
    audited = [entry for entry in desk.store.audited(1000) if entry["action"] == "swept"]
    assert {(entry["pod"], entry["by"]) for entry in audited} == {
        ("expired", "sweeper"), ("over", "sweeper"), (name, "sweeper"), ("nobody", "sweeper"),
    }  # fmt: skip
    done = await asyncio.to_thread(_sweep, *here, "--json")
    assert done.returncode == 0, done.stderr
    kept = {one["pod"]: one for one in json.loads(done.stdout)}
    assert {one["result"] for one in kept.values()} == {"kept"}
    assert kept["running"]["because"] == f"capture {running} is resolving"
    assert kept["young"]["because"] == "its capture is not known yet"
    assert kept["terminals"]["because"] == "its capture is none of this Threadcap's"
    desk.store.change(running, lambda job: job.to(JobState.CANCELLED))


async def test_a_person_sweeps_without_a_worker(
    bare_stack: Stack,
    desk: Desk,
    playground: SharedPlayground,
    namespace: str,
) -> None:
    here = (playground, bare_stack.redis_url, "--namespace", namespace)
    done = await asyncio.to_thread(_sweep, *here)
    assert (done.returncode, done.stdout) == (0, "Nothing of Threadcap's is left in the cluster.\n")
    await playground.apply([_agent("expired", namespace, new_job_id(), expires_in=-60)])
    said = (await asyncio.to_thread(_sweep, *here)).stdout
    assert "  ended: it expired 6" in said
    assert said.endswith("1 ended, 0 kept.\n")
    assert _pods(playground, namespace, "-l", MANAGED_BY) == []


async def test_without_the_job_store_nothing_is_swept(
    playground: SharedPlayground,
) -> None:
    done = await asyncio.to_thread(_sweep, playground, "redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert done.stderr.startswith("threadcap: Which captures still run is not known")
