"""Which Debian packages the images are made from, and what of them is installed here."""

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

REQUIRED: dict[str, str] = {
    "busybox-static": "/usr/bin/busybox",
    "tcpdump": "/usr/bin/tcpdump",
    "coreutils": "/usr/bin/timeout",
    "dash": "/usr/bin/dash",
    "util-linux": "/usr/bin/nsenter",
    "dnsmasq-base": "/usr/sbin/dnsmasq",
    "openssl": "/usr/bin/openssl",
    "python3.11-minimal": "/usr/bin/python3.11",
    "libpython3.11-stdlib": "/usr/lib/python3.11/asyncio/__init__.py",
}
"""apt package -> a file it must bring. The paths are Debian's own: a Python of pyenv or of a virtual
environment is never taken, its files would not be owned by the distribution."""

# Libraries the copied programs are linked to: a security update of one makes new layers.
LIBRARIES = ("libc6", "libssl3", "libpcap0.8", "libffi8", "zlib1g", "libselinux1", "libpcre2-8-0")


class MissingPackagesError(RuntimeError):
    """Packages are not installed; the message holds the one command that helps."""


def check_packages() -> None:
    """Raise MissingPackagesError, naming every package that lacks, before anything is built."""
    missing = sorted(name for name, path in REQUIRED.items() if not Path(path).exists())
    if missing:
        raise MissingPackagesError(
            f"The playground's images need Debian packages that are not installed: {', '.join(missing)}. "
            f"Install them with: apt-get install --no-install-recommends {' '.join(missing)}"
        )


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Installed versions of all packages that files are copied from, by package name."""
    names = [*REQUIRED, *LIBRARIES]
    query = ["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *names]
    # A library may have another name on the next Debian: dpkg-query then fails for that one only.
    answer = subprocess.run(query, capture_output=True, text=True, check=False, env=_c_locale())
    return dict(line.split(" ", 1) for line in answer.stdout.splitlines() if " " in line)


def shared_objects(program: Path) -> list[Path]:
    """Absolute paths of the shared objects (loader included) `program` needs; empty for a static one."""
    answer = subprocess.run(
        [shutil.which("ldd") or "/usr/bin/ldd", str(program)],
        capture_output=True,
        text=True,
        check=False,
        env=_c_locale(),
    )
    return [Path(word) for line in answer.stdout.splitlines() if (word := _object_path(line))]


def _object_path(line: str) -> str:
    """`libc.so.6 => /lib/…/libc.so.6 (0x…)` or `/lib64/ld-linux… (0x…)` -> the path, else empty."""
    words = line.split("=>")[-1].split()
    return words[0] if words and words[0].startswith("/") else ""


def _c_locale() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}
