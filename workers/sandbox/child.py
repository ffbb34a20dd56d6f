"""The child: reads frames on stdin, answers with JSON lines on stdout.

Answers: `{"progress": {"0": [packets, bytes]}}` about once a second, `{"peeked": {"0": {…}}}` when asked for the facts
so far, after stdin ends `{"target": 0, "facts": {…}}` for each target, or `{"target": 0, "seen": {…}}` for one that
was to be looked at closer, and `{"end": true}`; or
`{"error": "MemoryError at tcp.py:12"}`, which never quotes what was read.
"""

import json
import os
import resource
import time
import traceback
from collections.abc import Iterator
from typing import BinaryIO

from workers import collector
from workers.analysis import Analyser
from workers.analysis.closeup import CloserLook
from workers.contract import codec
from workers.contract.closeup import Look
from workers.sandbox.frames import HEADER, LOOK, PEEK

PROGRESS_SECONDS = 0.5


def serve(memory: int) -> None:
    """Serve one job on file descriptors 0 and 1, confined to `memory` bytes of address space."""
    confine(memory)
    collector.calm()
    try:
        analysers = _read(os.fdopen(0, "rb", closefd=False))
        for target, analyser in sorted(analysers.items()):
            kind = "facts" if isinstance(analyser, Analyser) else "seen"
            _answer({"target": target, kind: codec.encode(analyser.finish())})
        _answer({"end": True})
    except Exception as error:  # the boundary of the process: the worker learns what kind of error and where
        last = traceback.extract_tb(error.__traceback__)[-1]
        _answer({"error": f"{type(error).__name__} at {last.filename.rpartition('/')[2]}:{last.lineno}"})


def confine(memory: int) -> None:
    """Give up what analysis does not need: nothing can be opened, started or written to disk afterwards."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _read(source: BinaryIO) -> dict[int, Analyser | CloserLook]:
    analysers: dict[int, Analyser | CloserLook] = {}
    told = time.monotonic()
    while len(head := source.read(HEADER.size)) == HEADER.size:
        target, length = HEADER.unpack(head)
        if target == PEEK:
            _answer({"peeked": {str(key): codec.encode(one.peek()) for key, one in _analysing(analysers)}})
            continue
        if target == LOOK:
            order = json.loads(source.read(length))
            analysers[order["target"]] = CloserLook(codec.decode(Look, order["look"]))
            continue
        if target not in analysers:
            analysers[target] = Analyser()
        analysers[target].feed(source.read(length))
        if time.monotonic() - told > PROGRESS_SECONDS:
            _answer({"progress": {str(key): one.progress() for key, one in _analysing(analysers)}})
            told = time.monotonic()
    return analysers


def _analysing(every: dict[int, Analyser | CloserLook]) -> Iterator[tuple[int, Analyser]]:
    return ((key, one) for key, one in every.items() if isinstance(one, Analyser))


def _answer(value: object) -> None:
    left = memoryview(json.dumps(value, separators=(",", ":")).encode() + b"\n")
    while left:
        left = left[os.write(1, left) :]
