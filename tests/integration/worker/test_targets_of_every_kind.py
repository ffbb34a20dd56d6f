"""Every kind of target on the playground: job, cronjob, ingress, namespace, node, several in one command, between."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.stack import Stack
from tests.conformance.shapes import PORT, TALK
from tests.support.captures import ALICE, Desk, reference, spec
from tests.support.playground import SharedPlayground
from workers.contract.job import Job, JobState, Origin, new_job_id
from workers.contract.report import Report
from workers.contract.spec import CaptureSpec, Mode

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK = "while :; do echo hello | busybox nc -w 5 {address} {port} >/dev/null 2>&1; sleep 0.1; done"


@dataclass(frozen=True)
class Scene:
    """Two namespaces: `here` has a workload of every kind, `there` a client of `here`'s web."""

    here: str
    there: str


def _workload(kind: str, name: str, namespace: str, script: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": CAPTURE_IMAGE, "command": ["sh", "-c", script]}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    meta = {"name": name, "namespace": namespace}
    if kind == "Deployment":
        body = {"selector": {"matchLabels": labels}, "template": template, **spec}
        return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": body}
    pod["restartPolicy"] = "Never"
    if kind == "Job":
        return {"apiVersion": "batch/v1", "kind": kind, "metadata": meta, "spec": {"template": template}}
    body = {"schedule": "0 3 * * *", "suspend": True, "jobTemplate": {"spec": {"template": template}}}
    return {"apiVersion": "batch/v1", "kind": kind, "metadata": meta, "spec": body}


def _front(namespace: str) -> list[dict[str, Any]]:
    service = {"selector": {"app": "web"}, "ports": [{"port": PORT}]}
    backend = {"service": {"name": "web", "port": {"number": PORT}}}
    rule = {"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace}, "spec": service},
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "front", "namespace": namespace},
            "spec": {"rules": [rule]},
        },
    ]


def _kubectl(playground: SharedPlayground, *words: str) -> str:
    done = playground.kubectl(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def worker(bare_stack: Stack) -> AsyncIterator[None]:
    await bare_stack.start_worker(THREADCAP_WHOLE_NODES="true")
    yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(playground: SharedPlayground) -> AsyncIterator[Scene]:
    mark = secrets.token_hex(4)
    scene = Scene(f"test-{mark}", f"test-{mark}-there")
    spaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (scene.here, scene.there)
    ]
    works = [
        _workload("Deployment", "web", scene.here, TALK, replicas=2),
        _workload("Deployment", "other", scene.here, TALK),
        _workload("Job", "import", scene.here, TALK),
        _workload("CronJob", "nightly", scene.here, TALK),
    ]
    await playground.apply([*spaces, *works, *_front(scene.here)])
    await asyncio.to_thread(
        _kubectl, playground, "-n", scene.here, "create", "job", "night-1", "--from=cronjob/nightly"
    )
    where = ("-n", scene.here, "get", "svc", "web", "-o", "jsonpath={.spec.clusterIP}")
    address = await asyncio.to_thread(_kubectl, playground, *where)
    ask = ASK.format(address=address, port=PORT)
    await playground.apply([_workload("Deployment", "client", scene.there, ask)])
    night = ("-n", scene.here, "wait", "pod", "-l", "job-name=night-1", "--for=condition=Ready", "--timeout=30s")
    await asyncio.to_thread(_kubectl, playground, *night)
    yield scene
    for name in (scene.here, scene.there):
        playground.kubectl("delete", "namespace", name, "--wait=false")


async def _captured(desk: Desk, wanted: CaptureSpec) -> tuple[Job, Report]:
    job = Job(new_job_id(), wanted, ALICE, Origin())
    assert desk.store.create(job)
    desk.queue.enqueue(job.id)
    ended = await desk.ended(job.id)
    assert ended.state is JobState.DONE, (ended.state, ended.message)
    return ended, desk.report(ended)


async def _fails(desk: Desk, wanted: CaptureSpec) -> str:
    job = Job(new_job_id(), wanted, ALICE, Origin())
    assert desk.store.create(job)
    desk.queue.enqueue(job.id)
    ended = await desk.ended(job.id)
    assert (ended.state, ended.error_code) == (JobState.FAILED, "target_not_found"), ended
    return ended.message


def _apps(report: Report) -> list[str]:
    return sorted(target.pod.split("-")[0] for target in report.targets)


