"""The line on a terminal while a long capture is read: after two seconds, true figures, and gone at the end."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import main
from bot.terminal import progress
from bot.terminal.progress import Progress
from tests.unit.analysis.captures import Pcap


class Terminal(io.StringIO):
    """Standard error that is a terminal of unknown width."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What was shown, one after the other."""
        return [line for line in self.getvalue().split("\r\x1b[K") if line]


@pytest.mark.parametrize("columns", [1, 20, 60, 80, 100, 200])
def test_it_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Progress(Terminal(), Clock())
    shown.begin("a-rather-long-name-of-a-capture.pcapng", 9_999_999_999)
    monkeypatch.setattr(shown, "_columns", lambda: columns)
    line = shown._line(7_777_777_777, 123_456_789, 99.0)
    assert len(line) <= columns - 1
    assert ("[" in line) == (columns >= 80)
    assert ("a-rather" in line) == (columns >= 200)


class Clock:
    """Moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_before_two_seconds_and_not_at_every_step() -> None:
    terminal, clock = Terminal(), Clock()
    shown = Progress(terminal, clock)
    shown.begin("web.pcap", 100_000_000)
    for tenth in range(30):
        clock.now = 100 + tenth / 10
        shown.update(1_000_000 * tenth, 1_000 * tenth)
    assert len(terminal.lines()) == 5
    assert terminal.lines()[0] == ("web.pcap [##.......] 20% of 100 MB, 20,000 packets, 10.0 MB/s, 10,000 packets/s")
    shown.clear()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_pipe_has_no_size_and_so_no_bar() -> None:
    terminal, clock = Terminal(), Clock()
    shown = Progress(terminal, clock)
    shown.begin("standard input", 0)
    clock.now += 4
    shown.update(8_000_000, 4_000)
    (line,) = terminal.lines()
    assert line == "standard input 8.0 MB, 4,000 packets, 2.0 MB/s, 1,000 packets/s"


def test_no_name_reaches_the_terminal_as_control() -> None:
    terminal, clock = Terminal(), Clock()
    shown = Progress(terminal, clock)
    shown.begin("\x1b[2Jevil\n", 0)
    clock.now += 4
    shown.update(1, 1)
    (line,) = terminal.lines()
    assert line.isprintable()
    assert len(line) < 80


def test_pipes_get_nothing() -> None:
    pipe, clock = io.StringIO(), Clock()
    shown = Progress(pipe, clock)
    shown.begin("web.pcap", 9)
    clock.now += 9
    shown.update(9, 9)
    shown.clear()
    assert not pipe.getvalue()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    pcap = Pcap()
    for number in range(300):
        pcap.add(number / 10, bytes(60))
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap.bytes())
    return path


@pytest.mark.parametrize("words", [[], ["--json"], ["--frames", "300"]])
def test_analyze_shows_it_and_takes_it_away(
    capture: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(progress, "AFTER", 0.0)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["analyze", str(capture), *words]) == 0
    assert re.search(r"100% of 22\.8 kB, 300 packets, [\d.]+ [kMG]?B/s", terminal.lines()[0])
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert "\x1b[K" not in capsys.readouterr().out


@pytest.mark.parametrize("chunks", [1, 7])
def test_standard_input_is_read_as_it_comes(capture: Path, chunks: int) -> None:
    data = capture.read_bytes()
    argv = [sys.executable, "-m", "bot.cli", "analyze", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        for at in range(0, len(data), len(data) // chunks + 1):
            process.stdin.write(data[at : at + len(data) // chunks + 1])
            process.stdin.flush()
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
    assert b"300 packets" in said


HEAVY = (
    "scapy matplotlib kubernetes slack_sdk slack_bolt celery redis aiohttp structlog pydantic obstore cryptography"
    " websocket numpy backports.zstd lz4 asyncio"
).split(" ")


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_nothing_heavy_is_imported(capture: Path, words: list[str]) -> None:
    code = "import sys; from bot.cli import main; main(sys.argv[1:]); print(*sys.modules, sep='\\n')"
    argv = [sys.executable, "-c", code, "analyze", str(capture), *words]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    assert set(said.split()) & set(HEAVY) == set()
    assert "workers.analysis.analyser" in said.split()
