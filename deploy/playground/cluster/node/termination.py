"""What a container says when it ends: the file at its terminationMessagePath, as a kubelet reads it.

At most 4,096 bytes of the file; where that is empty, the container failed and its terminationMessagePolicy is
FallbackToLogsOnError, the last 80 lines or 2,048 bytes of its log (kubelet's kuberuntime).
"""

from __future__ import annotations

from pathlib import Path

from .logs import content
from .process import Json

_FILE_BYTES = 4096
_LOG_LINES = 80
_LOG_BYTES = 2048
_NAME = "termination-log"


def prepare(spec: Json, home: Path) -> list[Json]:
    """An empty file of this attempt, and the mount that shows it to the container; [] where none is wanted."""
    path = spec.get("terminationMessagePath")
    if not path:
        return []
    home.mkdir(parents=True, exist_ok=True)
    file = home / _NAME
    file.unlink(missing_ok=True)
    file.touch()
    file.chmod(0o666)  # whatever user the container runs as
    return [{"destination": path, "type": "bind", "source": str(file), "options": ["rbind", "rprivate", "rw"]}]


def message(spec: Json, home: Path, log: Path, code: int) -> str:
    """The message of an attempt that has ended with this exit code."""
    said = b""
    file = home / _NAME
    if spec.get("terminationMessagePath") and file.is_file():
        with file.open("rb") as opened:
            said = opened.read(_FILE_BYTES)
    if not said and code and spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        said = b"".join(content(log)[-_LOG_LINES:])[-_LOG_BYTES:]
    return said.decode(errors="replace")
