"""Fixtures that every test may use."""

import sys
from pathlib import Path

# `tests.support` is no part of the installed package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

pytest_plugins = ["tests.support.playground", "tests.support.redis", "tests.support.stack"]
