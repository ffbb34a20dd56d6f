"""The worker's end of one sandbox: has a child born, feeds it, reads its facts."""

import contextlib
import json
import os
import threading

import structlog

from workers.contract import codec
from workers.contract.closeup import CloseUp, Look
from workers.contract.facts import Facts
from workers.sandbox.frames import HEADER, LOOK, PEEK
from workers.sandbox.nursery import NURSERY, Child

log = structlog.get_logger(__name__)

MEMORY = 1 << 30
"""Bytes of address space of a child."""
MAX_ANSWER = 64 << 20
"""Bytes of one answer line; a child that says more is not believed."""


class Sandbox:
    """One analysis child for one job. `feed` from one thread; never raises: a dead child leaves `failed` True.

    A feeder blocked by a child that reads no more is freed by `abort`, from any thread.
    """

    def __init__(self, job_id: str, memory: int = MEMORY) -> None:
        self._job_id = job_id
        self.failed = False
        self.progress: dict[int, tuple[int, int]] = {}
        """target -> (packets, bytes on the wire) analysed so far"""
        self.peeked: dict[int, Facts] | None = None
        """The facts as of the last `peek` that was answered; None before."""
        self.peeking = False
        """Whether one is on its way."""
        self.seen: dict[int, CloseUp] = {}
        """target -> what was seen, of those to be looked at closer, once finished"""
        self._facts: dict[int, Facts] = {}
        self._ended = False
        self._child: Child | None = None
        self._reader: threading.Thread | None = None
        try:
            self._child = NURSERY.bear(memory)
        except OSError as error:
            self._give_up(f"could not start: {type(error).__name__}")
        else:
            self._reader = threading.Thread(target=self._read, args=(self._child,), name=f"facts-{job_id}", daemon=True)
            self._reader.start()

    @property
    def pid(self) -> int | None:
        """The child's process id; None when none could be started."""
        return self._child.pid if self._child is not None else None

    def feed(self, target: int, chunk: bytes) -> None:
        """Hand bytes of a target's pcap to the child; blocks while it is busy."""
        self._send(HEADER.pack(target, len(chunk)), chunk)

    def peek(self) -> None:
        """Ask for the facts so far, which come as `peeked`; from the thread that feeds. Blocks as `feed` does."""
        self.peeking = True
        self._send(HEADER.pack(PEEK, 0))

    def look(self, target: int, look: Look) -> None:
        """Have what is fed of a target from now on looked at closer, instead of analysed; before the first feed."""
        order = json.dumps({"target": target, "look": codec.encode(look)}).encode()
        self._send(HEADER.pack(LOOK, len(order)), order)

    def _send(self, *pieces: bytes) -> None:
        if self.failed or self._child is None or self._child.stdin < 0:
            return
        try:
            for piece in pieces:
                left = memoryview(piece)
                while left:
                    left = left[os.write(self._child.stdin, left) :]
        except OSError:
            self._give_up("died while it was fed")

    def abort(self, why: str) -> None:
        """Give the analysis up, whatever the child is doing."""
        self._give_up(why)

    def finish(self, timeout: float) -> dict[int, Facts]:
        """Tell the child that was all and wait for its facts, at most `timeout` seconds. No feed may be under way."""
        self._close_stdin()
        if self._reader is not None:
            self._reader.join(timeout)
            if self._reader.is_alive():
                self._give_up(f"took more than {timeout:.0f} s")
                self._reader.join()
        if not self._ended:
            self._give_up("died")
        self.close()
        return dict(self._facts)

    def close(self) -> None:
        """End the child, whatever it is doing. No feed may be under way."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        if child.stdin >= 0:
            os.close(child.stdin)
        if self._reader is not None:
            self._reader.join()  # the kill above ends what it reads
        if child.handle is not None:
            os.close(child.handle)

    def _close_stdin(self) -> None:
        if self._child is not None and self._child.stdin >= 0:
            os.close(self._child.stdin)
            self._child.stdin = -1

    def _read(self, child: Child) -> None:
        try:
            with os.fdopen(child.stdout, "rb") as answers:
                while line := answers.readline(MAX_ANSWER):
                    self._take(json.loads(line))
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, OSError) as error:
            # whatever shape nonsense has, the codec and the parser say so with one of these
            self._give_up(f"answered nonsense: {type(error).__name__}")
            child.kill()

    def _take(self, answer: object) -> None:
        match answer:
            case {"progress": dict(progress)}:
                self.progress = {int(k): (int(v[0]), int(v[1])) for k, v in progress.items()}
            case {"peeked": dict(peeked)}:
                self.peeked = {int(k): codec.decode(Facts, v) for k, v in peeked.items()}
                self.peeking = False
            case {"target": int(target), "facts": facts}:
                self._facts[target] = codec.decode(Facts, facts)
            case {"target": int(target), "seen": seen}:
                self.seen[target] = codec.decode(CloseUp, seen)
            case {"end": True}:
                self._ended = True
            case {"error": str(error)}:
                self._give_up(error[:200])
            case _:
                raise ValueError("unknown answer")

    def _give_up(self, why: str) -> None:
        if not self.failed:
            log.warning("analysis failed", job=self._job_id, why=why)
        self.failed = True
        with contextlib.suppress(OSError):
            if self._child is not None:
                self._child.kill()
