"""What the bot asks of a chat, and how a chat says no. `bot.chat` implements it on Slack; tests have a twin.

Outcomes of every call: it worked; ChatLimited (come back in so many seconds, nothing happened); ChatRefused
(the same call will never work, nothing happened); ChatUnavailable (unknown: it may or may not have happened).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from bot.messages import Message
from workers.contract.errors import ChatUnavailable, ThreadcapError


class ChatLimited(ChatUnavailable):
    """Too fast for the chat: nothing happened, the same call may be made in `retry_after` seconds."""

    code = "chat_limited"

    def __init__(self, retry_after: float, *, detail: str = "") -> None:
        super().__init__("Slack asks us to slow down. The thread catches up in a moment.", detail=detail)
        self.retry_after = retry_after


class ChatRefused(ThreadcapError):
    """The chat refuses this call for good; `reason` is Slack's error string, such as channel_not_found."""

    code = "chat_refused"

    def __init__(self, reason: str, *, detail: str = "") -> None:
        super().__init__(f"Slack refused the message ({reason}).", detail=detail or reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Key:
    """Marks a message as the one that shows `part` of a job, so that it can be found again."""

    job_id: str
    part: str


@dataclass(frozen=True, slots=True)
class FileState:
    """What the chat says of a file: whether it is there, processed, and shared into the channel asked about."""

    exists: bool = False
    ready: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to upload. `size` in bytes is exact; `chunks` yields the bytes once."""

    name: str
    title: str
    size: int
    chunks: Callable[[], AsyncIterator[bytes]]
    alt_text: str = ""


class Chat(Protocol):
    """Posting, editing and uploading. `thread_ts` "" means the channel itself."""

    async def post(self, channel: str, thread_ts: str, message: Message, *, key: Key | None = None) -> str:
        """Post and return the message's ts."""

    async def update(self, channel: str, ts: str, message: Message) -> None:
        """Replace a message's content. Never waits for a rate limit."""

    async def ephemeral(self, channel: str, user: str, thread_ts: str, message: Message) -> None:
        """Show a message to one person only."""

    async def respond(self, response_url: str, message: Message) -> None:
        """Answer a slash command or click, to its author alone."""

    async def find_post(self, channel: str, thread_ts: str, key: Key, since: float) -> str | None:
        """Return the ts of the message posted with `key` after `since` (epoch seconds), None if there is none."""

    async def upload(
        self, channel: str, thread_ts: str, upload: Upload, on_id: Callable[[str], Awaitable[None]]
    ) -> str:
        """Upload in constant memory and share into the thread (not at all when channel is ""); return the file's id.

        `on_id` is awaited with the id before anything can become visible.
        """

    async def file_state(self, file_id: str, channel: str = "") -> FileState:
        """Look a file up; `shared` says whether it was shared into `channel`."""

    async def is_member(self, channel: str) -> bool:
        """Whether the bot can post in `channel`."""

    async def name_of(self, user: str) -> str:
        """Return a person's name for reading, "" when it cannot be had; remembered."""

    async def permalink(self, channel: str, ts: str) -> str:
        """Return a message's address."""
