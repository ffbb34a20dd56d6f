"""Whatever fails, whenever, and whoever dies: the thread ends complete, in order, with nothing said twice."""

import asyncio
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot import messages
from bot.plan import CARD, COMPLETE, VERDICT
from bot.thread import Tempo, ThreadKeeper
from tests.support import jobs
from tests.support.examples import examples
from tests.support.twins import FakeChat, Killed
from workers.contract.job import JobState
from workers.memory import InMemoryJobStore, MemoryArtifacts

FAULTS = ("ok", "ok", "ok", "limited", "lost", "unavailable", "killed-before", "killed-after")
CLAIM = 15.0


class Mortal:
    """A store as one process sees it: after the process was killed nothing it asks for happens."""

    def __init__(self, store: InMemoryJobStore) -> None:
        self._store = store
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        if self.dead:
            raise Killed
        return getattr(self._store, name)


class World:
    """One job's world: a store, a chat, artifacts, a clock that the test moves, and mortal bots."""

    def __init__(self, faults: Iterator[str]) -> None:
        self.time = 1_000_000.0
        self.store = InMemoryJobStore(self.now)
        self.artifacts = MemoryArtifacts()
        self.chat = FakeChat(self.now, faults)
        self.bots = [self.bot(), self.bot()]

    def now(self) -> float:
        return self.time

    def bot(self) -> tuple[Mortal, ThreadKeeper]:
        mortal = Mortal(self.store)
        keeper = ThreadKeeper(mortal, self.chat, self.artifacts, tempo=Tempo(claim=CLAIM), now=self.now)
        return mortal, keeper

    async def round(self, which: int) -> None:
        """Let one bot do what is due; should it die, another takes its place."""
        mortal, keeper = self.bots[which % 2]
        try:
            for dirty in mortal.claim_dirty(keeper.owner, CLAIM, 10):
                await keeper.tend(dirty)
        except Killed:
            mortal.dead = True
            self.bots[which % 2] = self.bot()

    async def until_clean(self) -> None:
        for turn in range(2000):
            if not self.store._dirty:
                return
            await self.round(turn)
            self.time += 1.5
        raise AssertionError(f"never complete: {self.store.posted('abcd2345')}")


async def play(faults: list[str], turns: list[int], thread: str, pods: int, charts: int, joined: int = 0) -> None:
    world = World(iter(faults))
    world.store.create(jobs.job(thread=thread, created=world.time))
    for number in range(joined):
        world.store.record_posted("abcd2345", **{f"join:C9:{number}.0": "U2"})
    for turn in turns:
        if turn == 0 and not world.store.get("abcd2345").final:
            jobs.advance(world.store, world.artifacts, "abcd2345", pods=pods, charts=charts)
        elif turn < 3:
            await world.round(turn)
        world.time += turn * 0.7
    while not world.store.get("abcd2345").final:
        jobs.advance(world.store, world.artifacts, "abcd2345", pods=pods, charts=charts)
    await world.until_clean()
    check(world, thread, joined)


def check(world: World, thread: str, joined: int) -> None:
    job, chat = world.store.get("abcd2345"), world.chat
    assert world.store.posted(job.id)[COMPLETE] == "1"
    parts = chat.parts()
    assert sorted(set(parts)) == sorted(parts), "said twice"
    assert parts[:2] == [CARD, VERDICT], "lost or out of order"
    assert chat.posts[0].message == messages.card(job, world.time), "an old card"
    assert sorted(chat.shared()) == sorted(a.name for a in job.artifacts if a.kind == "pcap"), "files lost or doubled"
    root = thread or chat.posts[0].ts
    assert chat.posts[0].thread_ts == thread
    assert {post.thread_ts for post in chat.posts[1:] if post.channel == "C1"} == {root}
    others = [(post.channel, post.thread_ts) for post in chat.posts if post.channel != "C1"]
    assert sorted(others) == [("C9", f"{number}.0") for number in range(joined)], "a joined thread missed or told twice"
    assert {file.thread_ts for file in chat.files.values() if file.channel} <= {root}
    assert len([part for part in parts if part.startswith("notice")]) == 0


@settings(max_examples=examples(150), deadline=None)
@given(
    faults=st.lists(st.sampled_from(FAULTS), max_size=40),
    turns=st.lists(st.integers(0, 6), max_size=25),
    thread=st.sampled_from(["", "7.000000"]),
    pods=st.integers(0, 3),
    charts=st.integers(0, 2),
    joined=st.integers(0, 2),
)
def test_exactly_once_whatever_fails(
    faults: list[str], turns: list[int], thread: str, pods: int, charts: int, joined: int
) -> None:
    asyncio.run(play(faults, turns, thread, pods, charts, joined))


def test_job_that_ends_before_anyone_looked_still_gets_its_card() -> None:
    asyncio.run(play([], [0, 0, 0, 0, 0], "", 1, 1))
    assert JobState.DONE in jobs.WAY
