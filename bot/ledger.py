"""What the thread loop remembers of a job's thread, and how long it waits for things.

"<part>" holds the Slack id of what was posted, "<part>.try" an intent: an attempt may be under way, or may have
worked without anybody hearing of it. The store's blocking calls are made beside the event loop.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from workers.contract.errors import ChatUnavailable
from workers.contract.job import Job
from workers.contract.ports import JobStore

T = TypeVar("T")


class NotYet(Exception):
    """This step, and what follows it, must wait for `again_in` seconds."""

    def __init__(self, again_in: float) -> None:
        super().__init__(f"again in {again_in:.1f} s")
        self.again_in = again_in


async def aside(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run a blocking call of the stores beside the event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, things may take before they count as lost or hopeless."""

    call: float = 8.0
    """One call to the chat; a step is begun only while its claim lasts longer than this."""
    begin: float = 4.0
    """From the beginning of a step to its call; a process that was paused for longer must not go on."""
    upload_intent: float = 15.0
    """How long an upload's intent holds after its last sign of life."""
    file_ready: float = 20.0
    """How long an uploaded chart may take until it can be shown in a message."""
    share: float = 60.0
    """How long an uploaded file may take to appear in the thread."""


@dataclass
class Ledger:
    """The posted ids of jobs. `now` gives epoch seconds, shared by all bots as far as their clocks agree."""

    store: JobStore
    now: Callable[[], float]
    patience: Patience = field(default_factory=Patience)

    async def posted(self, job: Job) -> dict[str, str]:
        """Return what the thread holds, and what was tried."""
        return await aside(self.store.posted, job.id)

    async def record(self, job: Job, **ids: str) -> None:
        """Remember ids and intents."""
        await aside(self.store.record_posted, job.id, **ids)

    def until(self, seconds: float) -> str:
        """Return the time in so many seconds, as an intent holds it."""
        return str(self.now() + seconds)

    def still(self, began: float) -> None:
        """Raise NotYet when the step begun at `began` (monotonic) has taken so long that its claim may be lost."""
        if time.monotonic() - began > self.patience.begin:
            raise NotYet(0.0)

    async def call(self, call: Awaitable[T]) -> T:
        """Await one call to the chat, no longer than it may take. Raises ChatUnavailable after that."""
        try:
            return await asyncio.wait_for(call, self.patience.call)
        except TimeoutError as error:
            raise ChatUnavailable("Slack does not answer. The thread catches up later.", detail="timeout") from error
