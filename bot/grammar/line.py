"""A line cut into words with their places, whatever it came from. Linear; refuses what no command can contain."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from bot.grammar.wrong import Wrong

_WORD = re.compile(r"""(?:[^\s"']+|"[^"]*"|'[^']*')+|["']""")
_QUOTED = re.compile(r"""\"([^"]*)\"|'([^']*)'""")
_FOREIGN = re.compile(r"[^\x20-\x7e\t\r\n]")
_BARE = re.compile(r"""[^\s"']+""")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DROPPED = ("Cc", "Cf", "Cs", "Co", "Cn", "So", "Sk", "Mn", "Me", "Zs", "Zl", "Zp")
"""Categories of characters that a correction may leave out: invisible ones and pictures, never letters."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word without its quotes, and where it stands in the line (quotes included)."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """Words before `--`, and what is after it (None without one), stripped and otherwise as it stands."""

    text: str
    tokens: tuple[Token, ...]
    dashes: int = -1
    """Where `--` stands, or -1."""
    tail: Token | None = None

    def source(self, token: Token) -> str:
        """Return the token as it is written in the line."""
        return self.text[token.start : token.end]


def read_line(text: str) -> Line:
    """Cut a line; quotes hold words together. Raises Wrong for a foreign character or an open quote."""
    refuse_foreign(text)
    tokens: list[Token] = []
    for match in _WORD.finditer(text):
        word = match.group()
        if word == "--":
            return Line(text, tuple(tokens), match.start(), _tail(text, match.end()))
        if word in ('"', "'"):
            raise Wrong(match.start(), match.end(), "This quote is not closed.", instead="")
        tokens.append(Token(_QUOTED.sub(lambda m: m[1] or m[2] or "", word), match.start(), match.end()))
    return Line(text, tuple(tokens))


def read_words(words: Sequence[str]) -> Line:
    """Take words as they are (a shell has cut them) and lay them out in a line. Raises Wrong as `read_line`."""
    refuse_foreign(" ".join(words))
    pieces: list[str] = []
    tokens: list[Token] = []
    place = 0
    for index, word in enumerate(words):
        if word == "--":
            text = " ".join([*pieces, *words[index:]])
            return Line(text, tuple(tokens), place, _tail(text, place + 2))
        pieces.append(quote(word))
        tokens.append(Token(word, place, place + len(pieces[-1])))
        place += len(pieces[-1]) + 1
    return Line(" ".join(pieces), tuple(tokens))


def quote(word: str) -> str:
    """Return the word as it must be written in a line."""
    if _BARE.fullmatch(word):
        return word
    return f"'{word}'" if '"' in word else f'"{word}"'


def refuse_foreign(text: str) -> None:
    """Raise Wrong at the first character outside printable ASCII and white space."""
    match = _FOREIGN.search(text)
    if match is None:
        return
    char = match.group()
    droppable = all(unicodedata.category(c) in _DROPPED for c in set(_FOREIGN.findall(text)))
    whole = _FOREIGN.sub(_replace, text) if droppable else None
    raise Wrong(match.start(), match.end(), f"{_describe(char)} can't be part of a command.", whole=whole)


def _replace(match: re.Match[str]) -> str:
    return " " if unicodedata.category(match.group()).startswith("Z") else ""


def _describe(char: str) -> str:
    code = f"U+{ord(char):04X}"
    name = unicodedata.name(char, "")
    named = f"{code} {name}" if name else code
    if char in _BIDI:
        return f"An invisible text direction mark ({named})"
    category = unicodedata.category(char)
    if category in ("Cf", "Zl", "Zp") or char in "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe0f":
        return f"An invisible character ({named})"
    if category in ("Cc", "Cs", "Co", "Cn"):
        return f"A control or unassigned character ({named})"
    return f"The character {named}"


def _tail(text: str, start: int) -> Token:
    stripped = text[start:].strip()
    begin = start + len(text[start:]) - len(text[start:].lstrip()) if stripped else len(text)
    if len(stripped) > 1 and stripped[0] in "\"'" and stripped[0] == stripped[-1] and stripped.count(stripped[0]) == 2:
        # the habit of quoting a filter for a shell
        inner = stripped[1:-1]
        lead = len(inner) - len(inner.lstrip())
        return Token(inner.strip(), begin + 1 + lead, begin + 1 + lead + len(inner.strip()))
    return Token(stripped, begin, begin + len(stripped))