@pytest.mark.parametrize(
    ("target", "apps"),
    [
        ("job/import", ["import"]),
        ("cronjob/nightly", ["night"]),
        ("ingress/shop.example", ["web", "web"]),
        ("ingress/front", ["web", "web"]),
        ("svc/web", ["web", "web"]),
        ("/import", ["import"]),
        ("/nightly", ["night"]),
    ],
)
async def test_pods_behind_a_name(desk: Desk, scene: Scene, target: str, apps: list[str]) -> None:
    _, report = await _captured(desk, spec(target, namespace=scene.here, duration=1))
    assert _apps(report) == apps
    assert all(one.outcome.proved and one.outcome.packets > 0 for one in report.targets)


async def test_a_namespace_with_a_cap_and_several_targets(desk: Desk, scene: Scene) -> None:
    """Namespaces and workloads of others in one command; each pod once, however often it is named."""
    job, report = await _captured(desk, spec(f"ns/{scene.here}", namespace="shop", duration=1, max_pods=3))
    assert len(report.targets) == 3
    assert {one.namespace for one in report.targets} == {scene.here}
    assert "5 pods match; the first 3 by name are captured." in job.message
    others = (reference("svc/web"), reference("deploy/client", scene.there))
    _, report = await _captured(desk, spec("deploy/web", namespace=scene.here, duration=1, others=others))
    assert _apps(report) == ["client", "web", "web"]
    assert {one.namespace for one in report.targets} == {scene.here, scene.there}


async def test_a_whole_node(desk: Desk, scene: Scene, playground: SharedPlayground) -> None:
    node = (await asyncio.to_thread(_kubectl, playground, "get", "nodes", "-o", "name")).split()[0]
    _, report = await _captured(desk, spec(node, f"tcp port {PORT}", duration=2))
    (target,) = report.targets
    assert (target.pod, target.namespace, target.method) == (node, "", "node")
    assert target.outcome.packets > 0
    wanted = spec("deploy/client", namespace=scene.there, duration=1, others=(reference(node),), mode=Mode.BETWEEN)
    _, report = await _captured(desk, wanted)
    assert [one.method for one in report.targets] == ["exec", "node"]


async def test_between_two_namespaces_each_end_hears_the_other_only(desk: Desk, scene: Scene) -> None:
    """Through a service: the client speaks to its address, the pods behind it answer with theirs."""
    other = reference("svc/web", scene.here)
    wanted = spec("deploy/client", namespace=scene.there, duration=3, others=(other,), mode=Mode.BETWEEN)
    _, report = await _captured(desk, wanted)
    ends = {one.pod.split("-")[0]: one for one in report.targets}
    assert set(ends) == {"client", "web"}
    assert all(one.outcome.packets > 0 for one in report.targets)
    client = ends["client"].pod_ips[0]
    assert ends["web"].filter.startswith(f"host {client}")
    assert all(f"host {address}" in ends["client"].filter for address in ends["web"].pod_ips)
    for one in report.targets:
        assert one.facts is not None
        for flow in one.facts.conversations:  # what web says to itself on lo is not here
            assert client in (flow.client, flow.server)


async def test_between_workloads_that_never_talk_is_an_empty_capture(desk: Desk, scene: Scene) -> None:
    wanted = spec(
        "deploy/web", namespace=scene.here, duration=1, others=(reference("deploy/other"),), mode=Mode.BETWEEN
    )
    _, report = await _captured(desk, wanted)
    assert sum(one.outcome.packets for one in report.targets) == 0


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("job/improt", "There is no job improt in namespace {here}. Did you mean import?"),
        ("cronjob/nightli", "There is no cronjob nightli in namespace {here}. Did you mean nightly?"),
        ("ingress/shop.exmple", "There is no ingress shop.exmple in namespace {here}. Did you mean shop.example?"),
        ("svc/wep", "There is no service wep in namespace {here}. Did you mean web?"),
        ("sts/web", "There is no statefulset web in namespace {here}. But there is deploy/web and svc/web."),
        ("ns/{here}x", "There is no namespace {here}x. Did you mean {here}"),
        ("node/nod-1", "There is no node nod-1. Did you mean node-1"),
    ],
)
async def test_what_is_not_there_is_told_with_what_is(desk: Desk, scene: Scene, target: str, said: str) -> None:
    message = await _fails(desk, spec(target.format(here=scene.here), namespace=scene.here, duration=1))
    assert said.format(here=scene.here) in message
