"""The audit log: one JSON line a request, appended; who, what, where, answer. Never bodies or commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from .objects import micro_timestamp
from .rbac import Attributes, User


class AuditLog:
    """Append-only; `path` None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None

    def write(self, user: User | None, asked: Attributes, code: int, *, by: str = "") -> None:
        """`by` is the real user when `user` is impersonated."""
        if self._file is None or self._file.closed:
            return
        entry = {"time": micro_timestamp(), "user": user.name if user else ""}
        entry |= {"impersonatedBy": by} if by else {}
        fields = ("verb", "group", "resource", "subresource", "namespace", "name", "path")
        entry |= {name: getattr(asked, name) for name in fields if getattr(asked, name)}
        self._file.write(json.dumps({**entry, "code": code}) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()
