"""The grammar's commands typed in a terminal: remote through Redis, or `--local` in this process."""

import argparse
import getpass
import json
import sys
import time
from pathlib import Path
from typing import Any

from bot.commands import Accepted, Commands, Refusal
from bot.grammar import Capture, Command, Help, ListJobs, Mistake, Status, Stop, parse_words
from bot.messages import help_page, listing, status
from bot.messages.as_text import as_text
from bot.terminal.local import capture_here
from workers.contract import codec
from workers.contract.errors import StoreUnavailable, ThreadcapError
from workers.contract.job import Job, JobState, Origin, Person
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
        case Capture(spec) if options.local:
            return capture_here(spec, settings, options)
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
            case Capture(spec):
                accepted = commands.capture(spec, person, Origin())
                job = _wait(commands, accepted.job, options.json) if isinstance(accepted, Accepted) else accepted
            case Stop(job_id):
                job = commands.stop(job_id, person)
            case Status(job_id):
                return _show(commands, job_id, options.json)
            case ListJobs():
                return _show(commands, None, options.json)
            case _:
                raise ThreadcapError("That command is not for a terminal.")
        return answer(job, options.json, stopped=isinstance(command, Stop))
    except StoreUnavailable as error:
        aside = " With `--local` a capture needs no store." if isinstance(command, Capture) else ""
        said = "The job store (THREADCAP_REDIS_URL) does not answer. Start it, or name the right one."
        raise StoreUnavailable(said + aside, detail=str(error)) from error
    finally:
        store.close()


def _wait(commands: Commands, job: Job, quiet: bool) -> Job | Refusal:
    """Follow the job to its end, saying each new state."""
    told = ""
    while True:
        now = commands.status(job.id)
        if isinstance(now, Refusal):
            return now
        if str(now.state) != told and not quiet:
            told = str(now.state)
            print(f"{job.id}: {told}", file=sys.stderr)
        if now.final:
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


def answer(job: Job | Refusal, as_json: bool, *, stopped: bool = False) -> int:
    if isinstance(job, Refusal):
        if as_json:
            _print_json({"error": job.code, "message": job.reason})
        else:
            print(f"threadcap: {job.reason}", file=sys.stderr)
        return REFUSED.get(job.code, 1)
    if as_json:
        _print_json(codec.encode(job))
    elif job.state is JobState.FAILED:
        print(f"threadcap: {job.message}", file=sys.stderr)
    else:
        print(job.verdict or job.message or f"Capture {job.id} is {job.state}.")
    return 0 if stopped else EXIT.get(job.state, _exit_of(job))


def _exit_of(job: Job) -> int:
    """The exit code of a failed job, by its stable error code."""
    kinds: list[type[ThreadcapError]] = [ThreadcapError]
    for kind in kinds:
        kinds += [sub for sub in kind.__subclasses__() if sub not in kinds]
    return next((kind.exit_code for kind in kinds if kind.code == job.error_code), 1)


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=1, ensure_ascii=True)
    print()
