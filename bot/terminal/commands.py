"""The grammar's commands typed in a terminal: remote through Redis, or `--local` in this process."""

import argparse
import getpass
import json
import sys
import time
from pathlib import Path
from typing import Any

from bot.commands import Accepted, Already, Commands, Refusal
from bot.grammar import Capture, Command, Extend, Grab, Help, ListJobs, Mistake, Status, Stop, parse_words
from bot.messages import help_page, listing, status
from bot.messages.as_text import as_text
from bot.messages.text import lasting
from bot.terminal.local import capture_here
from bot.terminal.planned import plan_text
from workers.contract import codec
from workers.contract.errors import StoreUnavailable, ThreadcapError
from workers.contract.job import Job, JobState, Origin, Person
from workers.contract.spec import Mode
from workers.settings import CaptureSettings, Common, read

EXIT = {JobState.DONE: 0, JobState.PARTIAL: 5}
REFUSED = {"denied": 3, "needs_approval": 3, "job_not_found": 4}
POLL = 0.5


def run(words: list[str]) -> int:
    """Run one command of the grammar; `words` begins with its name."""
    options, rest = _options(words)
    settings = read(CaptureSettings)
    command = parse_words(rest, settings.limits)
    match command:
        case Mistake():
            return _mistaken(command, options.json)
        case Help(topic):
            print(as_text(help_page(topic, settings.limits, prefix="threadcap ").blocks))
            return 0
        case Capture(spec) if options.local and (spec.mode is not Mode.RECORD or spec.dry_run):
            return capture_here(spec, settings, options)
        case Capture() | Grab() | Extend() if options.local:
            print("threadcap: Recordings and running captures are the workers': leave --local out.", file=sys.stderr)
            return 2
        case _:
            return _remote(command, settings, options)


