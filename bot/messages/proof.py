"""What the files are worth: tcpdump's own counters, and whether every byte arrived."""

from bot.messages.text import code, count, plain, size
from workers.contract.report import CaptureOutcome, Report, TargetResult

MAX_FILES = 10


def drops_line(report: Report) -> str:
    """Say what the kernel dropped, from tcpdump's own counters; unknown is never zero."""
    outcomes = [target.outcome for target in report.targets]
    counted = [outcome for outcome in outcomes if outcome.kernel_dropped is not None]
    packets = count(sum(outcome.packets for outcome in outcomes), "packet")
    if not counted:
        return f"{packets} captured. Kernel drops are unknown: tcpdump could not report its counters."
    dropped = sum(outcome.kernel_dropped or 0 for outcome in counted)
    unread = sum(_unread(outcome) for outcome in counted)
    said = (
        f"{packets} captured, {dropped:,} dropped by the kernel" if dropped else f"{packets} captured, no kernel drops"
    )
    if unread:
        said += f", {unread:,} received but not written when tcpdump stopped"
    if len(counted) < len(outcomes):
        said += f"; unknown for {count(len(outcomes) - len(counted), 'pod')}"
    return f"{said}."


def _unread(outcome: CaptureOutcome) -> int:
    if outcome.received is None or outcome.captured is None:
        return 0
    return max(0, outcome.received - outcome.captured - (outcome.kernel_dropped or 0))


def proof_lines(report: Report) -> list[str]:
    """Return paragraphs that prove each file, or say where it ends."""
    lines = [_proof(target) for target in report.targets[:MAX_FILES]]
    if len(report.targets) > MAX_FILES:
        lines.append(f"and {len(report.targets) - MAX_FILES} more files")
    return ["\n".join(lines[start : start + 5]) for start in range(0, len(lines), 5)]


def equal(outcome: CaptureOutcome) -> str:
    """Say what the bytes of a proved capture are equal to."""
    unfinished = (outcome.pod_bytes or 0) - outcome.bytes
    if unfinished <= 0:
        return "byte-equal to what tcpdump wrote"
    return f"byte-equal to what tcpdump wrote, without its unfinished last packet ({count(unfinished, 'byte')})"


def _proof(target: TargetResult) -> str:
    outcome = target.outcome
    name = target.pcap.name if target.pcap else target.pod or f"node/{target.node}"
    if target.pcap is None:
        return f"{code(name, 110)} has no file: {plain(outcome.reason or 'nothing was captured', 200)}"
    digest = code(target.pcap.sha256 or outcome.sha256, 64)
    about = f"{code(name, 110)} ({size(target.pcap.size)}, {count(outcome.packets, 'packet')})"
    if outcome.proved:
        return f"{about} {equal(outcome)}: sha256 {digest}"
    reason = plain(outcome.reason, 200) or f"truncated at byte {outcome.bytes:,}"
    if "truncated" not in reason and not outcome.complete:
        reason = f"truncated at byte {outcome.bytes:,}: {reason}"
    return f"{about} not proved, {reason}: sha256 {digest}"
