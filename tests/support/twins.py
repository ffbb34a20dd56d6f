"""Twins of the bot's outside: a chat that keeps what it is told and fails on demand, and a queue that is a list."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from bot.messages import Message
from bot.ports import ChatLimited, ChatRefused, FileState, Key, Upload
from workers.contract.errors import ChatUnavailable, QueueUnavailable

NOWHERE = "C0NOWHERE"
"""A channel that is not there."""


class Killed(BaseException):
    """The process is gone: nothing after this line happened."""


@dataclass
class Posted:
    """One message or shared file of the fake workspace."""

    ts: str
    channel: str
    thread_ts: str
    message: Message | None = None
    key: Key | None = None
    file: str = ""
    only_for: str = ""


@dataclass
class FakeFile:
    """An uploaded file; `done` once completed, `seen_at` when it shows."""

    upload: Upload
    data: bytes = b""
    channel: str = ""
    thread_ts: str = ""
    done: bool = False
    seen_at: float = 0.0
    shown: bool = False


@dataclass
class FakeChat:
    """Chat in memory. `faults` yields one word a call: ok, limited, refused:<reason>, lost (it happened, nobody
    heard), unavailable (it did not happen), killed-before, killed-after. Ok when it runs out."""

    now: Callable[[], float]
    faults: Iterator[str] = field(default_factory=lambda: iter(()))
    attach: float = 1.0
    posts: list[Posted] = field(default_factory=list)
    files: dict[str, FakeFile] = field(default_factory=dict)
    responses: list[tuple[str, Message]] = field(default_factory=list)
    members: bool = True
    updates: int = 0
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def _do(self, effect: Callable[[], str | None]) -> str:
        await asyncio.sleep(0)
        match next(self.faults, "ok").split(":"):
            case ["ok"]:
                return effect() or ""
            case ["limited"]:
                raise ChatLimited(2.0)
            case ["refused", reason]:
                raise ChatRefused(reason)
            case ["lost"]:
                effect()
            case ["killed-before"]:
                raise Killed
            case ["killed-after"]:
                effect()
                raise Killed
        raise ChatUnavailable("away")

    def _add(self, posted: Posted) -> str:
        posted.ts = f"{next(self._ids)}.000000"
        self.posts.append(posted)
        return posted.ts

    async def post(self, channel: str, thread_ts: str, message: Message, *, key: Key | None = None) -> str:
        def effect() -> str:
            if channel == NOWHERE:
                raise ChatRefused("channel_not_found")
            return self._add(Posted("", channel, thread_ts, message, key))

        return await self._do(effect)

    async def update(self, channel: str, ts: str, message: Message) -> None:
        def effect() -> None:
            found = next((post for post in self.posts if post.ts == ts), None)
            if found is None:
                raise ChatRefused("message_not_found")
            found.message = message
            self.updates += 1

        await self._do(effect)

    async def ephemeral(self, channel: str, user: str, thread_ts: str, message: Message) -> None:
        await self._do(lambda: self._add(Posted("", channel, thread_ts, message, only_for=user)))

    async def respond(self, response_url: str, message: Message) -> None:
        self.responses.append((response_url, message))

    async def find_post(self, channel: str, thread_ts: str, key: Key, since: float) -> str | None:
        found = await self._do(lambda: next((post.ts for post in self.posts if post.key == key), ""))
        return found or None

    async def upload(
        self, channel: str, thread_ts: str, upload: Upload, on_id: Callable[[str], Awaitable[None]]
    ) -> str:
        file_id = f"F{next(self._ids)}"
        file = FakeFile(upload, channel=channel, thread_ts=thread_ts)
        await self._do(lambda: self.files.__setitem__(file_id, file))
        file.data = b"".join([chunk async for chunk in upload.chunks()])
        if len(file.data) != upload.size:
            raise ChatRefused("the file has another size than announced")
        await on_id(file_id)

        def complete() -> None:
            file.done, file.seen_at = True, self.now() + self.attach

        await self._do(complete)
        return file_id

    async def file_state(self, file_id: str, channel: str = "") -> FileState:
        await self._do(lambda: None)
        file = self.files.get(file_id)
        if file is None or not file.done:
            return FileState()
        seen = self.now() >= file.seen_at
        return FileState(exists=True, ready=seen, shared=seen and bool(channel) and file.channel == channel)

    async def is_member(self, channel: str) -> bool:
        return self.members and channel != NOWHERE

    async def name_of(self, user: str) -> str:
        return "alice"

    async def permalink(self, channel: str, ts: str) -> str:
        return f"https://chat.example/{channel}/{ts}"

    def parts(self) -> list[str]:
        """Return the parts of jobs in the order they were posted."""
        return [post.key.part for post in self.posts if post.key]

    def shared(self) -> list[str]:
        """Return the names of the files put into threads."""
        return [file.upload.name for file in self.files.values() if file.done and file.channel]


@dataclass
class FakeQueue:
    """JobQueue as a list; `broken` makes every hand-over fail."""

    jobs: list[str] = field(default_factory=list)
    broken: bool = False

    def enqueue(self, job_id: str) -> None:
        if self.broken:
            raise QueueUnavailable("The capture could not be handed to the workers. Try again in a minute.")
        self.jobs.append(job_id)
