"""chat.*: posting, editing, deleting (docs.slack.dev/reference/methods)."""

from __future__ import annotations

from typing import Any

from ..blocks import UPDATE_TEXT, assign_block_ids, check_message
from ..errors import SlackError
from ..limits import POSTING, TIER_2, TIER_3, TIER_4, Rate
from ..state import Channel, Json, Message
from .call import Call, Method


def content(call: Call, text_limit: int | None = None) -> Json:
    """The checked text, blocks, attachments and metadata of a message call. Raises SlackError."""
    blocks, attachments = call.json("blocks"), call.json("attachments")
    text = call.text("text")
    limit = {} if text_limit is None else {"text_limit": text_limit}
    check_message(
        blocks, text, file_ready=lambda wanted: file_ready(call, wanted), other_content=bool(attachments), **limit
    )
    return {
        "text": text, "blocks": assign_block_ids(blocks or []), "attachments": attachments or [],
        "metadata": _metadata(call.json("metadata")),
    }  # fmt: skip


def _metadata(metadata: Any) -> Json | None:
    """What an app hangs on a message. Raises invalid_metadata_format."""
    kinds = {"event_type": str, "event_payload": dict}
    good = isinstance(metadata, dict) and all(isinstance(metadata.get(name), kind) for name, kind in kinds.items())
    if metadata is not None and not good:
        raise SlackError("invalid_metadata_format")
    return metadata if good else None


def file_ready(call: Call, wanted: str) -> bool:
    """A slack_file may be shown once it is complete and processed; `wanted` is its id or URL."""
    base = call.context.base_url
    files = call.workspace.files.values()
    named = (f for f in files if wanted == f.id or wanted in (v for v in f.to_api(base).values() if isinstance(v, str)))
    return any(f.ready and f.mimetype.startswith("image/") for f in named)


def thread_parent(call: Call, channel: Channel) -> str | None:
    """The thread_ts argument, checked against what is in the channel."""
    thread_ts = call.text("thread_ts") or None
    if thread_ts is None:
        return None
    parent = call.workspace.find(channel.id, thread_ts)
    if parent is None:
        raise SlackError("thread_not_found")
    if parent.is_reply:
        raise SlackError("cannot_reply_to_message")
    return thread_ts


async def post_message(call: Call) -> Json:
    channel = call.writable_channel()
    thread_ts = thread_parent(call, channel)
    parts = content(call)
    subtype = "thread_broadcast" if thread_ts and call.flag("reply_broadcast") else None
    message = Message(
        channel.id, call.workspace.new_ts(), call.me, thread_ts=thread_ts, bot=True, subtype=subtype, **parts
    )
    call.workspace.add(message)
    call.people.announcer.posted(message)
    return {"channel": channel.id, "ts": message.ts, "message": message.to_api()}


async def post_ephemeral(call: Call) -> Json:
    channel = call.writable_channel()
    user = call.required("user")
    if user not in call.workspace.users:
        raise SlackError("user_not_found")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    thread_ts = thread_parent(call, channel)
    ts = call.workspace.new_ts()
    message = Message(channel.id, ts, call.me, thread_ts=thread_ts, bot=True, ephemeral_to=user, **content(call))
    call.workspace.add(message)
    return {"message_ts": ts}


def _own_message(call: Call, refusal: str, archived: str = "is_archived") -> Message:
    channel = call.writable_channel(archived)
    message = call.workspace.find(channel.id, call.required("ts"))
    if message is None:
        raise SlackError("message_not_found")
    if not message.bot:
        raise SlackError(refusal)
    return message


async def update(call: Call) -> Json:
    message = _own_message(call, "cant_update_message", "is_inactive")
    previous, parts = message.to_api(), content(call, UPDATE_TEXT)
    message.text = parts["text"] or message.text
    # "If you don't include this field, the message's previous blocks will be retained": an empty list drops.
    for name in ("blocks", "attachments"):
        if call.args.get(name) is not None:
            setattr(message, name, parts[name])
    message.metadata = parts["metadata"] or message.metadata
    message.edited = {"user": call.me, "ts": call.workspace.new_ts()}
    call.workspace.publish_message("changed", message)
    call.people.announcer.changed(message, previous)
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": message.to_api()}


async def delete(call: Call) -> Json:
    message = _own_message(call, "cant_delete_message")
    call.workspace.remove(message)
    call.people.announcer.deleted(message)
    return {"channel": message.channel, "ts": message.ts}


async def get_permalink(call: Call) -> Json:
    channel = call.readable_channel()
    message = call.workspace.find(channel.id, call.required("message_ts"))
    if message is None:
        raise SlackError("message_not_found")
    link = f"{call.context.base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def _found(call: Call, channel: Channel) -> Message:
    message = call.workspace.find(channel.id, call.required("timestamp"))
    if message is None:
        raise SlackError("message_not_found")
    return message


async def add_reaction(call: Call) -> Json:
    message = _found(call, call.readable_channel())
    users = message.reactions.setdefault(call.required("name"), [])
    if call.me in users:
        raise SlackError("already_reacted")
    users.append(call.me)
    call.workspace.publish_message("changed", message)
    return {}


async def remove_reaction(call: Call) -> Json:
    message = _found(call, call.readable_channel())
    name = call.required("name")
    if call.me not in message.reactions.get(name, ()):
        raise SlackError("no_reaction")
    message.reactions[name].remove(call.me)
    if not message.reactions[name]:
        del message.reactions[name]
    call.workspace.publish_message("changed", message)
    return {}


_WRITE: dict[str, Any] = {"scopes": ("chat:write",)}
METHODS = (
    Method("chat.postMessage", post_message, rate=POSTING, **_WRITE),
    Method("chat.postEphemeral", post_ephemeral, rate=TIER_4, **_WRITE),
    Method("chat.update", update, rate=TIER_3, **_WRITE),
    Method("chat.delete", delete, rate=TIER_3, **_WRITE),
    Method("chat.getPermalink", get_permalink, rate=Rate(300), takes_json=False),
    Method("reactions.add", add_reaction, scopes=("reactions:write",), rate=TIER_3),
    Method("reactions.remove", remove_reaction, scopes=("reactions:write",), rate=TIER_2),
)
