"""Fixtures that every test may use."""

import sys
from pathlib import Path

# `tests.support` is no part of the installed package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hypothesis import settings

from tests.support.examples import examples

settings.register_profile("threadcap", max_examples=examples(100), deadline=None)
settings.load_profile("threadcap")

pytest_plugins = ["tests.support.playground", "tests.support.redis", "tests.support.stack"]
