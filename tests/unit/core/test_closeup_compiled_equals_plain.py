"""The compiled close-up and the plain one see the same: of public captures, findings' captures and any traffic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.test_compiled_equals_plain import SHARED, Traffic, _captures
from tests.unit.findings.golden.traffic import GOLDEN, Golden
from tests.unit.findings.test_golden import scenes
from workers.analysis import Analyser
from workers.analysis.closeup import CloserLook
from workers.contract.closeup import CloseUp, Look, Pair
from workers.contract.facts import Facts
from workers.core import BUILT


@pytest.fixture(autouse=True)
def built() -> None:
    assert BUILT, "the compiled core was not built: run deploy/setup.sh test"


def facts_of(data: bytes) -> Facts:
    analyser = Analyser()
    analyser.feed(data)
    return analyser.finish()


def looks(facts: Facts) -> list[Look]:
    """One at every conversation told and the packets of four, one that looks for frames, and one at every third."""
    flows = facts.conversations[:900]
    pairs = tuple(Pair(f.client, f.server, f.server_port, f.protocol, n % 5) for n, f in enumerate(flows))
    begin, span = int(facts.first_at * 1e9), max(1, int(facts.duration * 1e9))
    traced = tuple(flow.first_frame for flow in flows[:4])
    frames = tuple(sorted({1 + facts.packets * n // 7 for n in range(7)}))
    return [
        Look(begin, span, 60, 5, pairs, traced),
        Look(begin + 7, span, 7, 5, pairs[::2], frames=frames),
        Look(begin, span * 2, 3, 5, pairs[::3], traced[:1]),
    ]


def close_up(data: bytes, look: Look, step: int, *, compiled: bool) -> CloseUp:
    eye = CloserLook(look, compiled=compiled)
    for at in range(0, len(data), step):
        eye.feed(data[at : at + step])
    return eye.finish()


def check(data: bytes, step: int) -> CloseUp:
    """Both see the same, whole and in steps; what the first look sees."""
    seen = []
    for look in looks(facts_of(data)):
        plain = close_up(data, look, len(data) or 1, compiled=False)
        assert close_up(data, look, step, compiled=True) == plain
        seen.append(plain)
    return seen[0]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared captures are not here")
def test_of_every_shared_capture() -> None:
    traced = sum(len(check(path.read_bytes(), 701).traces) for path in _captures())
    assert traced > 400


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
def test_of_the_captures_that_findings_are_proved_on(golden: Golden) -> None:
    for scene in scenes(golden.make()):
        check(scene.bytes(), 1 << 20)


@given(st.integers(0, 1 << 32), st.integers(1, 400), st.sampled_from((60, 1_000, 1 << 20)))
def test_of_any_traffic(seed: int, packets: int, step: int) -> None:
    check(Traffic(seed).capture(packets), step)


def test_a_look_beyond_what_64_bits_hold_is_no_error() -> None:
    look = Look(1 << 63, 1 << 63, 3, 1)
    assert CloserLook(look).finish() == CloserLook(look, compiled=False).finish()
