"""The static tcpdump that is sent into a container which has none: which file, for which machine.

Built by deploy/static_tcpdump/ and named as Debian names architectures. It only writes packets (`-w`), runs without
libraries or /etc/passwd, and takes `-Z root` for what it is. Names of ports (`port http`) are known to it only where
the container has /etc/services.
"""

from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What `uname -m` says in a container -> the architecture of the binary that runs there."""


def file_name(machine: str) -> str | None:
    """Return the binary's file name for a machine as `uname -m` says it; None for one that we build none for."""
    architecture = ARCHITECTURES.get(machine.strip())
    return f"tcpdump-{architecture}" if architecture else None


def find(folder: str | Path, machine: str) -> Path | None:
    """Return the binary for a machine; None when we build none for it or the folder (if any) lacks it."""
    name = file_name(machine)
    path = Path(folder, name) if name else None
    return path if path and path.is_file() else None
