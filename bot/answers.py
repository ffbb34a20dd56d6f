"""What a line or a button means, done and answered. No Slack library in here: `bot.listeners` brings what was said.

Mistakes and refusals go to their author alone; what a mention asks for is answered in its thread.
"""

import contextlib
import functools
import time
from collections.abc import Awaitable, Callable

from msgspec import Struct, structs

from bot import messages
from bot.commands import Accepted, Already, Commands, Refusal
from bot.grammar import Capture, Command, Extend, Grab, Help, ListJobs, Mistake, Status, Stop, parse, render
from bot.ledger import aside
from bot.messages import Message
from bot.messages.blocks import ANYWAY, DISCARD, EXTEND, GO, GRAB, JOIN, RERUN, STOP
from bot.plan import CARD
from bot.ports import Chat
from bot.unmangle import unmangle
from workers.contract.errors import ThreadcapError
from workers.contract.job import Origin, Person
from workers.contract.limits import Limits
from workers.contract.ports import JobStore

DOUBLE_CLICK = 5.0
"""Seconds within which a second click on the same button means the same."""
ACTIONS = (STOP, DISCARD, RERUN, GO, JOIN, ANYWAY, *EXTEND, *GRAB)
"""The buttons that mean something; others only open an address."""


class Asker(Struct, frozen=True):
    """Who asked what, where, and how to answer: `alone` reaches the author only, `openly` the thread."""

    person: Person
    origin: Origin
    prefix: str
    """What goes before a command in examples, such as "/capture "."""
    alone: Callable[[Message], Awaitable[object]]
    openly: Callable[[Message], Awaitable[object]]
    about: str = ""
    """The job a button belongs to."""


