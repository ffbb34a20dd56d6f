"""files.*: the external upload flow (docs.slack.dev/messaging/working-with-files).

getUploadURLExternal, then the bytes to that URL, then completeUploadExternal. The file shows up in its
thread a little later, so a message posted in between lands first.
"""

from __future__ import annotations

import mimetypes

from ..errors import SlackError
from ..limits import TIER_3, TIER_4
from ..state import Channel, File, Json, Message
from ..uploads import MAX_FILE, safe_name
from .call import Call, Method
from .chat import thread_parent

ALT_TEXT = 1000


async def get_upload_url(call: Call) -> Json:
    name, length = call.required("filename"), call.required("length")
    if not length.isdigit():
        raise SlackError("invalid_arguments")
    if int(length) == 0:
        raise SlackError("missing_argument")
    if int(length) > MAX_FILE:
        raise SlackError("file_upload_size_restricted")
    if len(call.text("alt_txt")) > ALT_TEXT:
        raise SlackError("alt_txt_too_large")
    file_id = call.workspace.new_id("F")
    file = File(
        file_id, name, int(length), call.context.rundir / "files" / f"{file_id}-{safe_name(name)}", call.me,
        int(call.context.clock.now()), alt_text=call.text("alt_txt"), team=call.workspace.team,
    )  # fmt: skip
    call.workspace.files[file_id] = file
    return {"upload_url": call.context.uploads.url_for(file), "file_id": file_id}


async def complete_upload(call: Call) -> Json:
    entries = call.json("files")
    if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) and e.get("id") for e in entries):
        raise SlackError("invalid_arguments")
    files = [_uploaded(call, entry) for entry in entries]
    channel, thread_ts = _destination(call)
    if call.json("blocks") and call.text("initial_comment"):
        raise SlackError("invalid_arguments")
    for file, entry in zip(files, entries, strict=True):
        file.state, file.title = "complete", str(entry.get("title") or file.name)
        file.mimetype = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    call.context.spawn(_attach(call, files, channel, thread_ts))
    return {"files": [file.to_api(call.context.base_url) for file in files]}


def _uploaded(call: Call, entry: Json) -> File:
    file = call.workspace.files.get(str(entry["id"]))
    if file is None or file.state != "uploaded":
        raise SlackError("file_not_found")
    return file


def _destination(call: Call) -> tuple[Channel | None, str | None]:
    """Where to share; a thread_ts takes exactly one channel. Raises SlackError."""
    names = [name for name in (call.text("channel_id") or call.text("channels")).split(",") if name]
    thread_ts = call.text("thread_ts")
    if len(names) > 1 or (thread_ts and not names):
        raise SlackError("invalid_arguments")
    if not names:
        return None, None
    inner = Call({**call.args, "channel": names[0]}, call.context, call.people, call.sockets)
    channel = inner.writable_channel()
    return channel, thread_parent(inner, channel)


async def _attach(call: Call, files: list[File], channel: Channel | None, thread_ts: str | None) -> None:
    """Process the files and share them, some time after the answer."""
    await call.context.clock.sleep(call.context.attach_delay)
    alive = [file for file in files if file.id in call.workspace.files]
    for file in alive:
        file.ready = True
    if channel is None or not alive:
        return
    ts = call.workspace.new_ts()
    for file in alive:
        share = {"channel": channel.id, "ts": ts} | ({"thread_ts": thread_ts} if thread_ts else {})
        file.shares.append(share)
    shapes = [file.to_api(call.context.base_url) for file in alive]
    message = Message(
        channel.id, ts, call.me, call.text("initial_comment"), call.json("blocks") or [], thread_ts,
        bot=True, files=shapes,
    )  # fmt: skip
    call.workspace.add(message)
    call.people.announcer.posted(message)


async def file_info(call: Call) -> Json:
    file = call.workspace.files.get(call.required("file"))
    if file is None or file.state != "complete":
        raise SlackError("file_not_found")
    metadata = {"next_cursor": ""}
    return {"file": file.to_api(call.context.base_url), "comments": [], "response_metadata": metadata}


async def delete_file(call: Call) -> Json:
    file = call.workspace.files.pop(call.required("file"), None)
    if file is None:
        raise SlackError("file_not_found")
    file.path.unlink(missing_ok=True)
    for share in file.shares:
        message = call.workspace.find(share["channel"], share["ts"])
        if message is not None:
            message.files = [{"id": f["id"], "mode": "tombstone"} if f["id"] == file.id else f for f in message.files]
            call.workspace.publish_message("changed", message)
    return {}


METHODS = (
    Method("files.getUploadURLExternal", get_upload_url, scopes=("files:write",), rate=TIER_4, takes_json=False),
    Method("files.completeUploadExternal", complete_upload, scopes=("files:write",), rate=TIER_4),
    Method("files.info", file_info, scopes=("files:read",), rate=TIER_4, takes_json=False),
    Method("files.delete", delete_file, scopes=("files:write",), rate=TIER_3),
)
