"""An analysis that is over goes with its last reference: the collector seldom looks, see workers.collector."""

import gc

import pytest

from tests.unit.core.test_handed_on_by_groups import capture
from workers.analysis import Analyser

pytest.importorskip("workers.core.core", reason="the plain core's table and its owner know each other")


def test_of_conversations_of_all_kinds() -> None:
    data = capture(11, 400, 0.1)
    Analyser().feed(data)  # what is made once is made
    gc.collect()
    gc.disable()
    try:
        analyser = Analyser()
        analyser.feed(data)
        assert analyser.finish().http.groups
        del analyser
        assert gc.collect() == 0
    finally:
        gc.enable()
