"""`make demo`, twice in a row, without any network but loopback; afterwards nothing of it is left."""

import hashlib
import json
import secrets
import subprocess
from pathlib import Path

import pytest

from deploy.playground import clean

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 150


@pytest.mark.timeout(2 * SECONDS + 30)
def test_demo_twice_offline(tmp_path: Path) -> None:
    subprocess.run(["make", "-s", "setup"], cwd=ROOT, check=True, timeout=600)  # nothing to do after `make test`
    for turn in ("first", "second"):
        name = f"test-{secrets.token_hex(4)}"
        out = tmp_path / turn
        # a network namespace with nothing but loopback: set-up and demo must not ask for more
        offline = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "offline"]
        argv = [*offline, "make", "-s", "demo", f"OUT={out}", f"ID={name}"]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        _check_files(out)
        assert clean.find(name).lines() == []


def _check_files(out: Path) -> None:
    names = {path.suffix for path in out.iterdir()}
    assert names == {".md", ".pcap", ".png", ".json"}
    for prefix, faulty, words in (
        ("", "payments", "got no answer"),
        ("cart-", "web", "an MTU black hole swallows"),
        ("stock-", "stockdb", "PostgreSQL UPDATE is slow"),
    ):
        report = json.loads((out / f"{prefix}report.json").read_text())
        (target,) = report["targets"]
        pcap = (out / target["pcap"]["name"]).read_bytes()
        assert hashlib.sha256(pcap).hexdigest() == target["outcome"]["pod_sha256"]
        assert faulty in report["verdict"]
        assert words in (out / f"{prefix}thread.md").read_text()
