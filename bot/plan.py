"""Pure: what a job's thread still lacks. In: the job, what was posted, the time. Out: steps, in order.

A job's thread holds, in this order: the card (edited in place), the verdict with its charts, the pcap files. A dry
run's card is all there is. Who joined a capture is remembered as "join:<channel>:<thread>", and that thread gets the
verdict, too; or as "also:<person>", named in the verdict.
`posted` maps names to Slack ids: "<part>" once it is there, "<part>.try" while an attempt may be under way,
"<part>.failed" with a reason when it never will be. No I/O and no clock of its own in here.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from workers.contract.job import Artifact, Job, JobState
from workers.contract.spec import Mode

CARD = "card"
VERDICT = "verdict"
FAILURE = "failure"
COMPLETE = "complete"
JOIN = "join:"
JOINED = "joined:"
ALSO = "also:"
SOON = 5.0
"""Seconds after which a live job is looked at again at the latest."""


class Kind(enum.StrEnum):
    """What a step does."""

    POST_CARD = "post_card"
    UPDATE_CARD = "update_card"
    TELL_FAILURE = "tell_failure"
    UPLOAD_CHART = "upload_chart"
    POST_VERDICT = "post_verdict"
    POST_JOINED = "post_joined"
    UPLOAD_FILE = "upload_file"
    POST_NOTICE = "post_notice"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `part` is its name in `posted`; `artifact` the file it is about."""

    kind: Kind
    part: str
    artifact: Artifact | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a live card may change: every max(card, capture x live captures) seconds."""

    card: float = 5.0
    capture: float = 1.5

    def interval(self, live: int) -> float:
        """Return the seconds between two updates of one card while `live` captures run."""
        return max(self.card, self.capture * live)


def artifact_part(index: int, artifact: Artifact) -> str:
    """Return the name under which an artifact's delivery is remembered."""
    return f"{artifact.kind}:{index}:{artifact.name}"


def charts(job: Job) -> list[tuple[str, Artifact]]:
    """Return (part, artifact) of the job's charts."""
    return [(artifact_part(i, a), a) for i, a in enumerate(job.artifacts) if a.kind == "chart"]


def join_key(channel: str, thread: str) -> str:
    """Return the name under which a joined thread is remembered; `thread` "" is the channel itself."""
    return f"{JOIN}{channel}:{thread}"


def joined_place(part: str) -> tuple[str, str]:
    """Return the channel and thread that a joined part belongs to."""
    channel, _, thread = part.removeprefix(JOINED).partition(":")
    return channel, thread


def thread_of(job: Job, posted: Mapping[str, str]) -> str:
    """Return the ts of the thread the results go to: the request's own, else the card's."""
    return job.origin.thread_ts or posted.get(CARD, "")


def plan(job: Job, posted: Mapping[str, str], now: float, *, digest: str, interval: float) -> list[Step]:
    """Return what to do so that the thread shows `job`; `digest` is of the card as it should be now."""
    if not job.origin.channel or settled(posted, CARD) == "failed":
        return [step for step in _results(job, posted) if step.kind is Kind.POST_JOINED]
    if CARD not in posted:
        return [Step(Kind.POST_CARD, CARD), *_results(job, posted)]
    results = _results(job, posted)
    if not card_due(job, posted, now, digest=digest, interval=interval):
        return results
    # after the verdict, before the files: an upload may take minutes
    at = next((i for i, step in enumerate(results) if step.kind is Kind.UPLOAD_FILE), len(results))
    return [*results[:at], Step(Kind.UPDATE_CARD, CARD), *results[at:]]


def card_due(job: Job, posted: Mapping[str, str], now: float, *, digest: str, interval: float) -> bool:
    """Whether the card shows something old and may be edited now. The last state never waits for the interval."""
    if posted.get("card.digest") == digest or "card.gone" in posted:
        return False
    return job.final or now >= float(posted.get("card.at", 0)) + interval


def next_look(job: Job, posted: Mapping[str, str], now: float, *, digest: str, interval: float) -> float | None:
    """Return in how many seconds the job must be looked at though nothing may have changed, None for never."""
    if job.final or CARD not in posted or "card.gone" in posted or not job.origin.channel:
        return None
    if posted.get("card.digest") == digest and job.state is not JobState.CAPTURING:
        return None
    due = float(posted.get("card.at", 0)) + interval
    return min(SOON, max(0.2, due - now))


def settled(posted: Mapping[str, str], part: str) -> str:
    """Return "posted", "failed" or "" when the part is still to be delivered."""
    if posted.get(part):
        return "posted"
    return "failed" if f"{part}.failed" in posted else ""


def _results(job: Job, posted: Mapping[str, str]) -> list[Step]:
    if not job.final:
        return []
    steps = [*_own_results(job, posted), *_joined(posted)]
    files = [] if _nothing_kept(job) else _files(job, posted)
    steps += files
    notices = [f"notice:{step.part}" for step in files if settled(posted, step.part) == "failed"]
    steps += [Step(Kind.POST_NOTICE, part) for part in notices]
    return [step for step in steps if not settled(posted, step.part)]


def _joined(posted: Mapping[str, str]) -> list[Step]:
    parts = sorted(JOINED + key.removeprefix(JOIN) for key in posted if key.startswith(JOIN))
    return [Step(Kind.POST_JOINED, part) for part in parts]


def _nothing_kept(job: Job) -> bool:
    return job.state is JobState.CANCELLED and job.discard


def _own_results(job: Job, posted: Mapping[str, str]) -> list[Step]:
    """Return what the job's own thread gets before the files."""
    if job.state is JobState.FAILED:
        return [Step(Kind.TELL_FAILURE, FAILURE)]
    if _nothing_kept(job) or _says_all_on_its_card(job):
        return []
    steps = []
    if job.report is not None or job.state is not JobState.CANCELLED:
        if not settled(posted, VERDICT):
            steps += [Step(Kind.UPLOAD_CHART, part, artifact) for part, artifact in charts(job)]
        steps.append(Step(Kind.POST_VERDICT, VERDICT))
    return steps


def _says_all_on_its_card(job: Job) -> bool:
    """A dry run, and a recording that ended without anybody wanting what it held."""
    return job.spec.dry_run or (job.spec.mode is Mode.RECORD and job.report is None and not job.artifacts)


def _files(job: Job, posted: Mapping[str, str]) -> list[Step]:
    """Return the uploads of the pcaps, and of the charts when the verdict had to be posted without them."""
    parts = [(artifact_part(i, a), a) for i, a in enumerate(job.artifacts) if a.kind in ("merged", "pcap")]
    if posted.get(VERDICT) and posted.get("verdict.shape", "full") != "full":
        parts = [(f"shown:{part}", artifact) for part, artifact in charts(job)] + parts
    return [Step(Kind.UPLOAD_FILE, part, artifact) for part, artifact in parts]
