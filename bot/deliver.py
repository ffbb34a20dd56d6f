"""Does one step of a thread's plan, exactly once however often it is tried, by whichever bot.

Before a message an intent ("<part>.try") is recorded, after it the id. An intent without an id means that
somebody may have posted: the thread is searched before posting again. Outcomes: done (None), come back in n
seconds (NotYet raised, or a float for what may be skipped), or refused for good ("<part>.failed").
"""

import asyncio
import contextlib
import functools
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from bot import messages
from bot.messages import ChartRef, Message
from bot.plan import CARD, VERDICT, Kind, Step, charts, settled, thread_of
from bot.ports import Chat, ChatLimited, ChatRefused, FileState, Key, Upload
from workers.contract import codec
from workers.contract.errors import ChatUnavailable, StoreUnavailable
from workers.contract.job import Artifact, Job
from workers.contract.ports import ArtifactStore, JobStore
from workers.contract.report import Report

T = TypeVar("T")
log = structlog.get_logger()

BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
CARD_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"})


class NotYet(Exception):
    """This step, and what follows it, must wait for `again_in` seconds."""

    def __init__(self, again_in: float) -> None:
        super().__init__(f"again in {again_in:.1f} s")
        self.again_in = again_in


@dataclass(frozen=True, slots=True)
class Rates:
    """The workspace's budgets, a little under Slack's: one message a second and channel, 50 edits a minute."""

    post_per_second: float = 0.9
    post_burst: int = 2
    update_per_second: float = 0.75
    update_burst: int = 5
    update_reserve: int = 3
    """Edits left for cards that have reached their last state."""
    uploads: int = 4
    """Uploads of one bot at the same time."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, things may take before they count as lost or hopeless."""

    call: float = 8.0
    """One call to the chat."""
    upload_intent: float = 15.0
    """How long an upload's intent holds after its last sign of life."""
    file_ready: float = 20.0
    """How long an uploaded chart may take until it can be shown in a message."""
    share: float = 60.0
    """How long an uploaded file may take to appear in the thread."""


