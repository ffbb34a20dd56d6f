"""A Redis that can be killed and started again with what it had: every write is on its disk before it is answered."""

import os
import secrets
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from deploy.playground.redis_server import MARKER, find_program

START_SECONDS = 30.0


class LastingRedis:
    """Context manager; `url` stays the same. `folder` keeps its data."""

    def __init__(self, folder: Path, port: int, owner: str) -> None:
        password = secrets.token_hex(16)
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self._owner = owner
        self._config = (
            f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder}\nsave ""\nappendonly yes\n'
            "appendfsync always\nset-proc-title no\nloglevel warning\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [find_program(), "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, MARKER: self._owner},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            stdin.write(self._config.encode())
        self._until_ready()

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    assert self._process is not None
                    assert self._process.poll() is None, "the server ended while it started"
                    assert time.monotonic() < deadline, "the server does not answer"
                    time.sleep(0.05)
