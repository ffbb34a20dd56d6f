"""conversations.*, users.*, usergroups.*, bots.* and auth.*: who and where."""

from __future__ import annotations

from typing import Any

from ..errors import SlackError
from ..limits import CONNECT, SPECIAL, TIER_2, TIER_3, TIER_4
from ..state import APP_ID, Channel, Json
from .call import Call, Method, page


async def auth_test(call: Call) -> Json:
    team = call.workspace.team
    return {
        "url": call.context.base_url + "/", "team": team.name, "user": "threadcap", "team_id": team.id,
        "user_id": call.me, "bot_id": team.bot_id, "app_id": APP_ID, "is_enterprise_install": False,
    }  # fmt: skip


async def revoke(call: Call) -> Json:
    """auth.revoke: the token is good for nothing afterwards; `test` only looks."""
    if not call.flag("test"):
        call.context.tokens.refused = "token_revoked"
    return {"revoked": not call.flag("test")}


async def connections_open(call: Call) -> Json:
    if call.sockets is None:
        raise SlackError("socket_mode_not_enabled")
    return {"url": call.sockets.open_url()}


def _seen(call: Call, what: str) -> Channel:
    """The channel asked about; each kind of conversation has a scope of its own. `what`: read or history."""
    channel = call.readable_channel()
    call.need(f"{_FAMILY[channel.kind]}:{what}")
    return channel


async def info(call: Call) -> Json:
    return {"channel": _seen(call, "read").to_api()}


def _listed(call: Call, member: str | None = None) -> list[Json]:
    """The conversations of the wanted `types` that the app may see, `member`'s only when given."""
    types = (call.text("types") or "public_channel").split(",")
    for name in types:
        if name not in _TYPES:
            raise SlackError("invalid_types")
        call.need(f"{_FAMILY[_TYPES[name]]}:read")
    kinds = {_TYPES[name] for name in types}
    return [
        c.to_api()
        for c in call.workspace.channels.values()
        if c.kind in kinds and (c.kind == "channel" or call.me in c.members)
        if (member is None or member in c.members) and not (c.is_archived and call.flag("exclude_archived"))
    ]


async def list_channels(call: Call) -> Json:
    items, metadata = page(_listed(call), call)
    return {"channels": items, "response_metadata": metadata}


async def members(call: Call) -> Json:
    people = [{"id": user} for user in sorted(_seen(call, "read").members)]
    items, metadata = page(people, call)
    return {"members": [one["id"] for one in items], "response_metadata": metadata}


async def open_conversation(call: Call) -> Json:
    users = [user for user in call.text("users").split(",") if user]
    if len(users) != 1:
        raise SlackError("users_list_not_supplied" if not users else "too_many_users")
    if users[0] not in call.workspace.users:
        raise SlackError("user_not_found")
    return {"channel": {"id": call.workspace.direct_message(users[0]).id}}


def _history_channel(call: Call) -> Channel:
    channel = _seen(call, "history")
    if call.me not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _between(items: list[Json], call: Call) -> list[Json]:
    oldest, latest = call.text("oldest"), call.text("latest")
    closed = call.flag("inclusive")

    def inside(ts: str) -> bool:
        after = not oldest or ts > oldest or (closed and ts == oldest)
        return after and (not latest or ts < latest or (closed and ts == latest))

    return [item for item in items if inside(item["ts"])]


def _page_size(call: Call) -> dict[str, int]:
    return {"default": 15, "cap": 15} if call.context.faults.strict_history else {}


async def replies(call: Call) -> Json:
    channel = _history_channel(call)
    parent = call.workspace.find(channel.id, call.required("ts"))
    if parent is None:
        raise SlackError("thread_not_found")
    thread = [m.to_api() for m in call.workspace.replies(channel.id, parent.thread_ts or parent.ts)]
    items, metadata = page(_between(thread, call), call, **_page_size(call))
    return {"messages": items, "has_more": bool(metadata["next_cursor"]), "response_metadata": metadata}


async def history(call: Call) -> Json:
    channel = _history_channel(call)
    top = [m.to_api() for m in call.workspace.messages[channel.id] if not m.is_reply or m.subtype == "thread_broadcast"]
    items, metadata = page(_between(top[::-1], call), call, **_page_size(call))
    return {"messages": items, "has_more": bool(metadata["next_cursor"]), "response_metadata": metadata}


async def user_info(call: Call) -> Json:
    user = call.workspace.users.get(call.required("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user.to_api()}


async def user_conversations(call: Call) -> Json:
    items, metadata = page(_listed(call, call.text("user") or call.me), call)
    return {"channels": items, "response_metadata": metadata}


async def list_usergroups(call: Call) -> Json:
    groups = [
        {"id": id_, "team_id": call.workspace.team.id, "is_usergroup": True, "name": group["handle"],
         "handle": group["handle"], "user_count": len(group["users"]), "date_delete": 0}
        | ({"users": group["users"]} if call.flag("include_users") else {})
        for id_, group in call.workspace.usergroups.items()
    ]  # fmt: skip
    return {"usergroups": groups}


async def usergroup_users(call: Call) -> Json:
    group = call.workspace.usergroups.get(call.required("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": group["users"]}


async def bot_info(call: Call) -> Json:
    bot_id = call.workspace.team.bot_id
    if call.text("bot") not in ("", bot_id):
        raise SlackError("bot_not_found")
    return {"bot": {"id": bot_id, "app_id": APP_ID, "user_id": call.me, "name": "threadcap", "deleted": False}}


_FAMILY = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_FORM: dict[str, Any] = {"takes_json": False}
METHODS = (
    Method("auth.test", auth_test, rate=SPECIAL, token="any"),
    Method("auth.revoke", revoke, rate=TIER_3),
    Method("apps.connections.open", connections_open, rate=CONNECT, token="app"),
    Method("conversations.info", info, scopes=_READ, rate=TIER_3, **_FORM),
    Method("conversations.list", list_channels, scopes=_READ, rate=TIER_2, **_FORM),
    Method("conversations.members", members, scopes=_READ, rate=TIER_4, **_FORM),
    Method("conversations.open", open_conversation, scopes=("im:write", "mpim:write"), rate=TIER_3),
    Method("conversations.replies", replies, scopes=_HISTORY, rate=TIER_3, **_FORM),
    Method("conversations.history", history, scopes=_HISTORY, rate=TIER_3, **_FORM),
    Method("users.info", user_info, scopes=("users:read",), rate=TIER_4, **_FORM),
    Method("users.conversations", user_conversations, scopes=_READ, rate=TIER_3, **_FORM),
    Method("usergroups.list", list_usergroups, scopes=("usergroups:read",), rate=TIER_2, **_FORM),
    Method("usergroups.users.list", usergroup_users, scopes=("usergroups:read",), rate=TIER_2, **_FORM),
    Method("bots.info", bot_info, scopes=("users:read",), rate=TIER_3, **_FORM),
)
