"""What the bot says. Pure: data in, `Message` out; one file a message, nothing here sends.

Every message fits Slack's limits (`limits.fit`), carries a plain `text`, and escapes what people or traffic wrote.
Buttons have the action ids of `actions` and the job's id as value.
"""

from bot.messages.accepted import accepted
from bot.messages.already import already, joined
from bot.messages.card import card
from bot.messages.help import help_page
from bot.messages.listing import listing
from bot.messages.message import ChartRef, Message
from bot.messages.mistake import mistake
from bot.messages.refusal import refusal
from bot.messages.status import status
from bot.messages.verdict import joined_verdict, verdict

__all__ = [
    "ChartRef",
    "Message",
    "accepted",
    "already",
    "card",
    "help_page",
    "joined",
    "joined_verdict",
    "listing",
    "mistake",
    "refusal",
    "status",
    "verdict",
]
