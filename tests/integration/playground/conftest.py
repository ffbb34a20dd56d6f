"""Fixtures of the playground's own tests."""

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.playground.cluster_support import Api, FakeAgent, fake_cluster


@pytest.fixture
async def faked() -> AsyncIterator[tuple[Api, FakeAgent]]:
    """An API server of the test's own over a FakeAgent."""
    # Not tmp_path: a unix socket's path has room for 107 bytes only.
    with TemporaryDirectory(prefix="threadcap-") as directory:
        async with fake_cluster(Path(directory)) as found:
            yield found


@pytest.fixture
def api(faked: tuple[Api, FakeAgent]) -> Api:
    return faked[0]


@pytest.fixture
def agent(faked: tuple[Api, FakeAgent]) -> FakeAgent:
    return faked[1]
