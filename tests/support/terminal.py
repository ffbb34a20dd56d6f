"""The program in a terminal: `threadcap …` as a process of its own, against the shared playground.

done = threadcap(config, "capture", "deploy/web", "-n", "shop", "--local")
assert done.returncode == 0, done.stderr
"""

import os
import subprocess
import sys
from pathlib import Path

SECONDS = 300


def argv(kubeconfig: Path, *words: str) -> list[str]:
    """The command line of a local capture."""
    return [sys.executable, "-m", "bot.cli", *words, "--local", "--kubeconfig", str(kubeconfig)]


def environment(**more: str) -> dict[str, str]:
    """What such a process gets: nothing of Threadcap's from outside."""
    return {name: value for name, value in os.environ.items() if not name.startswith("THREADCAP_")} | more


def threadcap(kubeconfig: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        argv(kubeconfig, *words), env=environment(**env), capture_output=True, text=True, timeout=SECONDS, check=False
    )
