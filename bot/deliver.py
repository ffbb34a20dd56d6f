"""Does one step of a thread's plan, exactly once however often it is tried, by whichever bot.

Before a message an intent ("<part>.try") is recorded, after it the id. An intent without an id means that
somebody may have posted: the thread is searched before posting again. Outcomes: done (None), come back in n
seconds (NotYet raised, or a float for what may be skipped), or refused for good ("<part>.failed").
"""

import contextlib
import hashlib
import json
import time
from dataclasses import dataclass, field

import structlog

from bot import messages
from bot.ledger import Ledger, NotYet, aside
from bot.messages import ChartRef, Message
from bot.plan import ALSO, CARD, VERDICT, Kind, Step, charts, join_key, joined_place, settled, thread_of
from bot.ports import Chat, ChatLimited, ChatRefused, Key
from bot.uploads import Uploads
from workers.contract import codec
from workers.contract.errors import ChatUnavailable
from workers.contract.job import Job
from workers.contract.ports import ArtifactStore
from workers.contract.report import Report

log = structlog.get_logger()

BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
CARD_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"})


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


@dataclass
class Deliverer:
    """Carries out steps."""

    ledger: Ledger
    chat: Chat
    artifacts: ArtifactStore
    rates: Rates = field(default_factory=Rates)

    def __post_init__(self) -> None:
        self._uploads = Uploads(self.ledger, self.chat, self.artifacts, self.rates.uploads)

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
                await self._uploads.once(job, step.part, step.artifact, shared=False)
            case Kind.POST_VERDICT:
                await self._post_verdict(job)
            case Kind.POST_JOINED:
                await self._post_joined(job, step.part)
            case Kind.UPLOAD_FILE if step.artifact:
                await self._uploads.once(job, step.part, step.artifact, shared=True)
            case Kind.POST_NOTICE:
                await self._post_notice(job, step.part)
        return None

    # -- messages --------------------------------------------------------------------------------------------

    async def _post_card(self, job: Job) -> None:
        message = messages.card(job, self.ledger.now())
        if await self._post_once(job, CARD, [("full", message), ("text", Message(message.text, []))]):
            await self.ledger.record(job, **{"card.digest": digest_of(message), "card.at": str(self.ledger.now())})

    async def _update_card(self, job: Job) -> float | None:
        posted = await self.ledger.posted(job)
        message = messages.card(job, self.ledger.now())
        reserve = 0 if job.final else self.rates.update_reserve
        rate, burst = self.rates.update_per_second, self.rates.update_burst
        wait = await aside(self.ledger.store.take, "chat.update", per_second=rate, burst=burst, reserve=reserve)
        if wait > 0:
            return wait
        try:
            await self.ledger.call(self.chat.update(job.origin.channel, posted[CARD], message))
        except ChatLimited as limited:
            return limited.retry_after
        except ChatRefused as refused:
            await self._card_refused(job, refused, digest_of(message))
            return None
        await self.ledger.record(job, **{"card.digest": digest_of(message), "card.at": str(self.ledger.now())})
        return None

    async def _card_refused(self, job: Job, refused: ChatRefused, digest: str) -> None:
        log.warning("card_update_refused", reason=refused.reason, **job.log_context())
        if refused.reason in CARD_GONE:
            await self.ledger.record(job, **{"card.gone": refused.reason})
        else:  # this content will not do; the next one may
            await self.ledger.record(job, **{"card.digest": digest, "card.at": str(self.ledger.now())})

    async def _tell_failure(self, job: Job) -> None:
        """Tell the requester alone, at most once: an ephemeral message cannot be looked for afterwards."""
        await self.ledger.record(job, failure="told")
        if job.error_code == "queue_unavailable" or not job.message:
            return  # told at once by whoever tried to enqueue it
        message = messages.refusal(job.message)
        with contextlib.suppress(ChatRefused, ChatUnavailable):  # the card says it as well
            channel, thread = job.origin.channel, job.origin.thread_ts
            await self.ledger.call(self.chat.ephemeral(channel, job.requester.id, thread, message))

    async def _post_verdict(self, job: Job) -> None:
        refs = await self._chart_refs(job)
        report = await self._report(job)
        also = [key.removeprefix(ALSO) for key in sorted(await self.ledger.posted(job)) if key.startswith(ALSO)]
        plain = messages.verdict(report, job, [], also)
        shapes = [("plain", plain), ("text", Message(plain.text, []))]
        wanted = len(charts(job))
        if refs or not wanted:
            full = messages.verdict(report, job, refs, also) if refs else plain
            shapes.insert(0, ("full" if len(refs) == wanted else "plain", full))
        await self._post_once(job, VERDICT, shapes)

    async def _post_joined(self, job: Job, part: str) -> None:
        """Bring the verdict to another thread whose people joined this capture."""
        channel, thread = joined_place(part)
        posted = await self.ledger.posted(job)
        link = ""
        if posted.get(CARD):
            with contextlib.suppress(ChatRefused):
                link = await self.ledger.call(self.chat.permalink(job.origin.channel, posted[CARD]))
        refs = await self._chart_refs(job)
        user = posted[join_key(channel, thread)]
        message = messages.joined_verdict(await self._report(job), job, refs, user, link)
        shapes = [("full", message), ("text", Message(message.text, []))]
        await self._post_once(job, part, shapes, place=(channel, thread))

    async def _chart_refs(self, job: Job) -> list[ChartRef]:
        """Return the charts that can be shown now. A message that names an unprocessed file is refused."""
        posted = await self.ledger.posted(job)
        refs = []
        for part, artifact in charts(job):
            if settled(posted, part) != "posted":
                continue
            state = await self.ledger.call(self.chat.file_state(posted[part]))
            waited = self.ledger.now() - float(posted.get(f"{part}.at", 0))
            if state.ready:
                refs.append(ChartRef(posted[part], artifact.title or artifact.name))
            elif waited < self.ledger.patience.file_ready:
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
        reason = (await self.ledger.posted(job)).get(f"{about}.failed", "")
        name = about.split(":")[-1]
        message = messages.refusal(f"The file {name} could not be put into this thread: Slack said {reason}.")
        await self._post_once(job, part, [("full", message)])

    async def _post_once(
        self, job: Job, part: str, shapes: list[tuple[str, Message]], *, place: tuple[str, str] | None = None
    ) -> bool:
        """Post the first of `shapes` that Slack takes, unless the thread has the part already; say if it did.

        `place` is another channel and thread than the job's own.
        """
        began = time.monotonic()
        posted = await self.ledger.posted(job)
        if settled(posted, part):
            return False
        channel, thread = place or (job.origin.channel, thread_of(job, posted))
        key = Key(job.id, part)
        if posted.get(f"{part}.try"):
            found = await self.ledger.call(self.chat.find_post(channel, thread, key, job.created - 60))
            if found is not None:
                await self.ledger.record(job, **{part: found})
                return False
        refused = posted.get(f"{part}.refused", "").split()
        for shape, message in shapes:
            if shape in refused:
                continue
            await self._token(f"post:{channel}")
            await self.ledger.record(job, **{f"{part}.try": str(self.ledger.now()), f"{part}.shape": shape})
            self.ledger.still(began)
            try:
                ts = await self.ledger.call(self.chat.post(channel, thread, message, key=key))
            except ChatLimited:
                await self.ledger.record(job, **{f"{part}.try": ""})
                raise
            except ChatRefused as no:
                log.warning("post_refused", part=part, shape=shape, reason=no.reason, **job.log_context())
                refused.append(shape)
                # remembered, so that the next shape is not starved of its turn by trying this one again
                await self.ledger.record(job, **{f"{part}.try": "", f"{part}.refused": " ".join(refused)})
                if no.reason in BAD_BLOCKS and shape != shapes[-1][0]:
                    continue
                await self.ledger.record(job, **{f"{part}.failed": no.reason})
                return False
            await self.ledger.record(job, **{part: ts})
            return True
        return False

    async def _token(self, bucket: str) -> None:
        rate, burst = self.rates.post_per_second, self.rates.post_burst
        wait = await aside(self.ledger.store.take, bucket, per_second=rate, burst=burst)
        if wait > 0:
            raise NotYet(wait)


def digest_of(message: Message) -> str:
    """Return a short digest of a message's content, equal for equal content."""
    content = json.dumps([message.text, message.blocks], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
