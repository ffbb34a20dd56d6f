"""The analysis child: what it may do, and that nothing it does keeps a capture from being delivered."""

import contextlib
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.unit.analysis.h2 import Peer, Talk
from workers.analysis import Analyser
from workers.sandbox.nursery import NURSERY, ROOT, Child, Nursery
from workers.sandbox.parent import Sandbox

SHARED = Path(__file__).resolve().parents[4] / "shared" / "pcaps"
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)


def pcap(packets: int, size: int = 40) -> bytes:
    """Raw IPv4 packets to as many different ports."""
    out = [HEADER]
    for number in range(packets):
        udp = struct.pack(">HHHH", number % 60000 + 1, 53, size - 20, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 17, 0, b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02")
        out.append(struct.pack("<IIII", number, 0, size, size) + ip + udp + bytes(size - 28))
    return b"".join(out)


def test_facts_of_several_targets() -> None:
    with contextlib.closing(Sandbox("t")) as sandbox:
        for target, count in ((0, 3), (2, 5)):
            data = pcap(count)
            sandbox.feed(target, data[:50])
            sandbox.feed(target, data[50:])
        facts = sandbox.finish(30)
    assert {target: one.packets for target, one in facts.items()} == {0: 3, 2: 5}
    assert not sandbox.failed


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared captures are not here")
def test_what_analysis_loads_late_is_there() -> None:
    """Certificates, fingerprints, HTTP/2 and QUIC: nothing can be opened once a child is confined."""
    names = re.compile("http2|grpc|h2c|quic|tls|ssl|x509|cert", re.IGNORECASE)
    files = (path for path in sorted(SHARED.rglob("*")) if path.is_file() and names.search(path.name))
    captures = [path.read_bytes() for path in files if path.stat().st_size < 40_000]
    talk = Talk().begin().say(0.1, "c", Peer().get(1, "/a")).say(0.2, "s", Peer().response(1))
    captures.append(talk.pcap.bytes())
    wanted = {}
    with contextlib.closing(Sandbox("t")) as sandbox:
        for target, data in enumerate(captures):
            sandbox.feed(target, data)
            analyser = Analyser()
            analyser.feed(data)
            wanted[target] = analyser.finish()
        facts = sandbox.finish(60)
    assert not sandbox.failed
    assert facts == wanted
    assert any(one.tls.certificates for one in facts.values())
    assert any(one.http.h2.connections for one in facts.values())
    assert any(one.quic.connections for one in facts.values())


def test_hostile_bytes_are_facts_too() -> None:
    with contextlib.closing(Sandbox("t")) as sandbox:
        sandbox.feed(0, os.urandom(100_000))
        sandbox.feed(1, HEADER + b"\xff" * 5000)
        assert set(sandbox.finish(30)) == {0, 1}
    assert not sandbox.failed


def test_killed_while_it_is_fed() -> None:
    with contextlib.closing(Sandbox("t")) as sandbox:
        assert sandbox.pid is not None
        os.kill(sandbox.pid, signal.SIGKILL)
        for _ in range(100):
            sandbox.feed(0, bytes(100_000))
        assert sandbox.finish(30) == {}
    assert sandbox.failed


def test_a_child_that_hangs_frees_its_feeder_when_given_up() -> None:
    sandbox = Sandbox("t")
    assert sandbox.pid is not None
    os.kill(sandbox.pid, signal.SIGSTOP)
    feeder = threading.Thread(target=sandbox.feed, args=(0, bytes(2_000_000)))
    feeder.start()
    feeder.join(0.2)
    assert feeder.is_alive()
    sandbox.abort("hangs")
    feeder.join(20)
    assert not feeder.is_alive()
    assert sandbox.finish(20) == {}
    assert sandbox.failed


def test_time_is_limited() -> None:
    sandbox = Sandbox("t")
    assert sandbox.pid is not None
    os.kill(sandbox.pid, signal.SIGSTOP)
    began = time.monotonic()
    assert sandbox.finish(0.3) == {}
    assert sandbox.failed
    assert time.monotonic() - began < 20


def test_memory_is_limited() -> None:
    sandbox = Sandbox("t", memory=64 << 20)
    sandbox.feed(0, bytes(100 << 20))
    sandbox.finish(30)
    assert sandbox.failed


class Liar(Sandbox):
    """A sandbox whose child is any program."""

    def __init__(self, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def bear(memory: int) -> Child:
            self.program = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self.program.stdin is not None
            assert self.program.stdout is not None
            stdin, stdout = os.dup(self.program.stdin.fileno()), os.dup(self.program.stdout.fileno())
            self.program.stdin.close()
            self.program.stdout.close()
            return Child(self.program.pid, stdin, stdout, os.pidfd_open(self.program.pid))

        monkeypatch.setattr(NURSERY, "bear", bear)
        super().__init__("t")


@pytest.mark.parametrize(
    "answer",
    [
        "garbage",
        '{"target": 0}',
        '{"target": 0, "facts": {"packets": "many"}}',
        '{"target": 0, "facts": [[[[[]]]]]}',
        '{"progress": {"0": 3}}',
        '{"progress": {"x": [1, 2]}}',
        '{"end": 1e999}',
        "[" * 100_000,
        "\\\\377\\\\376",
        "",
    ],
)
def test_garbage_is_not_believed(answer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.write_text(answer + "\n")
    sandbox = Liar(f"cat {said}; cat > /dev/null", monkeypatch)
    sandbox.feed(0, b"x")
    assert sandbox.finish(20) == {}
    assert sandbox.failed
    sandbox.program.wait(10)


def test_no_child_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def bear(memory: int) -> Child:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(NURSERY, "bear", bear)
    sandbox = Sandbox("t")
    sandbox.feed(0, b"x")
    assert sandbox.finish(1) == {}
    assert sandbox.failed


def test_a_dead_nursery_is_replaced() -> None:
    nursery = Nursery()
    try:
        first = nursery.bear(1 << 30)
        assert nursery._process is not None
        nursery._process.kill()
        nursery._process.wait()
        second = nursery.bear(1 << 30)
        for child in (first, second):
            child.kill()
            os.close(child.stdin)
            os.close(child.stdout)
            assert child.handle is not None
            os.close(child.handle)
    finally:
        nursery.close()


def _open_files(pid: int) -> set[str]:
    """What kinds of files a process has open: "pipe", "socket", or a path."""
    kinds = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            kinds.add(link.readlink().as_posix().split(":")[0])
    return kinds


def test_the_environment_holds_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADCAP_SECRET", "hunter2")
    nursery = Nursery()
    try:
        child = nursery.bear(1 << 30)
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        names = {entry.split(b"=")[0] for entry in environment.split(b"\0") if entry}
        assert names <= {b"LC_ALL", b"PYTHONDONTWRITEBYTECODE"}
        deadline = time.monotonic() + 10
        while not _open_files(child.pid) <= {"pipe", "/dev/null"}:  # what it was born with is closed first
            assert time.monotonic() < deadline, _open_files(child.pid)
            time.sleep(0.02)
        child.kill()
        os.close(child.stdin)
        os.close(child.stdout)
        assert child.handle is not None
        os.close(child.handle)
    finally:
        nursery.close()


@pytest.mark.parametrize(
    "deed", ["open('/etc/hostname')", "__import__('socket').socket()", "__import__('os').pipe()", "bytearray(2 << 30)"]
)
def test_nothing_can_be_opened_once_confined(deed: str) -> None:
    script = f"import socket; from workers.sandbox.child import confine; confine(1 << 30); {deed}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Too many open files" in done.stderr or "MemoryError" in done.stderr
