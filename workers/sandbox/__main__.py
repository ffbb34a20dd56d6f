"""The child: reads (target, length, bytes) frames on stdin, answers with JSON lines on stdout.

Frames: two big-endian uint32, target index and length, then that many bytes. Answers: `{"progress": {"0": [packets,
bytes]}}` about once a second, and after stdin ends `{"target": 0, "facts": {…}}` for each target.
"""

import importlib
import json
import resource
import sys
import time
from typing import BinaryIO

from workers.analysis import Analyser
from workers.contract import codec
from workers.sandbox.frames import HEADER

MEMORY = 1 << 30
PROGRESS_SECONDS = 0.5


def main() -> None:
    """Serve one job, then exit."""
    _confine()
    analysers = _read(sys.stdin.buffer)
    for target, analyser in sorted(analysers.items()):
        _answer({"target": target, "facts": codec.encode(analyser.finish())})


def _confine() -> None:
    """Give up what is not needed. What analysis imports late is imported now: nothing can be opened afterwards."""
    importlib.import_module("cryptography.x509")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _read(source: BinaryIO) -> dict[int, Analyser]:
    analysers: dict[int, Analyser] = {}
    told = time.monotonic()
    while len(head := source.read(HEADER.size)) == HEADER.size:
        target, length = HEADER.unpack(head)
        analysers.setdefault(target, Analyser()).feed(source.read(length))
        if time.monotonic() - told > PROGRESS_SECONDS:
            _answer({"progress": {str(key): analyser.progress() for key, analyser in analysers.items()}})
            told = time.monotonic()
    return analysers


def _answer(value: object) -> None:
    sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
