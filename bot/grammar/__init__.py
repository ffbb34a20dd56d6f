"""Text to a command, and back. Pure: no clock, no settings, no I/O.

In: one line from Slack (after `bot.unmangle.unmangle`) or a terminal's words, and `Limits`.
Out: a `Command`, or a `Mistake` that marks the place, says why and offers a corrected command.
Nothing here raises on any input, and the work is linear in its length.
"""

from bot.grammar.commands import Capture, Command, Extend, Grab, Help, ListJobs, Mistake, Status, Stop
from bot.grammar.parser import parse, parse_words
from bot.grammar.render import render

__all__ = [
    "Capture",
    "Command",
    "Extend",
    "Grab",
    "Help",
    "ListJobs",
    "Mistake",
    "Status",
    "Stop",
    "parse",
    "parse_words",
    "render",
]
