"""Puts a stored file into Slack exactly once, in constant memory, however long it takes.

An upload may outlive the claim on its job, so its intent is a lease of its own: renewed while bytes flow, and
holding everybody else off. The file's id is recorded before anything can become visible; when an answer is lost,
the file is looked up by that id. Outcomes: done, NotYet, or "<part>.failed" with the reason.
"""

import asyncio
import contextlib
import functools
import secrets
import time
from collections.abc import AsyncIterator, Iterator

import structlog

from bot.ledger import Ledger, NotYet, aside
from bot.plan import settled, thread_of
from bot.ports import Chat, ChatLimited, ChatRefused, FileState, Upload
from workers.contract.errors import ChatUnavailable, StoreUnavailable
from workers.contract.job import Artifact, Job
from workers.contract.ports import ArtifactStore

log = structlog.get_logger()
START_GAP = 5.0
"""Seconds between two starts of one upload at least, so that the first one's intent is seen by the second."""
LOOK_AFTER = 3.0
"""Seconds after a lost answer until the file is looked up."""


class Uploads:
    """Uploads of one bot, `at_once` of them at the same time."""

    def __init__(self, ledger: Ledger, chat: Chat, artifacts: ArtifactStore, at_once: int) -> None:
        self._ledger = ledger
        self._chat = chat
        self._artifacts = artifacts
        self._room = asyncio.Semaphore(at_once)

    async def once(self, job: Job, part: str, artifact: Artifact, *, shared: bool) -> None:
        """Upload a file unless it is there; `shared` puts it into the thread, else only messages show it."""
        async with self._room:
            posted = await self._ledger.posted(job)
            if settled(posted, part):
                return
            if posted.get(f"{part}.try") and await self._arrived(job, part, posted, shared=shared):
                return
            # uploads may outlive their claim: only one bot at a time gets past this and records its intent
            if not await aside(self._ledger.store.once, f"upload:{job.id}:{part}", START_GAP):
                raise NotYet(START_GAP)
            channel, thread = (job.origin.channel, thread_of(job, posted)) if shared else ("", "")
            await self._upload(job, part, artifact, channel, thread)

    async def _arrived(self, job: Job, part: str, posted: dict[str, str], *, shared: bool) -> bool:
        """Find out what came of an earlier attempt. Raises NotYet while it may still be under way."""
        holds_for = float(posted[f"{part}.try"]) - self._ledger.now()
        if holds_for > 0:
            raise NotYet(min(holds_for, 5.0))
        file_id = posted.get(f"{part}.file")
        if not file_id:
            return False
        state: FileState = await self._ledger.call(self._chat.file_state(file_id, job.origin.channel if shared else ""))
        if state.exists and (state.shared or not shared):
            await self._ledger.record(job, **{part: file_id, f"{part}.at": str(self._ledger.now())})
            return True
        if state.exists and -holds_for < self._ledger.patience.share:
            raise NotYet(2.0)
        return False

    async def _upload(self, job: Job, part: str, artifact: Artifact, channel: str, thread: str) -> None:
        attempt = secrets.token_hex(8)

        async def remember(file_id: str) -> None:
            """Just before it becomes visible: is this attempt still the one? It may have been paused for long."""
            began = time.monotonic()
            posted = await self._ledger.posted(job)
            if settled(posted, part) or posted.get(f"{part}.by") != attempt:
                raise NotYet(START_GAP)
            await self._ledger.record(job, **{f"{part}.file": file_id})
            self._ledger.still(began)

        upload = Upload(
            artifact.name, artifact.title or artifact.name, artifact.size,
            functools.partial(read_chunks, self._artifacts, artifact.key), artifact.title,
        )  # fmt: skip
        until = self._ledger.until(self._ledger.patience.upload_intent)
        await self._ledger.record(job, **{f"{part}.try": until, f"{part}.by": attempt, f"{part}.file": ""})
        beat = asyncio.create_task(self._keep_intent(job, part))
        try:
            file_id = await self._chat.upload(channel, thread, upload, remember)
        except ChatLimited:
            await self._ledger.record(job, **{f"{part}.try": ""})
            raise
        except ChatRefused as refused:
            log.warning("upload_refused", part=part, reason=refused.reason, **job.log_context())
            await self._ledger.record(job, **{f"{part}.try": "", f"{part}.failed": refused.reason})
        except KeyError:
            await self._ledger.record(job, **{f"{part}.try": "", f"{part}.failed": "the stored file is gone"})
        except ChatUnavailable:
            # it may have arrived: look after a moment, by the id
            await _ended(beat)
            await self._ledger.record(job, **{f"{part}.try": self._ledger.until(LOOK_AFTER)})
            raise
        else:
            await self._ledger.record(job, **{part: file_id, f"{part}.at": str(self._ledger.now())})
        finally:
            await _ended(beat)

    async def _keep_intent(self, job: Job, part: str) -> None:
        while True:
            await asyncio.sleep(self._ledger.patience.upload_intent / 3)
            with contextlib.suppress(StoreUnavailable):
                await self._ledger.record(
                    job, **{f"{part}.try": self._ledger.until(self._ledger.patience.upload_intent)}
                )


async def read_chunks(artifacts: ArtifactStore, key: str) -> AsyncIterator[bytes]:
    """Yield a stored file's bytes without blocking the loop, one chunk in memory. Raises KeyError if it is gone."""
    chunks: Iterator[bytes] = await aside(artifacts.read, key)
    while (chunk := await aside(next, chunks, None)) is not None:
        yield chunk


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
