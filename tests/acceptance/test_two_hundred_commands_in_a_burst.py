"""200 slash commands in one moment, to a bot as it ships: each acknowledged in time, none lost, none doubled."""

import asyncio
from collections import Counter

import pytest
import redis

from deploy.playground.stack import Stack
from tests.support.crowd import USERS, percentiles
from tests.support.stack import until
from workers.queue import QUEUE
from workers.state import RedisJobStore

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACK_SECONDS = 3.0
"""Slack's own limit."""


async def test_each_is_acknowledged_done_and_answered_once(bare_stack: Stack) -> None:
    bot = await bare_stack.start_bot()
    slack = bare_stack.slack
    people = [slack.workspace.add_person(f"user{number}") for number in range(USERS)]
    lines = {user.id: _line(number) for number, user in enumerate(people)}
    await asyncio.gather(*(slack.people.command(user.name, "incidents", lines[user.id]) for user in people))
    acks = slack.context.journal.find("delivery", "/capture")
    assert [entry["acked"] for entry in acks] == [True] * USERS
    seconds = [entry["ack_seconds"] for entry in acks]
    print(f"{USERS} slash commands in a burst: {percentiles(seconds)}")
    assert max(seconds) < ACK_SECONDS
    wanted = {user for user, line in lines.items() if "deploy/" in line}
    await until(lambda: _answered(bare_stack) >= set(lines), 90, "an answer for everyone")
    assert await bare_stack.stop(bot) == 0, "it finishes what it began, so that a second answer would be here by now"
    jobs = _jobs(bare_stack)
    assert {person: len(ids) for person, ids in jobs.items()} == dict.fromkeys(wanted, 1)
    told = Counter(message.ephemeral_to for message in slack.workspace.ephemerals)
    assert told == Counter(lines.keys()), "one answer each"
    for person, line in lines.items():
        answer = _answer(bare_stack, person)
        assert all(one in answer for one in jobs.get(person, [])), (line, answer)


def _line(number: int) -> str:
    """Three of four ask for a capture of their own, the fourth looks at the list."""
    return "/capture list" if number % 4 == 3 else f"/capture deploy/checkout -n shop port {1000 + number} for 5s"


def _answered(stack: Stack) -> set[str]:
    return {message.ephemeral_to or "" for message in stack.slack.workspace.ephemerals}


def _answer(stack: Stack, person: str) -> str:
    return next(m.text + str(m.blocks) for m in stack.slack.workspace.ephemerals if m.ephemeral_to == person)


def _jobs(stack: Stack) -> dict[str, list[str]]:
    """The ids of everyone's jobs, each of them queued once."""
    store, broker = RedisJobStore(stack.redis_url), redis.Redis.from_url(stack.redis_url)
    try:
        found: dict[str, list[str]] = {}
        for job in store.recent(2 * USERS):
            found.setdefault(job.requester.id, []).append(job.id)
        assert broker.llen(QUEUE) == sum(map(len, found.values()))
        return found
    finally:
        store.close()
        broker.close()
