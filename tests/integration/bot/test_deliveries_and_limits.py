"""At-least-once deliveries, Slack's rate limits, and what is answered to whom when something does not work."""

import asyncio

from deploy.playground.slack.state import ALICE, PRIVATE_ROOM
from tests.integration.bot.conftest import Scene, until


async def test_duplicated_events_start_one_capture(scene: Scene) -> None:
    scene.slack.context.faults.duplicate_events = 6  # each mention comes as a message, too
    async with scene.bot():
        for n in range(3):
            scene.slack.people.say("alice", "incidents", f"@threadcap capture deploy/checkout{n} -n shop")
        await scene.job(3)
        await until(lambda: len(scene.slack.context.journal.find("delivery", "app_mention")) >= 6)
        await until(lambda: all(e["acked"] for e in scene.slack.context.journal.find("delivery", "app_mention")))
        await until(lambda: len(scene.parts()) == 3)
    assert len(scene.store.recent()) == 3


async def test_rate_limit_storm_loses_nothing(scene: Scene) -> None:
    for method in ("chat.postMessage", "chat.update", "files.getUploadURLExternal", "files.completeUploadExternal"):
        scene.slack.context.limits.force(method, 3, 1)
    async with scene.bot():
        for number in range(4):
            await scene.slack.people.command("alice", "incidents", f"/capture deploy/checkout{number} -n shop")
        await scene.job(4)
        made = scene.store.recent()
        await asyncio.gather(*(scene.finish(job.id, pods=1) for job in made))
        for job in made:
            await until(lambda job=job: scene.store.posted(job.id).get("complete") == "1", 60)  # type: ignore[misc]
        await until(lambda: len(scene.files()) == 4)
    assert sorted(scene.parts()) == ["card"] * 4 + ["verdict"] * 4


async def test_mistake_is_told_to_its_author_alone(scene: Scene) -> None:
    async with scene.bot():
        await scene.slack.people.command("alice", "incidents", "/capture deploy/checkout --for 0s")
        await until(lambda: scene.notes(ALICE))
        root = scene.slack.people.say("alice", "incidents", "hm")
        scene.slack.people.say("alice", "incidents", "@threadcap capture deploy/ -n shop", thread_ts=root.ts)
        await until(lambda: len(scene.notes(ALICE)) == 2)
    assert scene.store.recent() == []
    assert not [m for m in scene.messages() if m.bot]


async def test_denied_namespace(scene: Scene) -> None:
    async with scene.bot():
        await scene.slack.people.command("alice", "incidents", "/capture deploy/x -n kube-system")
        await until(lambda: scene.notes(ALICE))
    assert "kube-system" in scene.notes(ALICE)[0]
    assert scene.store.recent() == []
    assert scene.store.audited()[0]["action"] == "capture_refused"


async def test_enqueue_failure_is_told_and_the_job_failed(scene: Scene) -> None:
    scene.queue.broken = True
    async with scene.bot():
        await scene.slack.people.command("alice", "incidents", "/capture deploy/checkout -n shop")
        await until(lambda: scene.notes(ALICE))
        job = await scene.job()
        await until(lambda: scene.store.get(job.id).state == "failed")
        await until(lambda: scene.store.posted(job.id).get("complete"))
    assert len(scene.notes(ALICE)) == 1


async def test_channel_without_the_bot(scene: Scene) -> None:
    async with scene.bot():
        await scene.slack.people.command("alice", PRIVATE_ROOM, "/capture deploy/checkout -n shop")
        await until(lambda: scene.notes(ALICE))
    assert "/invite" in scene.notes(ALICE)[0]
    assert scene.store.recent() == []


async def test_direct_message_needs_no_mention(scene: Scene) -> None:
    channel = scene.slack.workspace.direct_message(ALICE).id
    async with scene.bot():
        scene.slack.people.say("alice", channel, "capture deploy/checkout -n shop")
        job = await scene.job()
        await until(lambda: "card" in scene.store.posted(job.id))
    assert job.origin.channel == channel


async def test_help_status_and_list(scene: Scene) -> None:
    async with scene.bot():
        for line in ("/capture help", "/capture", "/capture status", "/capture list"):
            await scene.slack.people.command("alice", "incidents", line)
        await until(lambda: len(scene.notes(ALICE)) == 4)
    assert scene.store.recent() == []


async def test_burst_is_acknowledged_in_time_and_none_is_lost(scene: Scene) -> None:
    scene.slack.context.limits.enabled = False
    async with scene.bot():
        lines = [f"/capture deploy/checkout{number} -n shop" for number in range(50)]
        await asyncio.gather(*(scene.slack.people.command("alice", "incidents", line) for line in lines))
        await until(lambda: len(scene.store.recent(100)) == 50)
        acks = scene.slack.context.journal.find("delivery", "/capture")
        assert all(ack["acked"] for ack in acks)
        assert max(ack["ack_seconds"] for ack in acks) < 3.0
        await until(lambda: len(scene.notes(ALICE)) == 50)
