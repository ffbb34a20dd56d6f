"""What is handed to chat: text and blocks."""

from dataclasses import dataclass, field
from typing import Any

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """A Slack message. `text` is the plain fallback for notifications and screen readers; never empty."""

    text: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChartRef:
    """An image already uploaded to Slack."""

    file_id: str
    alt: str
