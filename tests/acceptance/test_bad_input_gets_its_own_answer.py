"""Every wrong request is answered clearly, to the right reader, and leaves nothing behind."""

import pytest

from deploy.playground.scene.client import Client
from deploy.playground.stack import Stack
from tests.support.playground import SharedPlayground, Stage
from tests.support.stack import Incident, remote_processes, until
from workers.contract.job import JobState

pytestmark = pytest.mark.asyncio(loop_scope="module")

STACK_TRACE = ("Traceback", "Exception", "Error(", "kubernetes.client", "/workers/")

MISTAKES = {
    "zero duration": ("capture deploy/checkout -n shop --for 0s", "0s"),
    "absurd duration": ("capture deploy/checkout -n shop --for 10h", "10h"),
    "not a duration": ("capture deploy/checkout -n shop --for soon", "soon"),
    "filter with option-like words": ("capture deploy/checkout -n shop -- -w /etc/passwd", "-w"),
    "no target": ("capture", "capture"),
    "unknown command": ("captrue deploy/checkout", "captrue"),
    "emoji": ("capture deploy/checkout🔥 -n shop", "checkout"),
    "right-to-left mark": ("capture deploy/check\u200fout -n shop", "check"),
    "bad pod name": ("capture pod/Check_Out -n shop", "Check_Out"),
}


@pytest.mark.parametrize("case", MISTAKES)
async def test_mistake_is_told_to_its_author_alone(stack: Stack, incident: Incident, case: str) -> None:
    words, place = MISTAKES[case]
    before = len(incident.notes())
    await incident.mention(words, smart=False)
    note = (await until(lambda: incident.notes()[before:], 20, "an ephemeral answer"))[0]
    alice = stack.slack.workspace.user_by_name("alice")
    assert alice is not None
    assert note.ephemeral_to == alice.id
    assert note.thread_ts == incident.thread_ts
    assert place in str(note.blocks) + note.text
    assert "^" in str(note.blocks) or case == "no target"
    assert not any(trace in str(note.blocks) + note.text for trace in STACK_TRACE)
    assert incident.said() == []


FAILURES = {
    "unknown pod": ("capture pod/chekout -n shop", "target_not_found", "no pod chekout in namespace shop"),
    "unknown workload, with the nearest": ("capture deploy/chekout -n shop", "target_not_found", "checkout"),
    "wrong namespace": ("capture deploy/checkout -n test-nowhere", "target_not_found", "no namespace test-nowhere"),
    "no such container": ("capture deploy/checkout -n shop -c sidecar", "target_not_found", "no container sidecar"),
    "bad filter": ("capture deploy/checkout -n shop -- tcp port", "bad_filter", "syntax error"),
    "host name in a filter": ("capture deploy/checkout -n shop -- host example.com", "bad_filter", "host name"),
    "no such interface": ("capture deploy/checkout -n shop -i eth7 for 3s", "no_such_interface", "eth7"),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_failure_is_told_in_the_thread(
    stack: Stack, incident: Incident, playground: SharedPlayground, case: str
) -> None:
    words, code, reason = FAILURES[case]
    await incident.mention(words, smart=False)
    job = await incident.finished()
    assert (job.state, job.error_code) == (JobState.FAILED, code)
    assert reason in job.message
    shown = await until(lambda: [m for m in incident.said() if reason in str(m.blocks)], 20, "the reason in the thread")
    assert not any(trace in str(shown) for trace in STACK_TRACE)
    await until(lambda: remote_processes(playground.admin_kubeconfig, job) == [], 5, "an empty pod")
    assert not list((stack.rundir / "artifacts").glob(f"jobs/{job.id}/**/*.pcap"))


async def test_a_method_that_is_asked_for_and_forbidden(
    stack: Stack, incident: Incident, playground: SharedPlayground, stage: Stage
) -> None:
    namespace = await stage("web")
    level = "pod-security.kubernetes.io/enforce=restricted"
    assert playground.kubectl("label", "namespace", namespace, level).returncode == 0
    await incident.mention(f"capture deploy/web -n {namespace} --method ephemeral for 3s")
    job = await incident.finished()
    assert (job.state, job.error_code) == (JobState.FAILED, "not_capturable")
    reason = f"the Pod Security level of namespace {namespace} is restricted"
    await until(lambda: [m for m in incident.said() if reason in str(m.blocks)], 20, "the reason in the thread")


async def test_namespace_outside_the_policy_is_refused_to_its_author(stack: Stack, incident: Incident) -> None:
    before = len(incident.notes())
    await incident.mention("capture pod/ledger -n bank")
    note = (await until(lambda: incident.notes()[before:], 20, "an ephemeral refusal"))[0]
    assert "bank" in note.text
    assert "shop" in note.text, "the reason names what is allowed"
    assert incident.said() == []


async def test_no_packets_says_which_ports_were_seen(stack: Stack, incident: Incident) -> None:
    await incident.mention("capture deploy/checkout -n shop port 9999 for 2s")
    job = await incident.finished()
    assert job.state is JobState.DONE
    answer = await until(
        lambda: next((m for m in incident.said() if "8080" in str(m.blocks)), None), 30, "the ports that were seen"
    )
    assert "9999" in str(answer.blocks)


async def test_pod_deleted_mid_capture_keeps_what_arrived(
    stack: Stack, incident: Incident, playground: SharedPlayground, stage: Stage
) -> None:
    namespace = await stage("web", "checkout")
    named = playground.kubectl("get", "pods", "-n", namespace, "-l", "app=checkout", "-o", "name").stdout.strip()
    await incident.mention(f"capture {named} -n {namespace} for 60s")  # nothing replaces a pod that was named
    job = await incident.job()
    await until(lambda: sum(t.packets for t in incident.store.get(job.id).targets) > 20, 40, "packets")
    (target,) = incident.store.get(job.id).targets
    async with Client(playground.admin_kubeconfig) as client:
        path = f"/api/v1/namespaces/{namespace}/pods/{target.pod}?gracePeriodSeconds=0"
        await client.call("DELETE", path)
    job = await incident.finished()
    assert job.state is JobState.PARTIAL
    assert "deleted" in " ".join(t.note for t in job.targets)
    (file,) = await until(incident.files, 30, "the partial pcap")
    assert file.size > 24
    shown = await until(lambda: [m for m in incident.said() if "truncated at byte" in str(m.blocks)], 20, "the truth")
    assert "deleted" in str([m.blocks for m in shown])
