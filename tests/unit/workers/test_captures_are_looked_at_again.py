"""The second look at finished captures, in a child: the same as in this process, bounded in time, never an error."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.unit.findings.golden.traffic import LEDGER, Scene
from workers import lookback
from workers.analysis.closeup import CloserLook
from workers.contract.closeup import CloseUp, Look, Pair
from workers.lookback import Lookback
from workers.sandbox.parent import Sandbox


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = []
    for n in range(2):
        scene = Scene().normal()
        scene.tcp(LEDGER, 9000, float(n)).open().get(f"/from/{n}").close()
        path = tmp_path / f"{n}.pcap"
        path.write_bytes(scene.bytes())
        found.append(path)
    return found


LOOK = Look(1_700_000_000 * 10**9, 6 * 10**9, 6, 1, (Pair("198.19.1.4", LEDGER, 9000, "tcp", 0),), frames=(1, 9))


def here(path: Path, look: Look) -> CloseUp:
    """What this process sees of a file."""
    eye = CloserLook(look)
    eye.feed(path.read_bytes())
    return eye.finish()


def test_a_child_sees_the_same(files: list[Path]) -> None:
    again = Lookback("t", files)
    seen = again({0: LOOK, 1: LOOK})
    assert seen == {n: here(path, LOOK) for n, path in enumerate(files)}
    first = next(first for frame, _, first in seen[1].located if frame == 9)
    pair = next(pair for frame, pair, _ in seen[1].located if frame == 9)
    told = again({1: Look(pairs=(pair,), flows=(first,))})
    assert [one.says for one in told[1].traces[0].segments if one.says]


def test_too_slow_is_nothing_seen(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookback, "SECONDS", 0.3)
    again = Lookback("t", files)

    def frozen(job_id: str) -> Sandbox:
        sandbox = Sandbox(job_id)
        assert sandbox.pid is not None
        os.kill(sandbox.pid, signal.SIGSTOP)
        return sandbox

    monkeypatch.setattr("workers.lookback.Sandbox", frozen)
    files[0].write_bytes(files[0].read_bytes() + bytes(4_000_000))
    began = time.monotonic()
    assert again({0: LOOK}) == {}
    assert again({0: LOOK}) == {}
    assert time.monotonic() - began < 20


def test_what_can_not_be_looked_at_is_nothing_seen(files: list[Path]) -> None:
    files[0].unlink()
    assert Lookback("t", files)({0: LOOK}) == {}
    assert Lookback("t", files)({1: Look(pairs=(Pair("no address", "198.18.0.1", 80),))}) == {}
