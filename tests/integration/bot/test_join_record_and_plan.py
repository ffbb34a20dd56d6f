"""The newer roads through Slack's emulator and Redis: joining, a plan, a recording and what is grabbed from it."""

from typing import Any

from deploy.playground.slack.state import ALICE, BOB, Message
from tests.integration.bot.conftest import CHANNEL, Scene, until
from tests.integration.bot.test_stop_and_discard import capturing, has_button
from tests.unit.bot.messages.samples import PLANNED
from workers.contract.job import JobState
from workers.contract.spec import Mode


def offer_to(scene: Scene, person: str) -> Message | None:
    """Return the newest message only this person sees that has a button to join."""
    mine = [m for m in scene.slack.workspace.ephemerals if m.ephemeral_to == person]
    return next((m for m in reversed(mine) if "join" in str(m.blocks)), None)


def parts_in(scene: Scene, thread: str) -> list[str]:
    return [m.metadata["event_payload"]["part"] for m in scene.messages() if m.metadata and m.thread_ts == thread]


async def ask_again(scene: Scene) -> tuple[str, Message]:
    """Let bob ask in a thread of his own for what alice captures; return the thread and the offer."""
    root = scene.slack.people.say("bob", "incidents", "Is checkout slow for you, too?")
    scene.slack.people.say("bob", "incidents", "@threadcap capture deploy/checkout -n shop", thread_ts=root.ts)
    await until(lambda: offer_to(scene, BOB) is not None)
    offer = offer_to(scene, BOB)
    assert offer is not None
    return root.ts, offer


async def test_who_joins_gets_the_verdict_in_their_thread(scene: Scene) -> None:
    async with scene.bot():
        job, _ = await capturing(scene)
        thread, offer = await ask_again(scene)
        await scene.slack.people.click("bob", "incidents", offer.ts, "join")
        await until(lambda: scene.store.posted(job.id).get(f"join:{CHANNEL}:{thread}") == BOB)
        await until(lambda: any("Joined" in note for note in scene.notes(BOB)))
        await scene.finish(job.id)
        await scene.complete(job.id)
        await until(lambda: len(parts_in(scene, thread)) == 1)
    assert len(scene.store.recent()) == 1
    (told,) = (m for m in scene.messages() if m.metadata and m.thread_ts == thread)
    assert "payments does not answer" in told.text
    assert f"<@{BOB}>" in str(told.blocks)
    assert {f.title for f in scene.slack.workspace.files.values() if f.title.endswith(".pcap")} == {
        f"shop_checkout-{number}_{job.id}.pcap" for number in range(2)
    }


async def test_who_captures_anyway_does_so_in_their_thread(scene: Scene) -> None:
    async with scene.bot():
        await capturing(scene)
        thread, offer = await ask_again(scene)
        await scene.slack.people.click("bob", "incidents", offer.ts, "anyway")
        second = await scene.job(2)
        assert (second.requester.id, second.origin.thread_ts) == (BOB, thread)
        await until(lambda: parts_in(scene, thread) == ["card"])


async def test_a_plan_fits_slack_and_offers_to_go_on(scene: Scene) -> None:
    async with scene.bot():
        await scene.slack.people.command("alice", "incidents", "/capture deploy/checkout -n shop --dry-run")
        job = await scene.job()
        scene.store.change(job.id, lambda old: old.to(JobState.RESOLVING).to(JobState.DONE, planned=PLANNED * 3))
        await until(lambda: scene.store.posted(job.id).get("complete") == "1")
        ts = scene.store.posted(job.id)["card"]
        await scene.slack.people.click("alice", "incidents", ts, "go")
        go = await scene.job(2)
    assert scene.parts()[0] == "card"
    assert "verdict" not in scene.parts()
    assert (job.spec.dry_run, go.spec.dry_run, go.origin.thread_ts) == (True, False, ts)


async def test_a_recording_is_grabbed_from_by_button_and_by_word(scene: Scene) -> None:
    async with scene.bot():
        scene.slack.people.say("alice", "incidents", "@threadcap record deploy/checkout -n shop keep 5m for 10m")
        job = await scene.job()

        def begun(old: Any) -> Any:
            return old.to(JobState.RESOLVING).to(JobState.CAPTURING, started=old.created, deadline=old.created + 600)

        await until(lambda: scene.store.get(job.id).state is JobState.QUEUED)
        scene.store.change(job.id, begun)
        await until(lambda: "card" in scene.store.posted(job.id))
        ts = scene.store.posted(job.id)["card"]
        await until(lambda: has_button(scene, ts, "grab_120"))
        await scene.slack.people.click("bob", "incidents", ts, "grab_120")
        first = await scene.job(2)
        scene.slack.people.say(
            "alice", "incidents", f"@threadcap grab {job.id} last 1m", thread_ts=job.origin.thread_ts
        )
        second = await scene.job(3)
        await scene.finish(first.id)
        await scene.complete(first.id)
    assert (job.spec.mode, job.spec.keep, job.requester.id) == (Mode.RECORD, 300.0, ALICE)
    assert [(one.spec.mode, one.spec.recording, one.spec.last) for one in (first, second)] == [
        (Mode.GRAB, job.id, 120.0),
        (Mode.GRAB, job.id, 60.0),
    ]
    assert first.origin.thread_ts == job.origin.thread_ts
    assert scene.store.get(job.id).state is JobState.CAPTURING
