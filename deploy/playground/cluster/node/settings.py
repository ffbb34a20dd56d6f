"""What one node is told at its start, and where it keeps things."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DISK = Path("/var/lib/threadcap-playground")
"""Where pods keep what they write: on disk, which /run usually is not."""


@dataclass(frozen=True)
class NodeSettings:
    """One node of one playground instance; `index` (1-250) picks its addresses 198.18.<index>.0/24."""

    id: str
    name: str
    index: int
    rundir: Path
    image_store: Path
    backoff_seconds: float = 10.0
    lifeline: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.index <= 250:
            raise ValueError(f"node index {self.index} is not within 1..250")
        for word in (self.id, self.name):
            if not word.replace("-", "").isalnum():
                raise ValueError(f"{word!r}: only letters, digits and dashes may name a playground or a node")

    @property
    def home(self) -> Path:
        return self.rundir / self.name

    @property
    def socket(self) -> Path:
        return self.home / "agent.sock"

    @property
    def runc_root(self) -> Path:
        return self.home / "runc"

    @property
    def disk(self) -> Path:
        return DISK / self.id / self.name

    @property
    def pods(self) -> Path:
        return self.disk / "pods"

    @property
    def room(self) -> Path:
        """Holds the bytes that what pods write to may have from now on, while a fault says so (see small_disk)."""
        return self.home / "disk.bytes"

    @property
    def exits(self) -> Path:
        """Where init records how orphans ended, one file a PID (see init)."""
        return self.home / "exits"

    @property
    def dns(self) -> Path:
        return self.home / "dns"

    @property
    def clock(self) -> Path:
        return self.home / "clock"

    @property
    def hold(self) -> Path:
        """While this file is there, init starts no other agent (see launch)."""
        return self.home / "agent.hold"

    @property
    def cgroup(self) -> str:
        """The node's part of every cgroup hierarchy, relative to the hierarchy's root."""
        return f"threadcap/{self.id}/{self.name}"

    def argv(self) -> list[str]:
        """The command line that parse() reads back."""
        words = ["--id", self.id, "--name", self.name, "--index", str(self.index)]
        words += ["--rundir", str(self.rundir), "--image-store", str(self.image_store)]
        words += ["--backoff-seconds", str(self.backoff_seconds)]
        return [*words, "--lifeline"] if self.lifeline else words


def parse(arguments: Sequence[str]) -> tuple[str, NodeSettings]:
    """(role, settings); role is "init" (the namespace's first process) or "agent" (what init starts)."""
    parser = argparse.ArgumentParser(prog="python -m deploy.playground.cluster.node", description=__doc__)
    parser.add_argument("--role", choices=("init", "agent"), default="init")
    parser.add_argument("--id", required=True)
    parser.add_argument("--name", default="node-1")
    parser.add_argument("--index", type=int, default=1)
    parser.add_argument("--rundir", type=Path, required=True)
    parser.add_argument("--image-store", type=Path, required=True)
    parser.add_argument("--backoff-seconds", type=float, default=10.0)
    parser.add_argument("--lifeline", action="store_true", help="end when standard input reaches its end")
    words = vars(parser.parse_args(arguments))
    return words.pop("role"), NodeSettings(**words)