class Answers:
    """Turns what people say and press into commands, and their outcomes into answers."""

    def __init__(self, commands: Commands, store: JobStore, chat: Chat, limits: Limits) -> None:
        self._commands = commands
        self._store = store
        self._chat = chat
        self._limits = limits

    async def line(self, asker: Asker, text: str) -> None:
        """Answer one line of text."""
        if not asker.person.name:  # events carry ids only
            name = await self._chat.name_of(asker.person.id)
            asker = structs.replace(asker, person=Person(asker.person.id, name))
        implied = "capture" if asker.origin.source == "slash" else ""
        understood = parse(unmangle(text), self._limits, implied=implied)
        if isinstance(understood, Mistake):
            await asker.alone(messages.mistake(understood, asker.prefix))
        else:
            await self._do(asker, understood)

    async def _do(self, asker: Asker, command: Command) -> None:
        match command:
            case Capture():
                await self._capture(asker, command)
            case Grab(job_id, last):
                await self._grab(asker, job_id, last)
            case Extend(job_id, seconds):
                await self._extend(asker, job_id, seconds)
            case Status(None):
                await self._list(asker)
            case Status(str(job_id)):
                job = await aside(self._commands.status, job_id)
                refused = isinstance(job, Refusal)
                message = (
                    messages.refusal(job.reason) if isinstance(job, Refusal) else messages.status(job, time.time())
                )
                await (asker.alone if refused else asker.openly)(message)
            case ListJobs():
                await self._list(asker)
            case Stop(job_id, discard):
                await self._stop(asker, job_id, discard=discard)
            case Help(topic):
                await asker.alone(messages.help_page(topic, self._limits, asker.prefix))

    async def _list(self, asker: Asker) -> None:
        jobs = await aside(self._commands.listing)
        await asker.openly(messages.listing(jobs, time.time()))

    async def _capture(self, asker: Asker, command: Capture) -> None:
        """Start a capture, or offer to join the one that captures the same."""
        start = self._commands.capture if command.anyway else self._commands.capture_or_join
        asked = functools.partial(start, command.spec, asker.person, asker.origin)
        line = render(structs.replace(command, anyway=True), self._limits)
        await self._started(asker, asked, line)

    async def _grab(self, asker: Asker, job_id: str, last: float) -> None:
        await self._started(asker, functools.partial(self._commands.grab, job_id, last, asker.person, asker.origin))

    async def _started(self, asker: Asker, start: Callable[[], Accepted | Already | Refusal], anyway: str = "") -> None:
        """Start a capture; its card is the answer. A slash command's author gets the echo as well."""
        if not await self._chat.is_member(asker.origin.channel):
            await asker.alone(messages.refusal(_not_here(asker.origin.channel)))
            return
        outcome = await aside(start)
        if isinstance(outcome, Refusal):
            await asker.alone(messages.refusal(outcome.reason, outcome.job_id))
        elif isinstance(outcome, Already):
            await asker.alone(messages.already(outcome.job, time.time(), asker.origin.thread_ts, anyway))
        elif asker.origin.source == "slash" or outcome.notes:
            await asker.alone(messages.accepted(outcome.job, outcome.notes))

    async def _stop(self, asker: Asker, job_id: str, *, discard: bool) -> None:
        """Stop a job; its card names who did it. A typed command is confirmed to its author."""
        outcome = await aside(self._commands.stop, job_id, asker.person, discard=discard)
        if isinstance(outcome, Refusal):
            await asker.alone(messages.refusal(outcome.reason))
        elif asker.origin.source != "button":
            await asker.alone(messages.status(outcome, time.time()))

    async def _extend(self, asker: Asker, job_id: str, seconds: float) -> None:
        """Give a job more time; its card names who did it. A typed command is confirmed to its author."""
        outcome = await aside(self._commands.extend, job_id, seconds, asker.person)
        if isinstance(outcome, Refusal):
            await asker.alone(messages.refusal(outcome.reason))
        elif asker.origin.source != "button":
            await asker.alone(messages.status(outcome, time.time()))

    async def _join(self, asker: Asker, job_id: str) -> None:
        outcome = await aside(self._commands.join, job_id, asker.person, asker.origin)
        if isinstance(outcome, Refusal):
            await asker.alone(messages.refusal(outcome.reason))
            return
        link = ""
        card = (await aside(self._store.posted, job_id)).get(CARD)
        if card:
            with contextlib.suppress(ThreadcapError):  # the way there is a courtesy
                link = await self._chat.permalink(outcome.origin.channel, card)
        await asker.alone(messages.joined(outcome, link))

    async def pressed(self, asker: Asker, action: str, value: str) -> None:
        """Answer a button: its action id and its value, which mostly is a job's id."""
        if action in (RERUN, GO):
            again = functools.partial(self._commands.again, planned=action == GO)
            await self._started(asker, functools.partial(again, value, asker.person, asker.origin))
        elif action in EXTEND:
            await self._extend(asker, value, EXTEND[action])
        elif action in GRAB:
            if await self._first(asker, f"{action}:{value}"):
                await self._grab(asker, value, GRAB[action])
        elif action in (JOIN, ANYWAY):
            if await self._first(asker, f"{action}:{value}"):
                await self._offered(asker, action, value)
        else:
            await self._stop(asker, value, discard=action == DISCARD)

    async def _first(self, asker: Asker, deed: str) -> bool:
        """Whether this is no second click of the same hand; these buttons stay after they were pressed."""
        return await aside(self._store.once, f"pressed:{asker.person.id}:{deed}", DOUBLE_CLICK)

    async def _offered(self, asker: Asker, action: str, value: str) -> None:
        """Do what was offered beside a running capture; the values are those of messages.already."""
        first, _, second = value.partition(" ")
        place = second if action == JOIN else first
        # the offer is an ephemeral message: its own ts is no thread
        origin = structs.replace(asker.origin, thread_ts="" if place == "-" else place)
        asker = structs.replace(asker, origin=origin)
        if action == JOIN:
            await self._join(asker, first)
        elif isinstance(understood := parse(second, self._limits), Capture):
            await self._capture(asker, understood)


def _not_here(channel: str) -> str:
    """Nobody can be invited to a direct message between two people."""
    if channel.startswith("D"):
        return "I can't post in this conversation. Ask in a channel I am in, or in a direct message to me."
    return "I can't post in this channel. Invite me with `/invite @threadcap` and ask again."
