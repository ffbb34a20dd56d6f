"""Which static tcpdump goes to which machine."""

from pathlib import Path

import pytest

from workers.capture.static_tcpdump import find
from workers.settings import CaptureSettings


@pytest.mark.parametrize(
    ("machine", "name"), [("x86_64", "tcpdump-amd64"), ("aarch64", "tcpdump-arm64"), ("aarch64\n", "tcpdump-arm64")]
)
def test_machine_gets_the_binary_of_its_architecture(tmp_path: Path, machine: str, name: str) -> None:
    for each in ("tcpdump-amd64", "tcpdump-arm64"):
        (tmp_path / each).touch()
    assert find(tmp_path, machine) == tmp_path / name


@pytest.mark.parametrize("machine", ["armv7l", "riscv64", "", "../x86_64"])
def test_other_machines_get_none(tmp_path: Path, machine: str) -> None:
    (tmp_path / "tcpdump-amd64").touch()
    assert find(tmp_path, machine) is None


def test_a_binary_that_is_not_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "tcpdump-arm64").mkdir()
    assert find(tmp_path, "x86_64") is None
    assert find(tmp_path, "aarch64") is None
    assert find(tmp_path / "nowhere", "x86_64") is None


def test_folder_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CaptureSettings().static_tcpdump == "/usr/share/threadcap"
    monkeypatch.setenv("THREADCAP_STATIC_TCPDUMP", "/opt/tools")
    assert CaptureSettings().static_tcpdump == "/opt/tools"
