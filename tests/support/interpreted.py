"""A plugin of pytest, `-p tests.support.interpreted`: the workers' modules run from their sources, none compiled.

So is it where no compiler is, and so does `make coverage` see the lines of what is compiled elsewhere.
"""

import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

import pytest

WORKERS = str(Path(__file__).resolve().parents[2] / "workers")
COMPARED = ("test_closeup.py", "test_icmp_errors.py", "test_tcp_senders.py", "test_traffic_model.py")
"""They hold the plain core against the compiled one."""


def _sources_only(path: str) -> FileFinder:
    if not path.startswith(WORKERS):
        raise ImportError(path)
    return FileFinder(path, (SourceFileLoader, SOURCE_SUFFIXES))


sys.path_hooks.insert(0, _sources_only)
sys.path_importer_cache.clear()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs the compiled core."""
    left = [item for item in items if item.path.name in COMPARED]
    items[:] = [item for item in items if item.path.name not in COMPARED]
    config.hook.pytest_deselected(items=left)
