"""`make demo`: three incidents played from the first message to the pcap, on this machine, then checked and cleaned up.

One of the two payments pods begins to drop packets, one of the two web pods loses large ones, and the stock's database
is late with every change; alice and bob ask in the incidents' threads; the bot answers them all. Exit code 0 only if
each verdict names its fault and the pcaps in the threads are proved equal to what tcpdump wrote.
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
ANSWER_SECONDS = 75.0
CHUNK = 1 << 20


class DemoFailed(Exception):
    """The thread does not show what it must; the text says what was missing."""


@dataclass(frozen=True)
class Incident:
    """What goes wrong, who asks what, and what the verdict must say."""

    who: str
    alarm: str
    pods: str
    """The deployment that is captured; only one incident has it."""
    faulty: str
    fault: str
    rule: str
    prefix: str = ""
    """Before the names of its files."""
    port: int = 8080

    @property
    def question(self) -> str:
        """What is asked of the bot."""
        return f"@threadcap capture deploy/{self.pods} -n shop port {self.port} for 8s"


INCIDENTS = (
    Incident(
        "alice",
        "Checkout is failing for some customers since a few minutes. p95 of checkout is over 2 s.",
        "checkout",
        "payments",
        "drop",
        "syn-unanswered",
    ),
    Incident(
        "bob",
        "Some large carts can't be saved any more, small ones can. Nothing in the logs.",
        "cart",
        "web",
        "blackhole",
        "mtu-black-hole",
        "cart-",
    ),
    Incident(
        "alice",
        "Orders hang for a second where they take from the stock. Reading it is as quick as ever.",
        "stock",
        "stockdb",
        "delay",
        "service-slow",
        "stock-",
        5432,
    ),
)


@dataclass(frozen=True)
class Thread:
    """A finished thread: messages, the uploaded files, and the report behind them."""

    messages: list[Message]
    files: list[File]
    report: Report


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
        for one in INCIDENTS:
            pod = await stack.playground.inject(one.faulty, one.fault, port=one.port)
            say(f"incident: pod {pod} has the fault {one.fault} on port {one.port}")
        asked = [(one, _ask(stack.slack, one, say)) for one in INCIDENTS]
        threads = await asyncio.gather(*(_answered(stack, one, thread_ts, say) for one, thread_ts in asked))
        people = {u.id: u.name for u in stack.slack.workspace.users.values()}
        texts = [thread_markdown(thread.messages, people) for thread in threads]
        kept = _keep(out, texts, threads)
        print("", *texts, sep="\n")
        problems: list[str] = []
        for one, thread in zip(INCIDENTS, threads, strict=True):
            problems += [*_check_verdict(one, thread.report), *_check_pcap(thread.report, out)]
        say(f"kept in {out}/: {', '.join(kept)}")
        say("stopping everything")
    say("stopped")
    if problems:
        raise DemoFailed("; ".join(problems))
    say("the verdicts name their faults; the pcaps are byte-equal to what tcpdump wrote in the pods")
    return 0


def _ask(slack: SlackEmulator, incident: Incident, say: Callable[[str], None]) -> str:
    alarm = slack.people.say(incident.who, CHANNEL, incident.alarm)
    slack.people.say(incident.who, CHANNEL, incident.question, thread_ts=alarm.ts)
    say(f'{incident.who} asks in #{CHANNEL}: "{incident.question}"')
    return alarm.ts


async def _answered(stack: Stack, incident: Incident, thread_ts: str, say: Callable[[str], None]) -> Thread:
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
            say(f"card for {incident.who}: {line}")
        return any(str(file.get("name", "")).endswith(".pcap") for message in replies() for file in message.files)

    try:
        await slack.wait_for(complete, ANSWER_SECONDS)
    except TimeoutError:
        logs = "\n".join(f"-- {part.name}\n{part.log_tail()}" for part in stack.parts)
        raise DemoFailed(f"no pcap in {incident.who}'s thread after {ANSWER_SECONDS:.0f} s.\n{logs}") from None
    messages = replies()
    # charts are shown by blocks that name their file, pcaps are shared as files
    shown = json.dumps([[message.blocks, message.files] for message in messages])
    files = [f for f in slack.workspace.files.values() if f.state == "complete" and f'"{f.id}"' in shown]
    return Thread(messages, files, _report(stack, incident))


def _report(stack: Stack, incident: Incident) -> Report:
    every = [
        codec.decode(Report, json.loads(path.read_text()))
        for path in sorted((stack.rundir / "artifacts").glob("jobs/*/*/report.json"))
    ]
    mine = [report for report in every if report.spec.target.name == incident.pods]
    if len(mine) != 1:
        raise DemoFailed(f"expected one report of {incident.pods}, found {len(mine)}")
    return mine[0]


def _keep(out: Path, texts: Sequence[str], threads: Sequence[Thread]) -> list[str]:
    """Fill `out` with threads, reports and what was uploaded; returns the files' names."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        if old.suffix in (".pcap", ".png", ".json", ".md"):
            old.unlink()
    for incident, text, thread in zip(INCIDENTS, texts, threads, strict=True):
        (out / f"{incident.prefix}thread.md").write_text(text)
        (out / f"{incident.prefix}report.json").write_text(json.dumps(codec.encode(thread.report), indent=1))
        for file in thread.files:
            name = Path(file.name).name  # a pcap's names its pod
            name = name if name.endswith(".pcap") else incident.prefix + name
            (out / name).write_bytes(file.path.read_bytes())
    return sorted(path.name for path in out.iterdir())


def _check_verdict(incident: Incident, report: Report) -> list[str]:
    first = report.findings[0] if report.findings else None
    named = incident.faulty in report.verdict and report.severity in (Severity.CRITICAL, Severity.WARNING)
    if named and first is not None and first.rule == incident.rule:
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
