"""What the newer buttons do, from Slack's delivery to the job or the answer."""

import pytest
from msgspec import structs

from bot.messages import Message
from tests.support import jobs
from tests.unit.bot.test_listeners import Desk
from workers.contract.job import Job, JobState, Person
from workers.contract.spec import Mode

BOB = Person("U2", "bob")
ASK = "deploy/checkout -n shop port 5432"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def running(desk: Desk, job_id: str = "abcd2345", mode: Mode = Mode.CAPTURE, keep: float = 0.0) -> Job:
    spec = structs.replace(jobs.SPEC, mode=mode, keep=keep)
    desk.store.create(structs.replace(jobs.job(job_id), spec=spec))
    desk.store.record_posted(job_id, card="3.0")
    return desk.store.change(job_id, lambda old: old.to(JobState.RESOLVING).to(JobState.CAPTURING))


def offered(message: Message) -> dict[str, str]:
    """Return the buttons' values by action id."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return {element["action_id"]: element["value"] for row in rows for element in row}


async def test_join_brings_the_verdict_to_the_asking_thread(desk: Desk) -> None:
    running(desk)
    await desk.mention(f"<@UBOT> capture {ASK}", channel="C2", ts="5.0")
    await desk.tasks.drain(5)
    assert desk.queue.jobs == []
    offer = desk.chat.posts[-1].message
    assert offer is not None
    assert desk.chat.posts[-1].only_for == "U1"
    await desk.click("join", offered(offer)["join"], channel="C2", user=BOB)
    await desk.tasks.drain(5)
    assert desk.store.posted("abcd2345")["join:C2:5.0"] == "U2"
    answer = desk.chat.posts[-1]
    assert (answer.only_for, answer.thread_ts) == ("U2", "")
    assert answer.message is not None
    assert "https://chat.example/C1/3.0" in str(answer.message.blocks)


async def test_capture_anyway_captures_in_the_asking_thread_once(desk: Desk) -> None:
    running(desk)
    await desk.mention(f"<@UBOT> capture {ASK} for 5s", channel="C2", ts="5.0")
    await desk.tasks.drain(5)
    offer = desk.chat.posts[-1].message
    assert offer is not None
    for trigger in ("t1", "t2"):
        await desk.click("anyway", offered(offer)["anyway"], trigger, channel="C2", user=BOB)
    await desk.tasks.drain(5)
    (started,) = (job for job in desk.store.recent() if job.id != "abcd2345")
    assert (started.spec.duration, started.spec.filter, started.requester) == (5.0, "port 5432", BOB)
    assert (started.origin.channel, started.origin.thread_ts) == ("C2", "5.0")


async def test_a_slash_command_is_offered_to_join_without_a_thread(desk: Desk) -> None:
    running(desk)
    await desk.command(ASK)
    await desk.tasks.drain(5)
    (_, offer) = desk.chat.responses[-1]
    assert offered(offer)["join"] == "abcd2345 -"
    await desk.click("join", offered(offer)["join"], "t2")
    await desk.tasks.drain(5)
    assert f"also:{jobs.ALICE.id}" in desk.store.posted("abcd2345")


@pytest.mark.parametrize("discard", [False, True])
async def test_a_recording_is_stopped_the_same_by_button_and_by_word(desk: Desk, discard: bool) -> None:
    running(desk, "abcd2345", mode=Mode.RECORD, keep=300.0)
    running(desk, "efgh2345", mode=Mode.RECORD, keep=300.0)
    await desk.click("discard" if discard else "stop", "abcd2345")
    await desk.mention(f"<@UBOT> stop efgh2345{' --discard' if discard else ''}", user=jobs.ALICE.id)
    await desk.tasks.drain(5)
    asked = [(job.stop_by is not None, job.discard) for job in map(desk.store.get, ("abcd2345", "efgh2345"))]
    assert asked == [(True, discard)] * 2


async def test_grab_buttons_take_from_the_recording_in_its_thread(desk: Desk) -> None:
    running(desk, mode=Mode.RECORD, keep=300.0)
    await desk.click("grab_120", "abcd2345", "t1", user=BOB)
    await desk.tasks.drain(5)
    await desk.click("grab_120", "abcd2345", "t2", user=BOB)
    await desk.click("grab_all", "abcd2345", "t3", user=BOB)
    await desk.tasks.drain(5)
    grabs = [job for job in desk.store.recent() if job.spec.mode is Mode.GRAB]
    assert sorted(job.spec.last for job in grabs) == [0.0, 120.0]
    assert {job.spec.recording for job in grabs} == {"abcd2345"}
    assert {job.origin.thread_ts for job in grabs} == {"9.0"}


async def test_more_time_is_refused_to_others_in_their_words(desk: Desk) -> None:
    running(desk)
    await desk.click("extend_30", "abcd2345", user=BOB)
    await desk.tasks.drain(5)
    assert desk.told() == ["Only alice, who asked for capture abcd2345, may extend it."]


async def test_capture_now_does_what_was_planned(desk: Desk) -> None:
    desk.store.create(structs.replace(jobs.job(), spec=structs.replace(jobs.SPEC, dry_run=True)))
    await desk.click("go", "abcd2345")
    await desk.tasks.drain(5)
    (started,) = (job for job in desk.store.recent() if job.id != "abcd2345")
    assert started.spec == jobs.SPEC
