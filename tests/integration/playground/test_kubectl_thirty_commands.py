"""Everyday kubectl, word for word: the golden transcript beside this file holds the commands and their answers.

`THREADCAP_GOLDEN=write pytest …` writes the transcript anew from what the commands in it answer now; read the
difference before it is committed: it is what Kubernetes 1.34 says, not what we happen to say.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.playground import KUBECTL, SharedPlayground
from tests.support.transcripts import entries, entry, normalised

GOLDEN = Path(__file__).with_name("kubectl_thirty_commands.txt")
MANIFEST = Path(__file__).with_name("kubectl_thirty_commands.yaml")
SECONDS = 90


class Shell:
    """A shell in a directory of its own where `kubectl` is the real one, pointed at one namespace."""

    def __init__(self, playground: SharedPlayground, namespace: str, home: Path) -> None:
        self._home, self._namespace = home, namespace
        (home / "bin").mkdir()
        (home / "bin" / "kubectl").symlink_to(Path(KUBECTL).absolute())
        (home / "shop.yaml").write_text(MANIFEST.read_text())
        (home / "kubeconfig").write_text(playground.admin_kubeconfig.read_text())
        self._environment = {
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
            "HOME": str(home),
            "KUBECONFIG": str(home / "kubeconfig"),
            "NAMESPACE": namespace,
            "TERM": "dumb",
        }
        self.answer(f"kubectl config set-context --current --namespace={namespace}")

    def answer(self, command: str) -> str:
        """The command's entry in a transcript."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._home,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return entry(command, normalised(done.stdout, [(self._namespace, "<namespace>")]), done.returncode)


@pytest.fixture
def shell(playground: SharedPlayground, fresh_namespace: str, tmp_path: Path) -> Shell:
    return Shell(playground, fresh_namespace, tmp_path)


def test_the_transcript_is_golden(shell: Shell) -> None:
    writes = os.environ.get("THREADCAP_GOLDEN") == "write"
    told = ""
    for command, golden in entries(GOLDEN.read_text()):
        answer = shell.answer(command)
        assert answer == golden or writes
        told += answer
    assert told.count("\n$ ") >= 30
    if writes:
        GOLDEN.write_text(told)
