"""Modals and Home tabs: the stack of views one person has open.

Views API: docs.slack.dev/surfaces/modals. At most three views in a stack; a hash guards races.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from .blocks import VIEW_BLOCKS, assign_block_ids, lint_message
from .context import Context
from .elements import plain
from .errors import SlackError
from .schema import Check, anything, array, boolean, problem, record, string
from .state import APP_ID, Json, Team

STACK_LIMIT = 3
VIEW_BYTES = 250_000
_SHARED = {
    "type": anything, "blocks": array(anything, 0, VIEW_BLOCKS), "private_metadata": string(3000, 0),
    "callback_id": string(255, 0), "external_id": string(255, 0),
}  # fmt: skip
_VIEW: dict[str, Check] = {
    "modal": record(
        {"title": plain(24)},
        {**_SHARED, "close": plain(24), "submit": plain(24), "clear_on_close": boolean, "notify_on_close": boolean,
         "submit_disabled": boolean},
    ),
    "home": record({}, _SHARED),
}  # fmt: skip


@dataclass
class View:
    """One open modal or a Home tab."""

    id: str
    user: str
    shape: Json
    root: str
    hash: str
    team: Team

    def to_api(self) -> Json:
        empty = {"private_metadata": "", "callback_id": "", "external_id": "", "close": None, "submit": None}
        return empty | self.shape | {
            "id": self.id, "team_id": self.team.id, "root_view_id": self.root, "app_id": APP_ID,
            "bot_id": self.team.bot_id,
            "hash": self.hash, "state": {"values": {}},
        }  # fmt: skip


class Views:
    """Open modals by user, top of the stack last, and published Home tabs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}

    def open(self, user: str, shape: Json) -> View:
        view_id = self._context.workspace.new_id("V")
        self.stacks[user] = [self._make(view_id, user, shape, view_id)]
        return self._changed(self.stacks[user][0])

    def push(self, user: str, shape: Json) -> View:
        stack = self.stacks.get(user, [])
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= STACK_LIMIT:
            raise SlackError("push_limit_reached")
        stack.append(self._make(self._context.workspace.new_id("V"), user, shape, stack[0].id))
        return self._changed(stack[-1])

    def reset(self) -> None:
        """No modal open, no Home published."""
        self.stacks.clear()
        self.homes.clear()

    def update(self, args: Json, shape: Json) -> View:
        """views.update by view_id or external_id. Raises not_found or hash_conflict."""
        wanted = (args.get("view_id"), args.get("external_id"))
        for views in (self.homes.values(), *self.stacks.values()):
            for view in views:
                if view.id == wanted[0] or (wanted[1] and view.shape.get("external_id") == wanted[1]):
                    return self._replace(view, shape, args.get("hash"))
        raise SlackError("not_found")

    def publish_home(self, user: str, shape: Json, expected: str | None) -> View:
        old = self.homes.get(user)
        if expected and old is not None and old.hash != expected:
            raise SlackError("hash_conflict")
        view_id = old.id if old else self._context.workspace.new_id("V")
        self.homes[user] = self._make(view_id, user, shape, view_id, kind="home")
        return self._changed(self.homes[user])

    def of_user(self, view_id: str, user: str) -> View:
        """An open modal of `user`, or their Home tab. Raises not_found."""
        mine: list[View] = [*self.stacks.get(user, ())]
        mine += [self.homes[user]] if user in self.homes else []
        view = next((one for one in mine if one.id == view_id), None)
        if view is None:
            raise SlackError("not_found")
        return view

    def remove(self, view: View) -> None:
        self.stacks[view.user].remove(view)
        self._changed(view)

    def close(self, view: View, *, everything: bool) -> View:
        """Dismiss `view`, or with `everything` the whole stack; the view that view_closed tells of."""
        if not everything:
            self.remove(view)
            return view
        root = self.stacks[view.user][0]
        self.stacks[view.user] = []
        self._changed(root)
        return root

    def answer(self, view: View, answer: Json) -> None:
        """Apply the response_action of a submission's ack: errors, update, push, clear; none closes."""
        action = answer.get("response_action")
        if action == "errors":
            self._context.workspace.publish(
                {"type": "view_errors", "user": view.user, "view_id": view.id, "errors": answer.get("errors", {})}
            )
        elif action == "update":
            self._replace(view, answer["view"], None)
        elif action == "push":
            self.push(view.user, answer["view"])
        elif action == "clear":
            self.close(view, everything=True)
        elif action is None:
            self.remove(view)
        else:
            raise SlackError("invalid_response_action")

    def _replace(self, view: View, shape: Json, expected: str | None) -> View:
        if expected and expected != view.hash:
            raise SlackError("hash_conflict")
        fresh = self._make(view.id, view.user, shape, view.root, kind=view.shape["type"])
        view.shape, view.hash = fresh.shape, fresh.hash
        return self._changed(view)

    def _make(self, view_id: str, user: str, shape: Any, root: str, kind: str = "modal") -> View:
        check_view(shape, kind)
        self._check_external_id(view_id, shape.get("external_id"))
        shape = shape | {"blocks": assign_block_ids(shape.get("blocks") or [])}
        stamp = f"{int(self._context.clock.now())}.{secrets.token_hex(4)}"
        return View(view_id, user, shape, root, stamp, self._context.workspace.team)

    def _check_external_id(self, view_id: str, external_id: str | None) -> None:
        """Raises duplicate_external_id when another view of the workspace has it."""
        others = (view for stack in (*self.stacks.values(), list(self.homes.values())) for view in stack)
        if external_id and any(v.shape.get("external_id") == external_id and v.id != view_id for v in others):
            raise SlackError("duplicate_external_id")

    def _changed(self, view: View) -> View:
        if view.shape["type"] == "home":
            self._context.workspace.publish({"type": "home", "user": view.user, "home": view.to_api()})
            return view
        stack = [one.to_api() for one in self.stacks.get(view.user, ())]
        self._context.workspace.publish({"type": "views", "user": view.user, "views": stack})
        return view


def check_view(shape: Any, kind: str) -> None:
    """Raise SlackError unless `shape` is a valid `kind` of view: view_too_large, or invalid_arguments with messages."""
    problems: list[str] = []
    if len(json.dumps(shape)) > VIEW_BYTES:
        raise SlackError("view_too_large")
    if not isinstance(shape, dict) or shape.get("type") != kind:
        problem(problems, f"must be a view of type {kind}", "/view")
    else:
        _VIEW[kind](shape, "/view", problems)
        blocks = shape.get("blocks")
        problems += [p.replace("/blocks", "/view/blocks") for p in lint_message(blocks, "", maximum=VIEW_BLOCKS)]
        needs_submit = any(isinstance(b, dict) and b.get("type") == "input" for b in blocks or ())
        if kind == "modal" and needs_submit and not shape.get("submit"):
            problem(problems, "missing required field: submit", "/view")
    if problems:
        raise SlackError.with_messages("invalid_arguments", problems)
