"""What someone else may put beside the workspace: a panel of the page with routes of its own.

The emulator knows no panel; whoever runs it hands panels over, and the page draws those whose name it knows.
"""

from __future__ import annotations

from typing import Protocol

from aiohttp import web


class Panel(Protocol):
    """Its routes live under `/_panel/<name>` and are guarded as all others: loopback, own host and origin."""

    @property
    def name(self) -> str:
        """What the page knows it by."""

    def routes(self) -> list[web.RouteDef]:
        """Added to the emulator's application when it starts."""