def _options(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Take the terminal's own options out; what stands after `--` is the filter's."""
    own, rest = words, []
    if "--" in words:
        cut = words.index("--")
        own, rest = words[:cut], words[cut:]
    parser = argparse.ArgumentParser(prog="threadcap", add_help=False, allow_abbrev=False)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--local", action="store_true")
    parser.add_argument("--kubeconfig")
    parser.add_argument("--context")
    parser.add_argument("--out", type=Path, default=Path())
    options, others = parser.parse_known_args(own)
    return options, others + rest


def _mistaken(mistake: Mistake, as_json: bool) -> int:
    if as_json:
        _print_json({"error": "usage", "message": mistake.reason, "suggestion": mistake.suggestion})
        return 2
    print(f"threadcap: {mistake.reason}", file=sys.stderr)
    if mistake.text:
        print(f"  {mistake.text}\n  {' ' * mistake.position}{'^' * max(1, mistake.length)}", file=sys.stderr)
    if mistake.suggestion:
        print(f"try: threadcap {mistake.suggestion}", file=sys.stderr)
    return 2


def _remote(command: Command, settings: Common, options: argparse.Namespace) -> int:
    """Talk to the workers through the store; only imported here, a local capture needs no Redis."""
    from workers.queue import CeleryQueue
    from workers.state import RedisJobStore

    store = RedisJobStore(settings.redis_url)
    commands = Commands(store, CeleryQueue(settings.redis_url), settings.rules, time.time)
    person = Person(f"terminal:{getpass.getuser()}", getpass.getuser())
    try:
        match command:
            case Capture(spec, anyway):
                start = commands.capture if anyway else commands.capture_or_join
                job = _followed(commands, start(spec, person, Origin()), options.json)
            case Grab(job_id, last):
                job = _followed(commands, commands.grab(job_id, last, person, Origin()), options.json)
            case Extend(job_id, seconds):
                job = commands.extend(job_id, seconds, person)
            case Stop(job_id, discard):
                job = commands.stop(job_id, person, discard=discard)
            case Status(job_id):
                return _show(commands, job_id, options.json)
            case ListJobs():
                return _show(commands, None, options.json)
            case _:
                raise ThreadcapError("That command is not for a terminal.")
        return answer(job, options.json, going_on=isinstance(command, Stop | Extend) or _records(job))
    except StoreUnavailable as error:
        aside = " With `--local` a capture needs no store." if isinstance(command, Capture) else ""
        said = "The job store (THREADCAP_REDIS_URL) does not answer. Start it, or name the right one."
        raise StoreUnavailable(said + aside, detail=str(error)) from error
    finally:
        store.close()


def _followed(commands: Commands, outcome: Accepted | Already | Refusal, quiet: bool) -> Job | Refusal:
    if isinstance(outcome, Already):
        job = outcome.job
        who = job.requester.name or job.requester.id
        reason = f"Capture {job.id}, asked for by {who}, captures the same already ({job.state})."
        next_step = f"See `threadcap status {job.id}`; add --anyway to capture once more."
        return Refusal(f"{reason} {next_step}", "already_capturing", job.id)
    if isinstance(outcome, Refusal):
        return outcome
    if not quiet:
        for note in outcome.notes:
            print(note, file=sys.stderr)
    return _wait(commands, outcome.job, quiet)


def _records(job: Job | Refusal) -> bool:
    """Whether it is a recording that goes on after the terminal has gone."""
    return isinstance(job, Job) and job.spec.mode is Mode.RECORD and job.state is JobState.CAPTURING


def _wait(commands: Commands, job: Job, quiet: bool) -> Job | Refusal:
    """Follow the job to its end, a recording to its beginning, saying each new state."""
    told = ""
    while True:
        now = commands.status(job.id)
        if isinstance(now, Refusal):
            return now
        if str(now.state) != told and not quiet:
            told = str(now.state)
            print(f"{job.id}: {told}", file=sys.stderr)
        if now.final or _records(now):
            return now
        time.sleep(POLL)


def _show(commands: Commands, job_id: str | None, as_json: bool) -> int:
    if job_id is None:
        jobs = commands.listing()
        if as_json:
            _print_json([codec.encode(job) for job in jobs])
        else:
            print(as_text(listing(jobs, time.time()).blocks))
        return 0
    job = commands.status(job_id)
    if isinstance(job, Refusal):
        return answer(job, as_json)
    if as_json:
        _print_json(codec.encode(job))
    else:
        print(as_text(status(job, time.time()).blocks))
    return 0


def answer(job: Job | Refusal, as_json: bool, *, going_on: bool = False) -> int:
    """Print what came of it and return the exit code; `going_on`: the job need not be at its end."""
    if isinstance(job, Refusal):
        if as_json:
            _print_json({"error": job.code, "message": job.reason} | ({"job": job.job_id} if job.job_id else {}))
        else:
            print(f"threadcap: {job.reason}", file=sys.stderr)
        return REFUSED.get(job.code, 1)
    if as_json:
        _print_json(codec.encode(job))
    elif job.state is JobState.FAILED:
        print(f"threadcap: {job.message}", file=sys.stderr)
    else:
        print(_said(job))
    return 0 if going_on else EXIT.get(job.state, _exit_of(job))


def _said(job: Job) -> str:
    if job.planned:
        return plan_text(job)
    if job.stop_by is not None and not job.final:
        return _stopping(job)
    if _records(job):
        return f"Recording {job.id} goes on. Deliver what it holds: threadcap grab {job.id} --last 2m"
    if job.extended_by is not None and job.state is JobState.CAPTURING and job.deadline is not None:
        return f"Capture {job.id} goes on for {lasting(max(1.0, job.deadline - time.time()))}."
    return job.verdict or job.message or f"Capture {job.id} is {job.state}."


def _stopping(job: Job) -> str:
    recording = job.spec.mode is Mode.RECORD
    what = f"{'Recording' if recording else 'Capture'} {job.id}"
    if not job.discard:
        return f"{what} is stopping; what it {'holds' if recording else 'has'} is kept and follows."
    kept = "what was grabbed before is kept" if recording else "nothing of it is kept"
    return f"{what} is being discarded; {kept}."


def _exit_of(job: Job) -> int:
    """The exit code of a failed job, by its stable error code."""
    kinds: list[type[ThreadcapError]] = [ThreadcapError]
    for kind in kinds:
        kinds += [sub for sub in kind.__subclasses__() if sub not in kinds]
    return next((kind.exit_code for kind in kinds if kind.code == job.error_code), 1)


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=1, ensure_ascii=True)
    print()
