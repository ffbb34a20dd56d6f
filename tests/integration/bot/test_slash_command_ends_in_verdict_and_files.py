"""The main road on the bot's side: a command, a card, a verdict with its chart, the files; in order, once."""

from bot.settings import Mode
from deploy.playground.slack.state import ALICE, BOT_USER
from tests.integration.bot.conftest import CHANNEL, Scene, until
from workers.contract.job import JobState

COMMAND = "/capture deploy/checkout -n shop port 5432 --for 30s"


async def test_slash_command(scene: Scene) -> None:
    async with scene.bot():
        await scene.slack.people.command("alice", "incidents", COMMAND)
        job = await scene.job()
        await until(lambda: scene.parts() == ["card"])
        assert (job.requester.id, job.origin.channel, job.origin.thread_ts) == (ALICE, CHANNEL, "")
        assert (str(job.spec.target), job.spec.namespace, job.spec.filter) == ("deploy/checkout", "shop", "port 5432")
        await until(lambda: scene.store.get(job.id).state is JobState.QUEUED)
        assert scene.queue.jobs == [job.id]
        await scene.finish(job.id)
        await scene.complete(job.id)
    card, verdict = [m for m in scene.messages() if m.metadata]
    assert scene.parts() == ["card", "verdict"]
    assert card.edited
    assert card.thread_ts in (None, card.ts)
    assert {m.thread_ts for m in scene.messages() if m is not card} == {card.ts}
    assert scene.files() == [a.name for a in scene.store.get(job.id).artifacts if a.kind == "pcap"]
    assert "payments does not answer" in verdict.text
    images = [block for block in verdict.blocks if block["type"] == "image"]
    assert len(images) == 1
    assert all(m.user == BOT_USER for m in scene.messages())


async def test_mention_is_answered_in_its_thread(scene: Scene) -> None:
    async with scene.bot():
        people = scene.slack.people
        root = people.say("alice", "incidents", "checkout is slow")
        people.say("bob", "incidents", "@threadcap capture deploy/checkout -n shop", thread_ts=root.ts)
        job = await scene.job()
        assert job.origin.thread_ts == root.ts
        await scene.finish(job.id)
        await scene.complete(job.id)
    ours = [m for m in scene.messages() if m.bot]
    assert len(ours) == 4
    assert job.requester.name == "bob"
    assert {m.thread_ts for m in ours} == {root.ts}


async def test_signed_http_mode(http_scene: tuple[Scene, int]) -> None:
    scene, port = http_scene
    async with scene.bot(mode=Mode.HTTP, host="127.0.0.1", port=port):
        await scene.slack.people.command("alice", "incidents", COMMAND)
        job = await scene.job()
        await scene.finish(job.id)
        await scene.complete(job.id)
    assert scene.parts() == ["card", "verdict"]
