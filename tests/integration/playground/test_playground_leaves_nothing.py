"""However a playground ends, nothing of it stays: by itself, or after `clean`."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.playground import clean
from deploy.playground.up import Playground, PlaygroundError, PlaygroundSettings

SECONDS = 90.0


@pytest.fixture
def identifier() -> Iterator[str]:
    name = f"left-{secrets.token_hex(3)}"
    yield name
    clean.remove(clean.find(name), name)


def test_sigkill_of_everything_then_clean(identifier: str, tmp_path: Path) -> None:
    started = _start(identifier, tmp_path)
    processes = clean.find(identifier).processes
    assert len(processes) > 10
    for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: none shall see another end and clean up
        for process in processes:
            _send(process.pid, number)
    started.wait(10)
    _wait(lambda: not clean.find(identifier).processes, "the processes to be gone")
    assert clean.find(identifier).lines(), "a killed playground leaves its folder at least"
    said = _clean("--id", identifier)
    assert "All of it is removed." in said
    assert clean.find(identifier).lines() == []
    assert identifier not in Path("/proc/self/mountinfo").read_text()
    assert "Nothing of a playground is left." in _clean("--id", identifier)


def test_another_playgrounds_mount_keeps_no_folder(identifier: str) -> None:
    ours, other = clean.RUN / identifier, clean.RUN / f"{identifier}-other" / "full"
    for folder in (ours, other):
        folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(other)], check=True)
    try:
        assert clean.remove(clean.find(identifier), identifier) == []
        assert not ours.exists()
        assert other.is_mount()
    finally:
        subprocess.run(["umount", str(other)], check=True)
        clean.remove(clean.find(other.parent.name), other.parent.name)


def test_clean_ends_a_running_playground(identifier: str, tmp_path: Path) -> None:
    started = _start(identifier, tmp_path)
    assert f"folder /run/threadcap/{identifier}" in _clean("--list", "--id", identifier)
    assert started.poll() is None, "--list must not end anything"
    assert "All of it is removed." in _clean("--id", identifier)
    started.wait(10)
    assert clean.find(identifier).lines() == []


def test_death_of_its_starter_ends_the_cluster(identifier: str, tmp_path: Path) -> None:
    started = _start(identifier, tmp_path, "--nodes", "1")
    assert "1 node ready" in (tmp_path / "out").read_text()
    _send(started.pid, signal.SIGKILL)
    started.wait(10)
    _wait(lambda: not clean.find(identifier).processes, "the cluster to end by itself")
    _wait(lambda: not clean.find(identifier).cgroups, "the cgroups to be removed")


def test_orderly_end_leaves_nothing(identifier: str, tmp_path: Path) -> None:
    started = _start(identifier, tmp_path)
    assert (tmp_path / "kubeconfig").stat().st_mode & 0o777 == 0o600
    started.terminate()
    assert started.wait(20) == 0, (tmp_path / "out").read_text()
    assert clean.find(identifier).lines() == []


def test_host_network_is_untouched_while_it_runs(identifier: str, tmp_path: Path) -> None:
    before = _host_network()
    started = _start(identifier, tmp_path)
    during = _host_network()
    started.terminate()
    started.wait(20)
    assert before == during == _host_network()


async def test_failed_start_says_why_and_leaves_nothing(identifier: str, tmp_path: Path) -> None:
    taken = clean.RUN / identifier
    taken.mkdir(parents=True)
    with pytest.raises(PlaygroundError, match="clean --id"):
        await _enter(PlaygroundSettings(id=identifier))
    assert taken.is_dir(), "another's folder is not ours to remove"


async def test_unfit_host_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(PlaygroundError, match="Linux containers"):
        await _enter(PlaygroundSettings())
    monkeypatch.undo()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PlaygroundError, match="needs root"):
        await _enter(PlaygroundSettings())


async def _enter(settings: PlaygroundSettings) -> None:
    async with asyncio.timeout(SECONDS), Playground(settings):
        pass


def _host_network() -> list[str]:
    """Interfaces, routes, packet filter and the switches a careless playground would turn, of this machine."""
    looks = (["ip", "-br", "link"], ["ip", "route"], ["ip", "-6", "route"], ["nft", "list", "ruleset"])
    said = [subprocess.run(look, capture_output=True, text=True, check=True).stdout for look in looks]
    switches = ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "bridge/bridge-nf-call-iptables")
    files = [Path("/proc/sys/net") / name for name in switches]
    return said + [file.read_text() for file in files if file.exists()]


def _start(identifier: str, folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    """A playground in a process of its own, ready; it ends with this test run at the latest."""
    out = folder / "out"
    argv = [sys.executable, "-m", "deploy.playground.up", "--id", identifier, "--while-pid", str(os.getpid())]
    argv += ["--kubeconfig", str(folder / "kubeconfig"), *words]
    with out.open("wb") as sink:
        started = subprocess.Popen(argv, stdout=sink, stderr=sink, start_new_session=True)

    def ready() -> bool:
        assert started.poll() is None, out.read_text()
        return "ready:" in out.read_text()

    _wait(ready, "the playground to be ready")
    return started


def _clean(*words: str) -> str:
    argv = [sys.executable, "-m", "deploy.playground.clean", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=SECONDS).stdout


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, f"waited {SECONDS} s for {what}"
        time.sleep(0.05)
