"""Importing the package, as the node's agent does, loads nothing of the API server."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.playground import cluster

_ASK = """
import sys
import deploy.playground.cluster.node.agent
heavy = {"deploy.playground.cluster.cluster", "deploy.playground.cluster.api", "cryptography", "yaml"}
print(sorted(heavy & set(sys.modules)))
"""


def test_agent_loads_nothing_of_the_server() -> None:
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_there_when_asked_for() -> None:
    assert cluster.Cluster.__module__ == "deploy.playground.cluster.cluster"
    assert cluster.FAULTS == "/_playground/faults"


def test_other_names_are_missing() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = cluster.Nothing
