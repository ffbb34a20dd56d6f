"""A refusal in Slack's words."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """`{"ok": false, "error": code, …}`: `extra` joins the body, `status` and `headers` the HTTP answer."""

    def __init__(self, code: str, *, status: int = 200, headers: dict[str, str] | None = None, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.headers = headers or {}
        self.extra = extra

    @classmethod
    def with_messages(cls, code: str, problems: list[str]) -> SlackError:
        """As Slack reports schema problems: `errors`, and the same in response_metadata."""
        messages = [f"[ERROR] {problem}" for problem in problems]
        return cls(code, errors=problems, response_metadata={"messages": messages})

    def body(self) -> dict[str, Any]:
        return {"ok": False, "error": self.code, **self.extra}
