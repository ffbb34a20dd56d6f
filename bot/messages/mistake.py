"""The answer to a line that does not parse, for its author alone."""

import unicodedata

from bot.grammar import Mistake
from bot.messages.blocks import context, section
from bot.messages.limits import fit
from bot.messages.message import Block, Message
from bot.messages.text import code, fenced, plain

WIDTH = 76
"""Characters of the line that are shown; what is wrong stays in sight."""


def mistake(mistake: Mistake, prefix: str = "") -> Message:
    """Show the line with the place marked, the reason, and a corrected command after `prefix`."""
    reason = plain(mistake.reason, 600)
    blocks: list[Block] = [section(reason)]
    if mistake.text.strip():
        blocks.append(section(fenced(_marked(mistake))))
    text = reason
    if mistake.suggestion:
        suggestion = _prefixed(mistake.suggestion, prefix)
        blocks.append(section(f"Try {code(suggestion, 1500)}"))
        text = f"{reason} Try: {plain(suggestion, 1500)}"
    else:
        blocks.append(context(f"{code(_prefixed('help', prefix))} shows what can be said."))
    return fit(Message(text, blocks))


def _prefixed(command: str, prefix: str) -> str:
    """Return the command as it is typed; `/capture capture x` is said once."""
    word = prefix.strip().removeprefix("/")
    if prefix.startswith("/") and command.startswith(f"{word} "):
        command = command.removeprefix(f"{word} ")
    return prefix + command


def _marked(mistake: Mistake) -> str:
    """Return the part of the line around the place, and carets under it."""
    line = "".join(map(_cell, mistake.text))
    start = min(max(0, mistake.position), len(line))
    length = min(max(1, mistake.length), WIDTH // 2)
    first = 0 if start + length <= WIDTH - 1 else max(0, start + length - WIDTH + 8)
    window = line[first : first + WIDTH]
    before, after = "… " if first else "", " …" if first + WIDTH < len(line) else ""
    return f"{before}{window}{after}\n{' ' * (len(before) + start - first)}{'^' * length}"


def _cell(char: str) -> str:
    """Return one character of one cell's width for each of the line, so that the mark stays under its place."""
    if " " <= char <= "~":
        return char
    if char.isspace():
        return " "
    narrow = char.isalpha() and unicodedata.east_asian_width(char) not in ("W", "F")
    return char if narrow and unicodedata.bidirectional(char) == "L" else "\ufffd"
