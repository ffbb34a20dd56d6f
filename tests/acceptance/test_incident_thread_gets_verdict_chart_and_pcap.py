"""The main job: one line in a thread, then card, verdict, charts and a proved pcap in that thread."""

import hashlib
import json

import pytest

from deploy.playground.stack import Stack
from tests.support.captures import all_written
from tests.support.playground import SharedPlayground
from tests.support.stack import Incident, remote_processes, until
from workers.contract import codec
from workers.contract.job import JobState
from workers.contract.report import Report

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _report(stack: Stack, key: str) -> Report:
    return codec.decode(Report, json.loads((stack.rundir / "artifacts" / key).read_text()))


async def test_mention_in_a_thread(stack: Stack, incident: Incident, playground: SharedPlayground) -> None:
    await incident.mention("capture deploy/checkout -n shop port 8080 for 4s")
    job = await incident.finished()
    assert job.state is JobState.DONE
    (file,) = await until(incident.files, 30, "the pcap in the thread")
    assert job.report is not None
    report = _report(stack, job.report.key)
    (target,) = report.targets
    assert target.outcome.proved
    assert hashlib.sha256(file.path.read_bytes()).hexdigest() == target.outcome.pod_sha256
    assert target.outcome.packets > 0
    assert all_written(target.outcome)
    texts = [message.text for message in incident.said()]
    assert any(report.verdict[:60] in text for text in texts)
    assert {message.thread_ts for message in incident.said()} == {incident.thread_ts}
    charts = [file.name for file in stack.slack.workspace.files.values() if file.name.endswith(".png")]
    assert {"traffic.png", "latency.png"} <= set(charts)
    assert len(charts) <= 3, "one picture of a finding's conversation at most"
    await until(lambda: remote_processes(playground.admin_kubeconfig, job) == [], 5, "an empty pod")


async def test_slash_command_opens_its_own_thread(stack: Stack, incident: Incident) -> None:
    await stack.slack.people.command("bob", "incidents", "/capture deploy/checkout -n shop --for 3s -- port 8443")
    job = await until(
        lambda: next((j for j in incident.store.recent(5) if j.origin.source == "slash"), None), 20, "job"
    )
    done = await until(lambda: ((now := incident.store.get(job.id)).final and now) or None, 60, "its end")
    assert done.state is JobState.DONE
    workspace = stack.slack.workspace
    posted = await until(lambda: incident.store.posted(job.id).get("card"), 10, "the card")
    card = workspace.find(incident.channel, posted)
    assert card is not None
    assert card.thread_ts in (None, card.ts)

    def pcap() -> bool:
        replies = workspace.replies(incident.channel, posted)
        return any(str(file["name"]).endswith(".pcap") for message in replies for file in message.files)

    await until(pcap, 30, "the pcap in the card's thread")


async def test_stop_button_keeps_what_was_captured(stack: Stack, incident: Incident) -> None:
    await incident.mention("capture deploy/checkout -n shop port 8080 for 60s")
    job = await incident.job()
    await until(lambda: any(t.packets for t in incident.store.get(job.id).targets) or None, 30, "packets")
    card = await until(lambda: incident.with_button("stop"), 20, "the Stop button")
    await stack.slack.people.click("alice", "incidents", card.ts, "stop")
    done = await incident.finished(30)
    assert done.state is JobState.DONE
    assert done.stop_by is not None
    assert done.stop_by.name == "alice"
    (file,) = await until(incident.files, 30, "the pcap")
    assert file.size > 24


async def test_several_pods_one_verdict(stack: Stack, incident: Incident, playground: SharedPlayground) -> None:
    """web's image has no tcpdump: each of its pods gets an ephemeral container, said before and after."""
    await incident.mention("capture deploy/web -n shop port 8080 for 4s")
    job = await incident.job()
    added = f"threadcap-{job.id}"
    await until(lambda: [m for m in incident.said() if f"{added} is added to each" in str(m.blocks)], 30, "the warning")
    job = await incident.finished()
    assert job.state is JobState.DONE, job.message
    assert {target.method for target in job.targets} == {"ephemeral"}
    files = await until(lambda: incident.files() if len(incident.files()) == 2 else None, 30, "two pcaps")
    assert len({file.name for file in files}) == 2
    shown = [m for m in incident.said() if f"{added} stays listed in the spec of" in str(m.blocks)]
    assert len(shown) == 1, "one verdict, which says what is left"
    await until(lambda: remote_processes(playground.admin_kubeconfig, job) == [], 5, "an empty pod")
