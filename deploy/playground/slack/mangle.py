"""What happens to text between the keyboard and the app.

`as_typed` is the Mac client's smart punctuation, `as_sent` Slack's own encoding (links, mentions, `&amp;`;
"Formatting text for app surfaces" in Slack's docs). Apps must undo both.
"""

from __future__ import annotations

import html
import re

from .state import Workspace

_DOMAIN = r"(?:[a-z0-9-]+\.)+(?:com|net|org|io|dev)\b"
_LINK = re.compile(rf"https?://[^\s<>|]+|[\w.+-]+@{_DOMAIN}|\b{_DOMAIN}", re.IGNORECASE)
_REFERENCE = re.compile(r"(?<![\w/])([@#])([a-z0-9][a-z0-9._-]*)", re.IGNORECASE)


def as_typed(text: str) -> str:
    """Smart quotes, an en dash for `--`, an ellipsis for three dots: macOS substitutions."""
    text = re.sub(r"(?<=\s)--(?=[\s\w]|$)|^--", "–", text)
    text = re.sub(r'(^|[\s(\[=])"', r"\1“", text).replace('"', "”")
    text = re.sub(r"(^|[\s(\[=])'", r"\1‘", text).replace("'", "’")
    return text.replace("...", "…")


def as_sent(text: str, workspace: Workspace, *, named: bool = False) -> str:
    """Encode as Slack does; `named` gives `<@U1|alice>` as slash commands do when escaping is on."""
    text = html.escape(text, quote=False)
    text = _LINK.sub(lambda m: _link(m.group()), text)
    return _REFERENCE.sub(lambda m: _reference(m, workspace, named=named), text)


def mentions(text: str, user: str) -> bool:
    """Whether encoded `text` mentions `user`, an id."""
    return f"<@{user}>" in text or f"<@{user}|" in text


def _link(found: str) -> str:
    if "://" in found:
        return f"<{found}>"
    return f"<mailto:{found}|{found}>" if "@" in found else f"<http://{found}|{found}>"


def _reference(match: re.Match[str], workspace: Workspace, *, named: bool) -> str:
    sigil, name = match.groups()
    if sigil == "@":
        user = workspace.user_by_name(name)
        if user is None:
            return _group(name, workspace, named=named) or match.group()
        return f"<@{user.id}|{user.name}>" if named else f"<@{user.id}>"
    channel = workspace.channel_by_name(name)
    return match.group() if channel is None else f"<#{channel.id}|{channel.name}>"


def _group(handle: str, workspace: Workspace, *, named: bool) -> str | None:
    found = next((id_ for id_, group in workspace.usergroups.items() if group["handle"] == handle), None)
    if found is None:
        return None
    return f"<!subteam^{found}|@{handle}>" if named else f"<!subteam^{found}>"
