"""kill -9 of the bot, while it captures and while it delivers: the next one goes on, says all, says nothing twice."""

import asyncio
import signal
from collections import Counter

import pytest

from deploy.playground.stack import Part, Stack
from tests.support.captures import Desk
from tests.support.stack import Incident, until
from workers.contract.job import JobState

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_nothing_lost_and_nothing_said_twice(bare_stack: Stack, incident: Incident, desk: Desk) -> None:
    _, first = await asyncio.gather(bare_stack.start_worker(), bare_stack.start_bot())
    await incident.mention("capture deploy/checkout -n shop port 8080 for 6s")
    job = await incident.job()
    await desk.capturing(job.id)
    await until(lambda: desk.store.posted(job.id).get("card"), 30, "the card")
    await _kill(bare_stack, first)
    second = await bare_stack.start_bot()
    await desk.until(job.id, lambda now: now.final, 90, "the end")
    await until(lambda: len(desk.store.posted(job.id)) > 1, 60, "the delivery's first step")
    await _kill(bare_stack, second)
    await bare_stack.start_bot()
    done = await incident.finished()
    assert done.state is JobState.DONE
    wanted = sorted(artifact.name for artifact in done.artifacts if artifact.kind == "pcap")
    await until(lambda: sorted(file.name for file in incident.files()) == wanted, 120, "every pcap, once")
    await until(lambda: _settled(desk, job.id), 120, "a thread that shows it all")
    assert sorted(file.name for file in incident.files()) == wanted
    texts = Counter(message.text for message in incident.said() if message.text)
    assert [text for text, times in texts.items() if times > 1] == []
    verdicts = [message for message in incident.said() if done.verdict[:50] in message.text + str(message.blocks)]
    cards = [message for message in incident.said() if message.ts == desk.store.posted(job.id)["card"]]
    assert len(cards) == 1
    assert len([message for message in verdicts if message not in cards]) == 1


async def _kill(stack: Stack, bot: Part) -> None:
    await stack.stop(bot, signal.SIGKILL)


def _settled(desk: Desk, job_id: str) -> bool:
    """Whether no bot has anything left to show for the job."""
    return desk.store._redis.zscore("tc:dirty", job_id) is None
