"""A command to its canonical line."""

from bot.grammar.commands import Capture, Command, Help, ListJobs, Status, Stop
from bot.grammar.line import quote
from bot.grammar.values import seconds_text, size_text
from workers.contract.spec import CaptureSpec, Limits, TargetKind


def render(command: Command, limits: Limits | None = None) -> str:
    """Return the line that parses to `command`. With `limits`, what equals a default is left out."""
    match command:
        case Capture(spec):
            return _capture(spec, limits)
        case Status(job_id):
            return f"status {job_id}" if job_id else "status"
        case ListJobs():
            return "list"
        case Stop(job_id):
            return f"stop {job_id}"
        case Help(topic):
            return f"help {topic}" if topic else "help"


def _capture(spec: CaptureSpec, limits: Limits | None) -> str:
    words = ["capture", _target(spec)]
    if limits is None or spec.namespace != limits.namespace:
        words.append(f"-n {spec.namespace}")
    if spec.container:
        words.append(f"-c {spec.container}")
    if limits is None or spec.duration != limits.duration:
        words.append(f"--for {seconds_text(spec.duration)}")
    if spec.max_packets:
        words.append(f"--packets {spec.max_packets}")
    if limits is None or spec.max_bytes != limits.max_bytes:
        words.append(f"--max-bytes {size_text(spec.max_bytes)}")
    if limits is None or spec.snaplen != limits.snaplen:
        words.append(f"--snaplen {spec.snaplen}")
    if limits is None or spec.interface != limits.interface:
        words.append(f"-i {spec.interface}")
    if spec.filter:
        words.append(f"-- {spec.filter}")
    return " ".join(words)


def _target(spec: CaptureSpec) -> str:
    if spec.target.kind is TargetKind.SELECTOR:
        return f"-l {quote(spec.target.name)}"
    return str(spec.target)
