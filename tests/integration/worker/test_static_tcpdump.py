"""The static tcpdump runs where nothing else is, and tells nothing of where it was built."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from workers.capture.spool import RecordWalk
from workers.capture.static_tcpdump import find
from workers.capture.tcpdump import Trailer, tcpdump_argv
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

FOLDER = Path(__file__).resolve().parents[3] / ".tools/static"
SPEC = CaptureSpec(TargetRef(TargetKind.POD, "any"), "any", filter="icmp", max_packets=4)
ONLY_NET_RAW = ("setpriv", "--bounding-set=-all,+net_raw,+sys_chroot", "--inh-caps=-all", "--no-new-privs")
"""NET_RAW for tcpdump, SYS_CHROOT for getting there."""
SECONDS = 30


@pytest.fixture(scope="module")
def binary() -> Path:
    """The one for this machine, as `deploy/setup.sh test` built it."""
    found = find(FOLDER, os.uname().machine)
    assert found is not None, "there is none: run deploy/setup.sh test"
    return found


@pytest.fixture
def empty_root(binary: Path, tmp_path: Path) -> Path:
    """A root that holds the binary and nothing else: no library, no user database, no /proc."""
    shutil.copy(binary, tmp_path / "tcpdump")
    return tmp_path


def _run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)


def _capture(root: Path, argv: list[str], *without: str) -> tuple[int, bytes, Trailer]:
    """Run in `root` and a network namespace of its own, ping there, and return rc, pcap and what stderr said."""
    start = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *without, "chroot", str(root)]
    said = Trailer()
    pipe = subprocess.PIPE
    with subprocess.Popen([*start, "/tcpdump", *argv[1:]], stdout=pipe, stderr=pipe, bufsize=0) as running:
        assert running.stderr is not None
        try:
            while not said.listening and (line := running.stderr.readline()):
                said.feed(line)
            if said.listening:
                _run("nsenter", f"--net=/proc/{running.pid}/ns/net", "busybox", "ping", "-c", "2", "127.0.0.1")
            pcap, rest = running.communicate(timeout=SECONDS)
        finally:
            running.kill()
    said.feed(rest)
    return running.returncode, pcap, said


@pytest.mark.parametrize("as_root", [True, False], ids=["with -Z root", "without -Z"])
@pytest.mark.parametrize("without", [(), ONLY_NET_RAW], ids=["all capabilities", "only NET_RAW"])
def test_captures_in_an_empty_root(empty_root: Path, as_root: bool, without: tuple[str, ...]) -> None:
    rc, pcap, said = _capture(empty_root, tcpdump_argv(SPEC, as_root=as_root), *without)
    walk = RecordWalk()
    walk.feed(pcap)
    assert (rc, said.complaint) == (0, "")
    assert said.counters["captured"] == walk.records == 4
    assert said.counters["kernel_dropped"] == 0


def test_other_users_are_unknown_to_it(empty_root: Path) -> None:
    rc, pcap, said = _capture(empty_root, ["tcpdump", "-i", "lo", "-Z", "nobody", "-w", "-"])
    assert (rc, said.complaint) == (1, "Couldn't find user 'nobody'")
    assert len(pcap) <= 24


def test_says_that_it_shows_no_packets(empty_root: Path) -> None:
    rc, _, said = _capture(empty_root, ["tcpdump", "-i", "lo"])
    assert (rc, said.complaint) == (1, "this one only writes packets to a file or a pipe: say where with -w")


def test_is_static_and_small(binary: Path) -> None:
    headers = _run("readelf", "--program-headers", binary).stdout
    assert "LOAD" in headers
    assert "INTERP" not in headers
    assert "DYNAMIC" not in headers
    assert binary.stat().st_size < 500_000


def test_tells_nothing_of_the_machine_it_was_built_on(binary: Path) -> None:
    content = binary.read_bytes()
    paths = set(re.findall(rb"/(?:home|root|tmp|build|usr/src|work)/[\w./-]+", content))
    assert paths == set()
    assert str(Path.cwd()).encode() not in content


def test_licences_travel_beside_it(binary: Path) -> None:
    texts = (binary.parent / "tcpdump-LICENSES").read_text()
    for part in ("=== tcpdump ===", "=== libpcap ===", "=== musl ==="):
        assert part in texts
    assert texts.count("Redistribution and use in source and binary forms") >= 2
    assert "Rich Felker" in texts


def test_is_the_version_that_the_lock_names(binary: Path) -> None:
    lock = Path(__file__).resolve().parents[3] / "deploy/static_tcpdump/sources.lock"
    versions = dict(re.findall(r"^source (\S+) ([\d.]+)", lock.read_text(), re.MULTILINE))
    said = _run(binary, "--version").stdout
    assert f" version {versions['tcpdump']}\n" in said
    assert f"libpcap version {versions['libpcap']}" in said
