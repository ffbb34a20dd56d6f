"""What joined threads get, and plans and recordings: the verdict once in each thread, nothing beside a plan's card."""

import pytest
from msgspec import structs

from bot.messages import Message
from bot.plan import COMPLETE
from tests.support import jobs
from tests.unit.bot.messages.samples import PLANNED
from tests.unit.bot.test_thread_details import JOB, Bench
from workers.contract.job import JobState
from workers.contract.spec import Mode


@pytest.fixture
def bench() -> Bench:
    return Bench()


def said(message: Message | None) -> str:
    assert message is not None
    return message.text + str(message.blocks)


async def test_each_joined_thread_gets_the_verdict_once_and_the_files_stay_in_the_first(bench: Bench) -> None:
    bench.new()
    bench.store.record_posted(JOB, **{"join:C2:7.0": "U2BOB", "join:C3:": "U3CAROL", "also:U4DAVE": "U4DAVE"})
    bench.finish()
    await bench.clean()
    own = next(post for post in bench.chat.posts if post.key and post.key.part == "verdict")
    assert "joined by <@U4DAVE>" in said(own.message)
    joined = {post.channel: post for post in bench.chat.posts if post.key and post.key.part.startswith("joined:")}
    assert (joined["C2"].thread_ts, joined["C3"].thread_ts) == ("7.0", "")
    assert "For <@U2BOB>, who joined" in said(joined["C2"].message)
    assert "https://chat.example/C1/" in said(joined["C2"].message)
    assert bench.chat.parts().count("joined:C2:7.0") == 1
    assert {file.channel for file in bench.chat.files.values() if file.upload.name.endswith(".pcap")} == {"C1"}
    assert bench.posted()[COMPLETE] == "1"


async def test_who_joined_just_as_it_ended_is_told_all_the_same(bench: Bench) -> None:
    bench.new()
    bench.finish()
    await bench.clean()
    assert bench.posted()[COMPLETE] == "1"
    bench.store.record_posted(JOB, **{"join:C2:7.0": "U2BOB"})
    bench.store.change(JOB, lambda old: old.evolve(updated=bench.time))
    await bench.clean()
    assert bench.chat.parts().count("joined:C2:7.0") == 1


@pytest.mark.parametrize("end", [JobState.FAILED, JobState.CANCELLED])
async def test_joined_threads_hear_of_a_capture_that_came_to_nothing(bench: Bench, end: JobState) -> None:
    bench.new()
    bench.store.record_posted(JOB, **{"join:C2:7.0": "U2BOB"})
    bench.store.change(JOB, lambda old: old.to(end, message="There is no such pod.", stop_by=jobs.ALICE, discard=True))
    await bench.clean()
    (told,) = (post for post in bench.chat.posts if post.channel == "C2")
    assert "There is no such pod." in said(told.message)


async def test_a_plan_is_all_on_its_card(bench: Bench) -> None:
    bench.store.create(structs.replace(jobs.job(created=bench.time), spec=structs.replace(jobs.SPEC, dry_run=True)))
    bench.store.change(JOB, lambda old: old.to(JobState.RESOLVING).to(JobState.DONE, planned=PLANNED))
    await bench.clean()
    assert bench.chat.parts() == ["card"]
    assert "3 of 4 pods can be captured." in said(bench.chat.posts[0].message)
    assert bench.posted()[COMPLETE] == "1"


async def test_a_recording_that_was_let_go_ends_with_its_card(bench: Bench) -> None:
    spec = structs.replace(jobs.SPEC, mode=Mode.RECORD, keep=300.0)
    bench.store.create(structs.replace(jobs.job(created=bench.time), spec=spec))
    for state in (JobState.RESOLVING, JobState.CAPTURING, JobState.ANALYSING, JobState.DELIVERING, JobState.DONE):
        bench.store.change(JOB, lambda old, state=state: old.to(state))  # type: ignore[misc]
    await bench.clean()
    assert bench.chat.parts() == ["card"]
    assert "Recording ended" in said(bench.chat.posts[0].message)
