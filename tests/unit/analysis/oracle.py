"""Debian's tshark as a second opinion."""

import subprocess
from pathlib import Path


def tshark(path: Path, only: str, *fields: str) -> list[list[str]]:
    """The fields of each packet that the display filter shows; several values of one field are joined by commas."""
    argv = ["tshark", "-n", "-r", str(path), "-Y", only, "-T", "fields"]
    argv += [word for field in fields for word in ("-e", field)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    return [line.split("\t") for line in done.stdout.splitlines()]
