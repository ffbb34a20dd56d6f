"""The Web API's method table: one small handler a method, with its scopes and rate."""

from __future__ import annotations

from . import chat, conversations, files, views
from .call import Call, Method

__all__ = ["TABLE", "Call", "Method"]

TABLE: dict[str, Method] = {
    method.name: method for part in (chat, conversations, files, views) for method in part.METHODS
}
