"""views.*: modals and the Home tab."""

from __future__ import annotations

from ..errors import SlackError
from ..limits import TIER_4
from ..state import Json
from .call import Call, Method


async def open_view(call: Call) -> Json:
    shape = call.json("view")
    user = call.people.triggers.redeem(call.required("trigger_id"))
    return {"view": call.people.views.open(user, shape).to_api()}


async def push_view(call: Call) -> Json:
    shape = call.json("view")
    user = call.people.triggers.redeem(call.required("trigger_id"))
    return {"view": call.people.views.push(user, shape).to_api()}


async def update_view(call: Call) -> Json:
    return {"view": call.people.views.update(call.args, call.json("view")).to_api()}


async def publish_view(call: Call) -> Json:
    user = call.required("user_id")
    if not call.context.config.home:
        raise SlackError("not_enabled")
    if user not in call.workspace.users:
        raise SlackError("invalid_arguments")
    view = call.people.views.publish_home(user, call.json("view"), call.text("hash") or None)
    return {"view": view.to_api()}


METHODS = (
    Method("views.open", open_view, rate=TIER_4),
    Method("views.push", push_view, rate=TIER_4),
    Method("views.update", update_view, rate=TIER_4),
    Method("views.publish", publish_view, rate=TIER_4),
)