@dataclass
class Deliverer:
    """Carries out steps. `now` gives epoch seconds, shared by all bots as far as their clocks agree."""

    store: JobStore
    chat: Chat
    artifacts: ArtifactStore
    now: Callable[[], float]
    rates: Rates = field(default_factory=Rates)
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        self._uploading = asyncio.Semaphore(self.rates.uploads)

    async def do(self, job: Job, step: Step) -> float | None:
        """Do `step`; a number is the seconds after which a skipped one may be tried again."""
        match step.kind:
            case Kind.POST_CARD:
                await self._post_card(job)
            case Kind.UPDATE_CARD:
                return await self._update_card(job)
            case Kind.TELL_FAILURE:
                await self._tell_failure(job)
            case Kind.UPLOAD_CHART if step.artifact:
                await self._file_once(job, step.part, step.artifact, shared=False)
            case Kind.POST_VERDICT:
                await self._post_verdict(job)
            case Kind.UPLOAD_FILE if step.artifact:
                await self._file_once(job, step.part, step.artifact, shared=True)
            case Kind.POST_NOTICE:
                await self._post_notice(job, step.part)
        return None

    # -- messages --------------------------------------------------------------------------------------------

    async def _post_card(self, job: Job) -> None:
        message = messages.card(job, self.now())
        if await self._post_once(job, CARD, [("full", message)]):
            await self._record(job, **{"card.digest": digest_of(message), "card.at": str(self.now())})

    async def _update_card(self, job: Job) -> float | None:
        posted = await self._posted(job)
        message = messages.card(job, self.now())
        reserve = 0 if job.final else self.rates.update_reserve
        rate, burst = self.rates.update_per_second, self.rates.update_burst
        wait = await aside(self.store.take, "chat.update", per_second=rate, burst=burst, reserve=reserve)
        if wait > 0:
            return wait
        try:
            await self._call(self.chat.update(job.origin.channel, posted[CARD], message))
        except ChatLimited as limited:
            return limited.retry_after
        except ChatRefused as refused:
            await self._card_refused(job, refused, digest_of(message))
            return None
        await self._record(job, **{"card.digest": digest_of(message), "card.at": str(self.now())})
        return None

    async def _card_refused(self, job: Job, refused: ChatRefused, digest: str) -> None:
        log.warning("card_update_refused", reason=refused.reason, **job.log_context())
        if refused.reason in CARD_GONE:
            await self._record(job, **{"card.gone": refused.reason})
        else:  # this content will not do; the next one may
            await self._record(job, **{"card.digest": digest, "card.at": str(self.now())})

    async def _tell_failure(self, job: Job) -> None:
        """Tell the requester alone, at most once: an ephemeral message cannot be looked for afterwards."""
        await self._record(job, failure="told")
        if job.error_code == "queue_unavailable" or not job.message:
            return  # told at once by whoever tried to enqueue it
        message = messages.refusal(job.message)
        with contextlib.suppress(ChatRefused, ChatUnavailable):  # the card says it as well
            channel, thread = job.origin.channel, job.origin.thread_ts
            await self._call(self.chat.ephemeral(channel, job.requester.id, thread, message))

    async def _post_verdict(self, job: Job) -> None:
        refs = await self._chart_refs(job)
        report = await self._report(job)
        plain = messages.verdict(report, job, [])
        shapes = [("plain", plain), ("text", Message(plain.text, []))]
        wanted = len(charts(job))
        if refs or not wanted:
            full = messages.verdict(report, job, refs) if refs else plain
            shapes.insert(0, ("full" if len(refs) == wanted else "plain", full))
        await self._post_once(job, VERDICT, shapes)

    async def _chart_refs(self, job: Job) -> list[ChartRef]:
        """Return the charts that can be shown now. A message that names an unprocessed file is refused."""
        posted = await self._posted(job)
        refs = []
        for part, artifact in charts(job):
            if settled(posted, part) != "posted":
                continue
            state = await self._call(self.chat.file_state(posted[part]))
            waited = self.now() - float(posted.get(f"{part}.at", 0))
            if state.ready:
                refs.append(ChartRef(posted[part], artifact.title or artifact.name))
            elif waited < self.patience.file_ready:
                raise NotYet(0.5)
        return refs

    async def _report(self, job: Job) -> Report | None:
        if job.report is None:
            return None
        key = job.report.key
        try:
            raw = await aside(lambda: b"".join(self.artifacts.read(key)))
            return codec.decode(Report, json.loads(raw))
        except (KeyError, ValueError) as error:
            log.exception("report_unreadable", key=key, kind=type(error).__name__, **job.log_context())
            return None

    async def _post_notice(self, job: Job, part: str) -> None:
        about = part.removeprefix("notice:")
        reason = (await self._posted(job)).get(f"{about}.failed", "")
        name = about.split(":")[-1]
        message = messages.refusal(f"The file {name} could not be put into this thread: Slack said {reason}.")
        await self._post_once(job, part, [("full", message)])

    async def _post_once(self, job: Job, part: str, shapes: list[tuple[str, Message]]) -> bool:
        """Post the first of `shapes` that Slack takes, unless the thread has the part already; say if it did."""
        posted = await self._posted(job)
        if settled(posted, part):
            return False
        channel, thread = job.origin.channel, thread_of(job, posted)
        key = Key(job.id, part)
        if posted.get(f"{part}.try"):
            found = await self._call(self.chat.find_post(channel, thread, key, job.created - 60))
            if found is not None:
                await self._record(job, **{part: found})
                return False
        refused = posted.get(f"{part}.refused", "").split()
        for shape, message in shapes:
            if shape in refused:
                continue
            await self._token(f"post:{channel}")
            await self._record(job, **{f"{part}.try": str(self.now()), f"{part}.shape": shape})
            try:
                ts = await self._call(self.chat.post(channel, thread, message, key=key))
            except ChatLimited:
                await self._record(job, **{f"{part}.try": ""})
                raise
            except ChatRefused as no:
                log.warning("post_refused", part=part, shape=shape, reason=no.reason, **job.log_context())
                refused.append(shape)
                # remembered, so that the next shape is not starved of its turn by trying this one again
                await self._record(job, **{f"{part}.try": "", f"{part}.refused": " ".join(refused)})
                if no.reason in BAD_BLOCKS and shape != shapes[-1][0]:
                    continue
                await self._record(job, **{f"{part}.failed": no.reason})
                return False
            await self._record(job, **{part: ts})
            return True
        return False

    # -- files -----------------------------------------------------------------------------------------------

    async def _file_once(self, job: Job, part: str, artifact: Artifact, *, shared: bool) -> None:
        """Upload a file unless it is there; `shared` puts it into the thread, else only messages show it."""
        async with self._uploading:
            posted = await self._posted(job)
            if settled(posted, part):
                return
            if posted.get(f"{part}.try") and await self._arrived(job, part, posted, shared=shared):
                return
            # uploads may outlive their claim: only one bot at a time gets past this and records its intent
            if not await aside(self.store.once, f"upload:{job.id}:{part}", 5.0):
                raise NotYet(5.0)
            channel, thread = (job.origin.channel, thread_of(job, posted)) if shared else ("", "")
            await self._upload(job, part, artifact, channel, thread)

    async def _arrived(self, job: Job, part: str, posted: dict[str, str], *, shared: bool) -> bool:
        """Find out what came of an earlier attempt. Raises NotYet while it may still be under way."""
        holds_for = float(posted[f"{part}.try"]) - self.now()
        if holds_for > 0:
            raise NotYet(min(holds_for, 5.0))
        file_id = posted.get(f"{part}.file")
        if not file_id:
            return False
        state: FileState = await self._call(self.chat.file_state(file_id, job.origin.channel if shared else ""))
        if state.exists and (state.shared or not shared):
            await self._record(job, **{part: file_id, f"{part}.at": str(self.now())})
            return True
        if state.exists and -holds_for < self.patience.share:
            raise NotYet(2.0)
        return False

    async def _upload(self, job: Job, part: str, artifact: Artifact, channel: str, thread: str) -> None:
        async def remember(file_id: str) -> None:
            await self._record(job, **{f"{part}.file": file_id})

        upload = Upload(
            artifact.name, artifact.title or artifact.name, artifact.size,
            functools.partial(read_chunks, self.artifacts, artifact.key), artifact.title,
        )  # fmt: skip
        await self._record(job, **{f"{part}.try": self._until(self.patience.upload_intent), f"{part}.file": ""})
        beat = asyncio.create_task(self._keep_intent(job, part))
        try:
            file_id = await self.chat.upload(channel, thread, upload, remember)
        except ChatLimited:
            await self._record(job, **{f"{part}.try": ""})
            raise
        except ChatRefused as refused:
            log.warning("upload_refused", part=part, reason=refused.reason, **job.log_context())
            await self._record(job, **{f"{part}.try": "", f"{part}.failed": refused.reason})
        except KeyError:
            await self._record(job, **{f"{part}.try": "", f"{part}.failed": "the stored file is gone"})
        except ChatUnavailable:
            # it may have arrived: look after a moment, by the id
            await _ended(beat)
            await self._record(job, **{f"{part}.try": self._until(3.0)})
            raise
        else:
            await self._record(job, **{part: file_id, f"{part}.at": str(self.now())})
        finally:
            await _ended(beat)

    async def _keep_intent(self, job: Job, part: str) -> None:
        while True:
            await asyncio.sleep(self.patience.upload_intent / 3)
            with contextlib.suppress(StoreUnavailable):
                await self._record(job, **{f"{part}.try": self._until(self.patience.upload_intent)})

    # -- small things ----------------------------------------------------------------------------------------

    async def _token(self, bucket: str) -> None:
        rate, burst = self.rates.post_per_second, self.rates.post_burst
        wait = await aside(self.store.take, bucket, per_second=rate, burst=burst)
        if wait > 0:
            raise NotYet(wait)

    async def _call(self, call: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(call, self.patience.call)
        except TimeoutError as error:
            raise ChatUnavailable("Slack does not answer. The thread catches up later.", detail="timeout") from error

    def _until(self, seconds: float) -> str:
        return str(self.now() + seconds)

    async def _posted(self, job: Job) -> dict[str, str]:
        return await aside(self.store.posted, job.id)

    async def _record(self, job: Job, **ids: str) -> None:
        await aside(self.store.record_posted, job.id, **ids)


async def aside(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run a blocking call of the stores beside the event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


def digest_of(message: Message) -> str:
    """Return a short digest of a message's content, equal for equal content."""
    content = json.dumps([message.text, message.blocks], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


async def read_chunks(artifacts: ArtifactStore, key: str) -> AsyncIterator[bytes]:
    """Yield a stored file's bytes without blocking the loop, one chunk in memory. Raises KeyError if it is gone."""
    chunks: Iterator[bytes] = await aside(artifacts.read, key)
    while (chunk := await aside(next, chunks, None)) is not None:
        yield chunk


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
