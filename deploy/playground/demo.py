"""`make demo`: an incident played from the first message to the pcap, on this machine, then checked and cleaned up.

One of the two payments pods begins to drop packets; alice asks in the incident's thread; the bot answers. Exit
code 0 only if the verdict names the fault and the pcap in the thread is proved equal to what tcpdump wrote.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.playground.slack import SlackEmulator
from deploy.playground.slack.state import File, Message
from deploy.playground.stack import Stack
from deploy.playground.thread_text import thread_markdown
from deploy.playground.up import PlaygroundError, PlaygroundSettings, refuse_unfit_host
from workers.capture.spool import RecordWalk
from workers.contract import codec
from workers.contract.report import Report, Severity

CHANNEL = "incidents"
ALARM = "Checkout is failing for some customers since a few minutes. p95 of checkout is over 2 s."
QUESTION = "@threadcap capture deploy/checkout -n shop port 8080 for 8s"
FAULT_RULE = "syn-unanswered"
ANSWER_SECONDS = 75.0
CHUNK = 1 << 20


class DemoFailed(Exception):
    """The thread does not show what it must; the text says what was missing."""


@dataclass(frozen=True)
class Thread:
    """The finished thread: messages, the uploaded files, and the report behind them."""

    messages: list[Message]
    files: list[File]


def main(argv: Sequence[str] | None = None) -> int:
    """Play it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="threadcap playground demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo-out"))
    parser.add_argument("--id", help="name of this instance (default: demo-xxxx)")
    options = parser.parse_args(argv)
    try:
        refuse_unfit_host()
        return asyncio.run(play(options.out, options.id))
    except (PlaygroundError, DemoFailed) as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


async def play(out: Path, name: str | None = None) -> int:
    """The whole demo. Raises DemoFailed, PlaygroundError."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {line}", flush=True)

    settings = PlaygroundSettings(id=name) if name else PlaygroundSettings()
    async with Stack(settings, progress=say) as stack:
        await asyncio.gather(stack.start_worker(), stack.start_bot())
        pod = await stack.playground.inject("payments", "drop", port=8080)
        say(f"incident: pod {pod} drops packets to port 8080")
        thread_ts = _ask(stack.slack)
        say(f'alice asks in #{CHANNEL}: "{QUESTION}"')
        thread = await _answered(stack, thread_ts, say)
        report = _report(stack)
        text = thread_markdown(thread.messages, {u.id: u.name for u in stack.slack.workspace.users.values()})
        kept = _keep(out, text, report, thread.files)
        print("\n" + text)
        problems = [*_check_verdict(report), *_check_pcap(report, out)]
        say(f"kept in {out}/: {', '.join(kept)}")
        say("stopping everything")
    say("stopped")
    if problems:
        raise DemoFailed("; ".join(problems))
    say("verdict names the fault; the pcap is byte-equal to what tcpdump wrote in the pod")
    return 0


def _ask(slack: SlackEmulator) -> str:
    alarm = slack.people.say("alice", CHANNEL, ALARM)
    slack.people.say("alice", CHANNEL, QUESTION, thread_ts=alarm.ts)
    return alarm.ts


async def _answered(stack: Stack, thread_ts: str, say: Callable[[str], None]) -> Thread:
    """Wait for verdict and pcap in the thread, telling what the card says meanwhile."""
    slack, told = stack.slack, ""

    def replies() -> list[Message]:
        channel = slack.workspace.channel_by_name(CHANNEL)
        assert channel is not None
        return slack.workspace.replies(channel.id, thread_ts)

    def complete() -> bool:
        nonlocal told
        card = next((message for message in replies() if message.bot), None)
        line = card.text.splitlines()[0] if card is not None and card.text else ""
        if line and line != told:
            told = line
            say(f"card: {line}")
        return any(str(file.get("name", "")).endswith(".pcap") for message in replies() for file in message.files)

    try:
        await slack.wait_for(complete, ANSWER_SECONDS)
    except TimeoutError:
        logs = "\n".join(f"-- {part.name}\n{part.log_tail()}" for part in stack.parts)
        raise DemoFailed(f"no pcap in the thread after {ANSWER_SECONDS:.0f} s.\n{logs}") from None
    # charts are shown by blocks that name their file, pcaps are shared as files
    return Thread(replies(), [file for file in slack.workspace.files.values() if file.state == "complete"])


def _report(stack: Stack) -> Report:
    files = sorted((stack.rundir / "artifacts").glob("jobs/*/*/report.json"))
    if len(files) != 1:
        raise DemoFailed(f"expected one report, found {len(files)}")
    return codec.decode(Report, json.loads(files[0].read_text()))


def _keep(out: Path, text: str, report: Report, files: Sequence[File]) -> list[str]:
    """Fill `out` with the thread, the report and what was uploaded; returns the files' names."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        if old.suffix in (".pcap", ".png", ".json", ".md"):
            old.unlink()
    (out / "thread.md").write_text(text)
    (out / "report.json").write_text(json.dumps(codec.encode(report), indent=1))
    for file in files:
        (out / Path(file.name).name).write_bytes(file.path.read_bytes())
    return sorted(path.name for path in out.iterdir())


def _check_verdict(report: Report) -> list[str]:
    first = report.findings[0] if report.findings else None
    named = "payments" in report.verdict and first is not None and first.severity is Severity.CRITICAL
    if named and first is not None and first.rule == FAULT_RULE:
        return []
    return [f"the verdict does not name the fault: {report.verdict!r}"]


def _check_pcap(report: Report, out: Path) -> list[str]:
    problems: list[str] = []
    for target in report.targets:
        assert target.pcap is not None
        digest, records = _measured(out / target.pcap.name)
        expected: dict[str, tuple[Any, Any]] = {
            "sha256 (thread, pod)": (digest, target.outcome.pod_sha256),
            "records (thread, tcpdump)": (records, target.outcome.captured),
        }
        print(f"{target.pcap.name}: sha256 {digest[:16]}… in the thread, {target.outcome.pod_sha256[:16]}… in the pod;")
        print(f"  {records} records in the thread, {target.outcome.captured} packets captured by tcpdump")
        problems += [f"{what} differ: {a} != {b}" for what, (a, b) in expected.items() if a != b]
    return problems or ([] if report.targets else ["nothing was captured"])


def _measured(path: Path) -> tuple[str, int]:
    digest, walk = hashlib.sha256(), RecordWalk()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            walk.feed(chunk)
    return digest.hexdigest(), walk.records


if __name__ == "__main__":
    sys.exit(main())
