"""What several messages say about a job: its state, its pods, its people."""

from bot.messages.text import code, count, lasting, person, plain, size
from workers.contract.job import WAITING, Job, JobState, TargetProgress
from workers.contract.spec import Mode

MAX_PODS = 10

_EMOJI = {
    JobState.REQUESTED: ":hourglass_flowing_sand:",
    JobState.QUEUED: ":hourglass_flowing_sand:",
    JobState.RESOLVING: ":mag:",
    JobState.CAPTURING: ":large_blue_circle:",
    JobState.ANALYSING: ":large_blue_circle:",
    JobState.DELIVERING: ":large_blue_circle:",
    JobState.DONE: ":white_check_mark:",
    JobState.PARTIAL: ":warning:",
    JobState.FAILED: ":x:",
    JobState.CANCELLED: ":no_entry_sign:",
}
_WORDS = {
    JobState.REQUESTED: "Waiting for a worker",
    JobState.QUEUED: "Waiting for a worker",
    JobState.RESOLVING: "Finding the pods",
    JobState.CAPTURING: "Capturing",
    JobState.ANALYSING: "Analysing",
    JobState.DELIVERING: "Sending the results",
    JobState.DONE: "Done",
    JobState.PARTIAL: "Partly captured",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
}
_RECORDING = {JobState.CAPTURING: "Recording", JobState.DONE: "Recording ended"}
_GRABBING = {JobState.RESOLVING: "Taking what is kept", JobState.CAPTURING: "Taking what is kept"}
_PLANNING = {JobState.RESOLVING: "Making the plan", JobState.DONE: "Plan"}


def emoji(job: Job) -> str:
    """Return the one status emoji of a job."""
    if job.spec.dry_run and job.state is JobState.DONE:
        return ":memo:"
    return ":hourglass_flowing_sand:" if waits_for_pod(job) else _EMOJI[job.state]


def waits_for_pod(job: Job) -> bool:
    """Whether the job was asked to wait for a pod, and does."""
    return job.state is JobState.RESOLVING and job.spec.wait > 0 and bool(job.message)


def state_words(job: Job) -> str:
    """Return the state in words, with a stop that is on its way."""
    if job.stop_by is not None and not job.final and job.state is not JobState.DELIVERING:
        return "Discarding" if job.discard else "Stopping"
    if job.state is JobState.CANCELLED and job.discard and job.started is not None:
        return "Discarded"
    if waits_for_pod(job):
        return "Waiting for a pod"
    if job.spec.dry_run:
        return _PLANNING.get(job.state, _WORDS[job.state])
    own = {Mode.RECORD: _RECORDING, Mode.GRAB: _GRABBING}.get(job.spec.mode, {})
    return own.get(job.state, _WORDS[job.state])


def stopped_by(job: Job) -> str:
    """Return who ended it and what became of the packets, or ""."""
    if job.stop_by is None:
        return ""
    who = person(job.stop_by)
    if not job.final:
        return f"{who} asked to {'discard' if job.discard else 'stop'} it."
    if job.state is JobState.CANCELLED and job.spec.mode is Mode.RECORD and job.started is not None:
        return f"Discarded by {who}; what was grabbed before is kept."
    if job.state is JobState.CANCELLED:
        return f"Discarded by {who}; nothing was kept." if job.started is not None else f"Cancelled by {who}."
    if job.discard:
        return f"{who} asked to discard it, too late."
    return f"Stopped by {who}; what {'it held' if job.spec.mode is Mode.RECORD else 'was captured'} is kept."


def time_left(job: Job, now: float) -> str:
    """Return how long the capture still runs, or ""."""
    if job.state is not JobState.CAPTURING or job.deadline is None or job.stop_by is not None:
        return ""
    left = round(job.deadline - now)
    return f"{lasting(left)} left" if left > 0 else "ending now"


def extended_by(job: Job) -> str:
    """Return who asked last for more time, while it runs, or ""."""
    if job.extended_by is None or job.state is not JobState.CAPTURING:
        return ""
    return f"extended by {person(job.extended_by)}"


def pods(job: Job) -> int | None:
    """Return how many pods are captured, None until they are known."""
    return len({(target.namespace, target.pod or target.node) for target in job.targets}) or None


def methods(job: Job) -> str:
    """Return the ways packets are taken, or ""."""
    names = sorted({target.method for target in job.targets if target.method})
    return f"method {', '.join(plain(name, 40) for name in names)}" if names else ""


def pod_lines(job: Job) -> str:
    """Return one line a target, live counters and drops; ten at most."""
    several = len({target.namespace for target in job.targets}) > 1
    lines = [_pod_line(target, several) for target in job.targets[:MAX_PODS]]
    more = len(job.targets) - MAX_PODS
    return "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])


def _pod_line(target: TargetProgress, several: bool) -> str:
    """`several`: there are pods of more than one namespace, so each names its own."""
    pod = target.pod or f"node/{target.node}"
    name = f"{pod}/{target.container}" if target.container else pod
    name = f"{target.namespace}/{name}" if several and target.namespace else name
    parts = [count(target.packets, "packet"), size(target.bytes), drops(target)]
    if target.state not in ("capturing", "done"):
        parts = [plain(target.state, 20)] if not target.packets else [plain(target.state, 20), *parts]
    if target.note:
        parts.append(plain(target.note, 120))
    return f"{code(name, 100)}  {' · '.join(parts)}"


def drops(target: TargetProgress) -> str:
    """Return tcpdump's kernel counter in words; unknown is never zero."""
    if target.dropped is None:
        return "drops not counted yet" if target.state in ("starting", "capturing") else "drops unknown"
    return f"{target.dropped:,} dropped by the kernel" if target.dropped else "no drops"


def waiting(job: Job) -> bool:
    """Whether nothing has been captured yet."""
    return job.state in WAITING or job.state is JobState.RESOLVING
