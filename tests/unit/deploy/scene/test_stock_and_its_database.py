"""The scene's database speaks as much of PostgreSQL as the scene's stock needs, and is late where it is told to be."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from deploy.playground import scene


def app(name: str) -> Any:
    """One of the scene's programs."""
    spec = spec_from_file_location(name, Path(scene.__file__).with_name("apps") / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Clock:
    """Instead of the module time: notes how long is slept, and returns at once."""

    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@dataclass
class Database:
    address: tuple[str, int]
    fault: Path
    clock: Clock


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("FAULT_FILE", str(tmp_path / "fault.json"))
    module, clock = app("stockdb"), Clock()
    module.time = clock
    server = module.Server(("127.0.0.1", 0), module.Session)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Database(server.server_address, tmp_path / "fault.json", clock)
    server.shutdown()
    server.server_close()


def answers(said: BinaryIO) -> bytes:
    """Kinds of the messages up to ReadyForQuery."""
    kinds = b""
    while not kinds.endswith(b"Z"):
        kinds += said.read(1)
        said.read(struct.unpack("!i", said.read(4))[0] - 4)
    return kinds


def query(statement: bytes) -> bytes:
    return b"Q" + struct.pack("!i", len(statement) + 5) + statement + b"\x00"


def test_tls_is_refused_and_statements_are_answered(database: Database) -> None:
    with socket.create_connection(database.address, 10) as connection, connection.makefile("rb") as said:
        connection.sendall(struct.pack("!ii", 8, 80877103))
        assert said.read(1) == b"N"
        connection.sendall(struct.pack("!ii", 20, 196608) + b"user\x00stock\x00\x00")
        assert answers(said) == b"RSZ"
        for statement, kinds in ((b"SELECT 1", b"TDCZ"), (b"UPDATE stock", b"CZ")):
            connection.sendall(query(statement))
            assert answers(said) == kinds
        connection.sendall(b"X" + struct.pack("!i", 4))
        assert said.read() == b""


def test_only_what_changes_something_is_late(database: Database) -> None:
    database.fault.write_text(json.dumps({"delayMs": 800}))
    with socket.create_connection(database.address, 10) as connection, connection.makefile("rb") as said:
        connection.sendall(struct.pack("!ii", 20, 196608) + b"user\x00stock\x00\x00")
        answers(said)
        for statement in (b"SELECT 1", b"UPDATE stock"):
            connection.sendall(query(statement))
            answers(said)
    assert [seconds > 0.8 for seconds in database.clock.slept] == [False, True]


def test_stock_asks_and_takes_until_the_database_is_gone(database: Database) -> None:
    module, clock = app("stock"), Clock()
    module.HOST, module.PORT = database.address

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 6:
            raise SystemExit  # the worker's thread goes on for ever otherwise

    module.time = type("Stopping", (), {"sleep": staticmethod(sleep)})
    with pytest.raises(SystemExit):
        module.work()
    assert module.results == {"SELECT": 3, "UPDATE": 3}
