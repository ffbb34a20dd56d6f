"""Running the node's tools (ip, nft, runc): argv lists only, errors with what the tool said."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

_SAID_LIMIT = 2000


class ToolError(RuntimeError):
    """A tool of the node failed; the text is the tool's own, capped."""


def now() -> str:
    """The present as Kubernetes writes times."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def log(message: str, **fields: object) -> None:
    """One JSON line on standard error."""
    line = {"time": datetime.now(UTC).isoformat(), "message": message, **fields}
    print(json.dumps(line, default=str), file=sys.stderr, flush=True)


async def run(argv: Sequence[str], text: str = "", env: Mapping[str, str] | None = None) -> str:
    """Run a tool with `text` on its standard input; returns its standard output or raises ToolError."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    out, said = await process.communicate(text.encode())
    if process.returncode != 0:
        words = said.decode(errors="replace").strip()[:_SAID_LIMIT]
        raise ToolError(f"{argv[0]} ended with {process.returncode}: {words}")
    return out.decode(errors="replace")


async def ip(lines: Sequence[str], *, netns: str = "") -> None:
    """Commands of ip(8) in one process; `netns` names a namespace, or is the path of its file."""
    inside = ["nsenter", f"--net={netns}"] if netns.startswith("/") else []
    named = ["-n", netns] if netns and not inside else []
    await run([*inside, "ip", *named, "-batch", "-"], "\n".join(lines) + "\n")
