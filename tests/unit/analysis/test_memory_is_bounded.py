"""The terminal's program takes at most 80 MB, whatever conversations of a kind begin and do not end."""

import json
import subprocess
import sys

import pytest

from tests.bench.hostile import EVERYTHING, NAMES
from tests.bench.processes import ROOT

MOST, MOST_OF_ALL = 80, 128
"""Of one kind, and of all at once."""
SOME = (
    "holes before HTTP=4000",
    "small holes before what nobody knows=2000",
    "HTTP heads=4000",
    "HTTP requests in a row=8000",
    "TLS messages=4000",
    "Kafka requests, one waiting=1200",
    "connections in trouble=10000",
    "TLS certificates=600",
    "fragments that overlap=100",
)
"""Of these the analysis once held more, of as many conversations."""

pytest.importorskip("workers.core.core", reason="interpreted, all takes more")


def taken(*kinds: str) -> dict[str, float]:
    """MB of each kind of capture; in a process of its own, since the size of this one would count."""
    argv = [sys.executable, "-m", "tests.bench.memory", *kinds]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {one["kind"]: one["mb"] for one in map(json.loads, done.stdout.splitlines())}


def test_what_is_begun_and_not_ended_is_bounded() -> None:
    assert {kind: size for kind, size in taken(*SOME).items() if size > MOST} == {}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_so_is_all_else_that_a_capture_may_ask_to_be_held() -> None:
    sizes = taken(*NAMES)
    assert sizes.pop(EVERYTHING) <= MOST_OF_ALL
    assert {kind: size for kind, size in sizes.items() if size > MOST} == {}
