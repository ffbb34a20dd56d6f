"""A command to its canonical line."""

from collections.abc import Iterator

from bot.grammar.commands import Capture, Command, Extend, Grab, Help, ListJobs, Status, Stop
from bot.grammar.line import quote
from bot.grammar.values import seconds_text, size_text
from bot.grammar.vocabulary import PLACELESS
from workers.contract.limits import Limits
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef


def render(command: Command, limits: Limits | None = None) -> str:
    """Return the line that parses to `command`. With `limits`, what equals a default is left out."""
    match command:
        case Capture(spec, anyway):
            return " ".join(_capture(spec, limits, anyway=anyway))
        case Grab(job_id, last):
            return f"grab {job_id} --last {seconds_text(last)}" if last else f"grab {job_id}"
        case Extend(job_id, seconds):
            return f"extend {job_id} by {seconds_text(seconds)}"
        case Status(job_id):
            return f"status {job_id}" if job_id else "status"
        case ListJobs():
            return "list"
        case Stop(job_id, discard):
            return f"stop {job_id} --discard" if discard else f"stop {job_id}"
        case Help(topic):
            return f"help {topic}" if topic else "help"


def _capture(spec: CaptureSpec, limits: Limits | None, *, anyway: bool) -> Iterator[str]:
    """Yield the words. Raises ValueError for a grab, which is no capture."""
    if spec.mode is Mode.GRAB:
        raise ValueError("a grab is rendered as Grab")
    recording = spec.mode is Mode.RECORD
    yield str(spec.mode)
    yield from _targets(spec, limits)
    if spec.container:
        yield f"-c {spec.container}"
    if limits is None or spec.duration != (limits.record if recording else limits.duration):
        yield f"--for {seconds_text(spec.duration)}"
    if recording and (limits is None or spec.keep != limits.keep):
        yield f"--keep {seconds_text(spec.keep)}"
    if spec.max_packets:
        yield f"--packets {spec.max_packets}"
    if limits is None or spec.max_bytes != limits.max_bytes:
        yield f"--max-bytes {size_text(spec.max_bytes)}"
    if limits is None or spec.snaplen != limits.snaplen:
        yield f"--snaplen {spec.snaplen}"
    if limits is None or spec.interface != limits.interface:
        yield f"-i {spec.interface}"
    yield from _ways(spec)
    if anyway:
        yield "--anyway"
    if spec.filter:
        yield f"-- {spec.filter}"


def _ways(spec: CaptureSpec) -> Iterator[str]:
    if spec.max_pods:
        yield f"--max-pods {spec.max_pods}"
    if spec.method:
        yield f"--method {spec.method}"
    if spec.wait:
        yield f"--wait {seconds_text(spec.wait)}"
    if spec.until:
        yield f"--until {quote(str(spec.until))}"
    if spec.dry_run:
        yield "--dry-run"


def _targets(spec: CaptureSpec, limits: Limits | None) -> Iterator[str]:
    """Yield the targets and their namespaces: one for all at the end, or else each target's after it."""
    several = any(one.namespace for one in spec.targets)
    for index, one in enumerate(spec.targets):
        if index and spec.mode is Mode.BETWEEN:
            yield "and"
        yield _target(one)
        if several and (index == 0 or one.kind not in PLACELESS):
            yield f"-n {one.namespace or spec.namespace}"
    if not several and (limits is None or spec.namespace != limits.namespace):
        yield f"-n {spec.namespace}"


def _target(target: TargetRef) -> str:
    if target.kind is TargetKind.SELECTOR:
        return f"-l {quote(target.name)}"
    return str(target)
