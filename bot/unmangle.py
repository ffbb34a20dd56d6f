"""Undo what Slack and keyboards do to a command's text. Pure, linear.

Slack encodes `& < >`, turns names and addresses into `<…>` references and keeps code marks ("Formatting text for
app surfaces" in its docs); phones and macOS set smart quotes, dashes for `--`, an ellipsis and odd spaces.
"""

import re

_MENTION = re.compile(r"\s*<@[A-Z0-9]+(?:\|[^<>]*)?>[\s:,]*")
_REFERENCE = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_DASHES = re.compile(r"(?<!\S)[–—‒―]+(?=([A-Za-z]?)([A-Za-z-]?))|[–—‒―]")
_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))
_LETTERS = str.maketrans(
    {
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("\u2010\u2011\u2212\ufe63\uff0d", "-"),
        "…": "...",
    }
)


MAX_TEXT = 100_000
"""Longer than any message Slack delivers (40,000 characters): returned as it is, for the grammar to refuse."""


def unmangle(text: str) -> str:
    """Return the text as the person meant it; a leading mention (the bot's own) is removed."""
    if len(text) > MAX_TEXT:
        return text
    text = _MENTION.sub("", text, count=1) if _MENTION.match(text) else text
    text = _REFERENCE.sub(_meant, text)
    text = _ENTITY.sub(lambda match: _ENTITIES[match.group()], text)
    text = _SPACES.sub(" ", text).translate(_LETTERS)
    return _without_code_marks(_DASHES.sub(_dash, text))


def _meant(match: re.Match[str]) -> str:
    """Return what the person saw: a link's label, a user's or channel's name."""
    target, label = match[1], match[2]
    if target.startswith(("@", "#")):
        return f"{target[0]}{label}" if label else target
    if target.startswith("!"):
        return label or f"@{target[1:]}"
    return label or target.removeprefix("mailto:").removeprefix("tel:")


def _dash(match: re.Match[str]) -> str:
    """A long dash was `--` before a word of two letters or more, and alone; else `-`."""
    if match[1] is None:
        return "-"
    single = bool(match[1]) and not match[2]
    return "-" if single and len(match.group()) == 1 else "--"


def _without_code_marks(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text.startswith("`") and text.endswith("`"):
        text = text.strip("` \t\r\n")
    return text
