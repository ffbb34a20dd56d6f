"""Both cores give the same facts of the captures that findings are proved on."""

import pytest

from tests.unit.findings.golden.traffic import GOLDEN, Golden
from tests.unit.findings.test_golden import scenes
from workers.analysis import Analyser
from workers.core import BUILT


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
def test_facts_are_the_same(golden: Golden) -> None:
    assert BUILT, "the compiled core was not built: run deploy/setup.sh test"
    for scene in scenes(golden.make()):
        plain, compiled = Analyser(compiled=False), Analyser(compiled=True)
        data = scene.bytes()
        plain.feed(data)
        compiled.feed(data)
        assert compiled.finish() == plain.finish()
