"""Buttons: who may stop, that the first one stands, and that a click is answered where it was made."""

from deploy.playground.slack.state import ALICE, BOB
from tests.integration.bot.conftest import Scene, until
from tests.support import jobs
from workers.contract.job import Job, JobState


async def capturing(scene: Scene) -> tuple[Job, str]:
    """Start a capture and return it, with its card's ts, while it runs."""
    await scene.slack.people.command("alice", "incidents", "/capture deploy/checkout -n shop")
    job = await scene.job()
    await until(lambda: scene.store.get(job.id).state is JobState.QUEUED)
    for _ in range(2):
        job = jobs.advance(scene.store, scene.artifacts, job.id)
    await until(lambda: "card" in scene.store.posted(job.id))
    ts = scene.store.posted(job.id)["card"]
    await until(lambda: has_button(scene, ts, "stop"))
    return job, ts


def has_button(scene: Scene, ts: str, action: str) -> bool:
    card = next(m for m in scene.messages() if m.ts == ts)
    return any(e.get("action_id") == action for block in card.blocks for e in block.get("elements", ()))


async def test_requester_stops_and_card_says_who(scene: Scene) -> None:
    async with scene.bot():
        job, ts = await capturing(scene)
        await scene.slack.people.click("alice", "incidents", ts, "stop")
        await until(lambda: scene.store.get(job.id).stop_by is not None)
        stopped = scene.store.get(job.id)
        assert (stopped.stop_by.id, stopped.discard) == (ALICE, False)  # type: ignore[union-attr]
        await scene.finish(job.id)
        await scene.complete(job.id)
        assert not has_button(scene, ts, "stop")
        assert len(scene.files()) == 2


async def test_stranger_is_refused_alone(scene: Scene) -> None:
    async with scene.bot():
        job, ts = await capturing(scene)
        await scene.slack.people.click("bob", "incidents", ts, "stop")
        await until(lambda: scene.notes(BOB))
        assert "alice" in scene.notes(BOB)[0]
        assert scene.store.get(job.id).stop_by is None


async def test_discard_leaves_no_files(scene: Scene) -> None:
    async with scene.bot():
        job, ts = await capturing(scene)
        await scene.slack.people.click("alice", "incidents", ts, "discard")
        await until(lambda: scene.store.get(job.id).discard)
        scene.store.change(job.id, lambda old: old.to(JobState.CANCELLED))
        await scene.complete(job.id)
    assert scene.parts() == ["card"]
    assert scene.files() == []


async def test_rerun_asks_again_in_the_same_thread(scene: Scene) -> None:
    async with scene.bot():
        job, ts = await capturing(scene)
        await scene.finish(job.id)
        await scene.complete(job.id)
        await scene.slack.people.click("bob", "incidents", ts, "rerun")
        again = await scene.job(2)
        assert (again.spec, again.requester.id, again.origin.thread_ts) == (job.spec, BOB, ts)


async def test_stop_typed_in_the_thread(scene: Scene) -> None:
    async with scene.bot():
        job, ts = await capturing(scene)
        scene.slack.people.say("alice", "incidents", f"@threadcap stop {job.id}", thread_ts=ts)
        await until(lambda: scene.store.get(job.id).stop_by is not None)
        await until(lambda: scene.notes(ALICE))
