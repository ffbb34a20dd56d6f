"""`threadcap analyze`: verdict, JSON, single frames, and clear words for what is no capture."""

import gzip
import io
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
from backports import zstd

from bot.cli import main


def _syn(port: int) -> bytes:
    """An Ethernet frame with an IPv4 TCP SYN from 198.18.0.6 to 198.19.1.1:8080."""
    ethernet = bytes.fromhex("0200000000010200000000020800")
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, bytes([198, 18, 0, 6]), bytes([198, 19, 1, 1]))
    tcp = struct.pack(">HHIIBBHHH", port, 8080, 1, 0, 0x50, 2, 65535, 0, 0)
    return ethernet + ip + tcp


def _pcap(frames: list[bytes]) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(
        struct.pack("<IIII", 1_700_000_000 + 2 * n, 0, len(frame), len(frame)) + frame for n, frame in enumerate(frames)
    )


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "syns.pcap"
    path.write_bytes(_pcap([_syn(40000 + n) for n in range(12)]))
    return path


def test_verdict_names_the_silent_server(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(capture)]) == 0
    said = capsys.readouterr().out
    assert "198.19.1.1" in said.splitlines()[0]
    assert "no answer" in said.splitlines()[0]


def test_pictures_are_drawn_into_a_folder(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "pictures"
    assert main(["analyze", str(capture), "--pictures", str(folder)]) == 0
    said = capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {"traffic.png", "ladder.png", "heatmap.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.iterdir())
    assert f"{folder / 'ladder.png'}  198.18.0.6 → 198.19.1.1:8080" in said


def test_standard_input_is_drawn_as_far_as_one_look_shows(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert main(["analyze", "-", "--pictures", str(tmp_path / "drawn")]) == 0
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"traffic.png"}


def test_a_folder_that_can_not_be_written_is_said(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(capture), "--pictures", str(capture)]) == 4
    assert "can't be written to" in capsys.readouterr().err


def test_json_has_the_documented_shape(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "--json", str(capture)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == 1
    assert report["targets"][0]["facts"]["counts"]["syn"] == 12


def test_frames_are_shown_layer_by_layer(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(capture), "--frames", "2"]) == 0
    said = capsys.readouterr().out
    assert "frame 2" in said
    assert "dst=198.19.1.1" in said
    assert "sport=40001" in said


def test_cut_file_is_analysed_as_far_as_it_goes(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture.write_bytes(capture.read_bytes()[:-7])
    assert main(["analyze", "--json", str(capture)]) == 5
    report = json.loads(capsys.readouterr().out)
    assert report["targets"][0]["facts"]["packets"] == 11
    assert "byte" in report["targets"][0]["outcome"]["reason"]


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress, lz4.frame.compress])
def test_wrapped_files_are_known_by_content_and_damage_is_told(
    capture: Path, pack: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = pack(capture.read_bytes())
    capture.write_bytes(whole)
    assert main(["analyze", "--json", str(capture)]) == 0
    assert json.loads(capsys.readouterr().out)["packets"] == 12
    capture.write_bytes(whole + b"\xffjunk")
    assert main(["analyze", "--json", str(capture)]) == 5
    report = json.loads(capsys.readouterr().out)
    assert (report["packets"], report["truncated"]) == (12, True)
    assert f"byte {len(whole)}" in report["targets"][0]["outcome"]["reason"]


def test_several_files_are_targets_of_one_report(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "--json", str(capture), str(capture)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["tcp"]["syn_unanswered"] == 24
    assert [target["summary"]["tcp"]["syn_unanswered"] for target in report["targets"]] == [12, 12]
    assert report["duration_s"] == 22.0


def test_closed_standard_input_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["analyze", "-"]) == 4
    assert "Standard input is closed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words", "reason"),
    [
        (b"hello, this is text", [], "Give a pcap or pcapng"),
        (b"", [], "Give a pcap or pcapng"),
        (None, [], "No such file"),
        (_pcap([_syn(1)]), ["--frames", "9"], "none of the frames"),
    ],
)
def test_what_is_no_capture_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, words: list[str], reason: str
) -> None:
    path = tmp_path / "x.pcap"
    if content is not None:
        path.write_bytes(content)
    assert main(["analyze", str(path), *words]) == 4
    assert reason in capsys.readouterr().err


def test_usage_mistakes_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["captrue", "deploy/x"]) == 2
    assert main(["capture", "deploy/x", "--for", "10h"]) == 2
    assert "10h" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["analyze", "x.pcap", "--frames", "1,x"])
    assert "'1,x' are no frame numbers" in capsys.readouterr().err


def test_help_is_said_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "capture"]) == 0
    said = capsys.readouterr().out
    assert "threadcap capture" in said
    assert "--snaplen N" in said
