"""The thread loop's finer points: what Slack refuses for good, slow files, many captures, two bots at once."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from bot.deliver import Deliverer
from bot.ledger import Ledger, Patience
from bot.messages import Message
from bot.plan import COMPLETE, Pace
from bot.ports import ChatRefused, Key, Upload
from bot.thread import Tempo, ThreadKeeper
from tests.support import jobs
from tests.support.twins import FakeChat
from workers.contract.job import Job, JobState
from workers.memory import InMemoryJobStore, MemoryArtifacts

JOB = "abcd2345"


class Bench:
    """One store, one chat, one keeper with a clock that the test moves."""

    def __init__(self, chat: Callable[[Callable[[], float]], FakeChat] = FakeChat) -> None:
        self.time = 1_000_000.0
        self.store = InMemoryJobStore(self.now)
        self.artifacts = MemoryArtifacts()
        self.chat = chat(self.now)
        self.keeper = self.another()

    def now(self) -> float:
        return self.time

    def another(self, tempo: Tempo | None = None) -> ThreadKeeper:
        return ThreadKeeper(self.store, self.chat, self.artifacts, tempo=tempo, now=self.now)

    def new(self, job_id: str = JOB, *states: JobState) -> Job:
        self.store.create(jobs.job(job_id, created=self.time))
        for state in states:
            self.store.change(job_id, lambda old, state=state: old.to(state))  # type: ignore[misc]
        return self.store.get(job_id)

    def finish(self, job_id: str = JOB, **more: int) -> None:
        while not self.store.get(job_id).final:
            jobs.advance(self.store, self.artifacts, job_id, **more)

    async def step(self, keeper: ThreadKeeper | None = None) -> None:
        keeper = keeper or self.keeper
        for dirty in self.store.claim_dirty(keeper.owner, 15.0):
            await keeper.tend(dirty)

    async def clean(self, seconds: float = 300) -> None:
        """Let the keeper work until nothing is left to do."""
        end = self.time + seconds
        while self.store._dirty and self.time < end:
            await self.step()
            self.time += 0.5

    def posted(self) -> dict[str, str]:
        return self.store.posted(JOB)


class Refusing(FakeChat):
    """Refuses posts and uploads as told."""

    refuse_blocks = False
    refuse_every_block = False
    refuse_uploads = ""
    refuse_update = ""

    async def post(self, channel: str, thread_ts: str, message: Message, *, key: Key | None = None) -> str:
        if self.refuse_blocks and any(block["type"] == "image" for block in message.blocks):
            raise ChatRefused("invalid_blocks")
        if self.refuse_every_block and message.blocks:
            raise ChatRefused("msg_blocks_too_long")
        return await super().post(channel, thread_ts, message, key=key)

    async def update(self, channel: str, ts: str, message: Message) -> None:
        if self.refuse_update:
            raise ChatRefused(self.refuse_update)
        await super().update(channel, ts, message)

    async def upload(self, channel: str, thread_ts: str, upload: Upload, on_id: object) -> str:
        if self.refuse_uploads and upload.name.endswith(self.refuse_uploads):
            raise ChatRefused("file_upload_size_restricted")
        return await super().upload(channel, thread_ts, upload, on_id)  # type: ignore[arg-type]


@pytest.fixture
def bench() -> Bench:
    return Bench(Refusing)


async def test_refused_file_is_said_and_the_rest_delivered(bench: Bench) -> None:
    bench.chat.refuse_uploads = f"checkout-0_{JOB}.pcap"  # type: ignore[attr-defined]
    bench.new()
    bench.finish(pods=2)
    await bench.clean()
    assert bench.posted()[COMPLETE] == "1"
    assert bench.chat.shared() == [f"shop_checkout-1_{JOB}.pcap"]
    notice = bench.chat.posts[-1].message
    assert notice is not None
    assert "file_upload_size_restricted" in notice.text
    assert bench.chat.parts()[-1].startswith("notice:")


async def test_results_come_though_slack_refuses_the_blocks_of_card_and_verdict(bench: Bench) -> None:
    bench.chat.refuse_every_block = True  # type: ignore[attr-defined]
    bench.new()
    bench.finish(pods=1)
    await bench.clean()
    assert bench.chat.parts()[:2] == ["card", "verdict"]
    assert bench.chat.shared()[-1] == f"shop_checkout-0_{JOB}.pcap"
    assert bench.posted()[COMPLETE] == "1"


async def test_verdict_without_its_chart_when_slack_refuses_the_picture(bench: Bench) -> None:
    bench.chat.refuse_blocks = True  # type: ignore[attr-defined]
    bench.new()
    bench.finish(pods=1, charts=1)
    await bench.clean()
    assert bench.chat.parts() == ["card", "verdict"]
    assert sorted(bench.chat.shared()) == [f"shop_checkout-0_{JOB}.pcap", "throughput-0.png"]


async def test_chart_that_never_gets_ready_does_not_hold_the_verdict(bench: Bench) -> None:
    bench.chat.attach = 10_000.0
    bench.new()
    bench.finish(pods=0, charts=1)
    await bench.clean(seconds=60)
    assert bench.chat.parts() == ["card", "verdict"]


async def test_deleted_card_is_not_fought_over(bench: Bench) -> None:
    bench.new(JOB, JobState.QUEUED)
    await bench.step()
    bench.chat.refuse_update = "message_not_found"  # type: ignore[attr-defined]
    bench.finish(pods=1)
    await bench.clean()
    assert bench.posted()["card.gone"] == "message_not_found"
    assert bench.chat.parts() == ["card", "verdict"]
    assert bench.posted()[COMPLETE] == "1"


async def test_channel_that_refuses_the_card_is_given_up(bench: Bench) -> None:
    bench.chat.faults = iter(["refused:channel_not_found"])
    bench.new()
    bench.finish()
    await bench.clean()
    assert bench.chat.posts == []
    assert not bench.store._dirty


async def test_terminal_jobs_have_no_thread(bench: Bench) -> None:
    bench.store.create(jobs.job(JOB, channel=""))
    await bench.clean()
    assert bench.chat.posts == []
    assert not bench.store._dirty


async def test_failure_is_told_to_the_requester_alone_and_on_the_card(bench: Bench) -> None:
    bench.new(JOB, JobState.RESOLVING)
    why = "There is no pod checkout in shop."
    bench.store.change(JOB, lambda old: old.to(JobState.FAILED, message=why, error_code="target_not_found"))
    await bench.clean()
    assert [post.only_for for post in bench.chat.posts] == ["", jobs.ALICE.id]
    assert bench.posted()[COMPLETE] == "1"


async def test_live_card_changes_every_five_seconds_at_most(bench: Bench) -> None:
    bench.new(JOB, JobState.RESOLVING, JobState.CAPTURING)
    for n in range(60):
        bench.store.change(JOB, lambda old, n=n: old.evolve(attempts=n, message=f"{n} packets"))  # type: ignore[misc]
        await bench.step()
        bench.time += 0.5
    assert 4 <= bench.chat.updates <= 7


async def test_many_cards_share_the_budget_and_results_go_first(bench: Bench) -> None:
    ids = [f"job{n:05d}" for n in range(40)]
    for job_id in ids:
        bench.new(job_id, JobState.RESOLVING, JobState.CAPTURING)
        bench.store.record_posted(job_id, **{"card": f"{len(bench.chat.posts)}", "card.at": str(bench.time)})
        await bench.chat.post("C1", "", Message("card"), key=Key(job_id, "card"))
        bench.store.record_posted(job_id, card=bench.chat.posts[-1].ts)
    start, busy = bench.time, ids[1:]
    for n in range(240):
        for job_id in busy[n % 3 :: 3]:
            bench.store.change(job_id, lambda old, n=n: old.evolve(message=f"{n} packets"))  # type: ignore[misc]
        if n == 120:
            bench.finish(ids[0], pods=1)
        await bench.step()
        if bench.store.posted(ids[0]).get(COMPLETE):
            break
        bench.time += 0.5
    assert bench.store.posted(ids[0]).get(COMPLETE) == "1"
    assert bench.time - start < 75, "the finished one waited behind live cards"
    assert bench.chat.updates <= 5 + (bench.time - start) * 0.75 + 1


class SlowChat(FakeChat):
    """Uploads of pcaps last until `gate` opens."""

    gate: asyncio.Event

    async def upload(self, channel: str, thread_ts: str, upload: Upload, on_id: object) -> str:
        if channel:
            chunks = upload.chunks

            async def gated() -> AsyncIterator[bytes]:
                await self.gate.wait()
                async for chunk in chunks():
                    yield chunk

            upload = Upload(upload.name, upload.title, upload.size, gated)
        return await super().upload(channel, thread_ts, upload, on_id)  # type: ignore[arg-type]


async def test_upload_that_outlives_its_claim_is_not_started_twice() -> None:
    bench = Bench(SlowChat)
    bench.chat.gate = asyncio.Event()  # type: ignore[attr-defined]
    first, second = _with_quick_beat(bench), _with_quick_beat(bench)
    bench.new()
    bench.finish(pods=1, charts=0)
    uploading = asyncio.create_task(bench.step(first))
    while not bench.chat.files:
        if uploading.done():  # rate limits make it come back
            bench.time += 1.0
            uploading = asyncio.create_task(bench.step(first))
        await asyncio.sleep(0.01)
    for _ in range(6):
        bench.time += 20.0
        await asyncio.sleep(0.15)
        async with asyncio.timeout(10):  # a second upload would wait for the gate
            await bench.step(second)
    assert len(bench.chat.files) == 1
    bench.chat.gate.set()  # type: ignore[attr-defined]
    await uploading
    await bench.clean()
    assert bench.chat.shared() == [f"shop_checkout-0_{JOB}.pcap"]
    assert bench.posted()[COMPLETE] == "1"


def _with_quick_beat(bench: Bench) -> ThreadKeeper:
    """Return a keeper whose intents are renewed every 0.1 s of real time, for 60 s of the bench's."""

    class Beating(Ledger):
        def until(self, seconds: float) -> str:
            return str(self.now() + 60.0)

    ledger = Beating(bench.store, bench.now, Patience(upload_intent=0.3))
    deliverer = Deliverer(ledger, bench.chat, bench.artifacts)
    return ThreadKeeper(bench.store, bench.chat, bench.artifacts, now=bench.now, deliverer=deliverer)


async def test_full_pass_finds_a_thread_that_nobody_claims(bench: Bench) -> None:
    bench.new()
    bench.finish(pods=1)
    bench.store._dirty.clear()
    bench.time += 60
    await bench.keeper.full_pass()
    await bench.clean()
    assert bench.chat.parts() == ["card", "verdict"]
    bench.time += 60
    await bench.keeper.full_pass()
    assert not bench.store._dirty


async def test_run_and_stop() -> None:
    bench = Bench()
    bench.now = lambda: 1_000_000.0  # type: ignore[method-assign]
    keeper = bench.another(Tempo(wait=0.05, pace=Pace(card=0.05, capture=0.0)))
    running = asyncio.create_task(keeper.run())
    bench.new()
    async with asyncio.timeout(10):
        while not bench.chat.posts:  # noqa: ASYNC110 - the twin has no event to wait for
            await asyncio.sleep(0.01)
    await keeper.stop()
    await asyncio.wait_for(running, 5)
