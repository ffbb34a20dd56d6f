"""Words to a command."""

from collections.abc import Sequence

from bot.grammar.commands import Command, Help, Mistake
from workers.contract.spec import Limits


def parse(text: str, limits: Limits, *, implied: str = "") -> Command | Mistake:
    """Read one line of unmangled text. `implied` is the command word to assume when there is none ("capture" for
    a slash command named so). Empty text is a call for help."""
    return Help(None)


def parse_words(words: Sequence[str], limits: Limits) -> Command | Mistake:
    """Read a terminal's argv (without the program's name) by the same grammar."""
    return Help(None)
