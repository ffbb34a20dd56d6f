"""What the golden transcript of kubectl (test_kubectl_thirty_commands.py) can't show: what happens meanwhile."""

import subprocess
from pathlib import Path

import pytest

from tests.support.playground import KUBECTL, SharedPlayground

MANIFEST = Path(__file__).with_name("kubectl_thirty_commands.yaml")


class Kubectl:
    """kubectl in one namespace."""

    def __init__(self, playground: SharedPlayground, namespace: str) -> None:
        self.playground, self.namespace = playground, namespace

    def run(self, *words: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        return self.playground.kubectl("-n", self.namespace, *words, seconds=seconds)

    def out(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def kubectl(playground: SharedPlayground, fresh_namespace: str) -> Kubectl:
    """A namespace with MANIFEST in it, all ready."""
    tool = Kubectl(playground, fresh_namespace)
    tool.out("apply", "-f", str(MANIFEST))
    tool.out("wait", "--for=condition=Ready", "pod/one", "--timeout=30s")
    tool.out("rollout", "status", "deploy/many", "--timeout=30s")
    return tool


def test_watch_shows_a_deletion(kubectl: Kubectl) -> None:
    config = str(kubectl.playground.admin_kubeconfig)
    argv = [KUBECTL, "--kubeconfig", config, "-n", kubectl.namespace, "get", "pod", "one", "-w"]
    argv += ["--output-watch-events", "--no-headers"]
    kinds: list[str] = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        try:
            assert watch.stdout.readline().split()[:2] == ["ADDED", "one"]
            kubectl.out("delete", "pod", "one", "--wait=false")
            while kinds[-1:] != ["DELETED"]:
                kinds.append(watch.stdout.readline().split()[0])
        finally:
            watch.terminate()
    assert set(kinds) == {"MODIFIED", "DELETED"}


def test_delete_waits_and_replicas_come_back(kubectl: Kubectl) -> None:
    assert kubectl.out("delete", "pod", "one") == f'pod "one" deleted from {kubectl.namespace} namespace\n'
    missing = kubectl.run("get", "pod", "one")
    assert (missing.returncode, missing.stderr) == (1, 'Error from server (NotFound): pods "one" not found\n')
    before = kubectl.out("get", "pods", "-l", "app=many", "-o", "name")
    kubectl.out("delete", "pods", "-l", "app=many")
    kubectl.out("rollout", "status", "deploy/many", "--timeout=30s")
    after = kubectl.out("get", "pods", "-l", "app=many", "-o", "name")
    assert len(after.split()) == 2
    assert not set(before.split()) & set(after.split())


def test_an_unknown_image_waits_with_its_reason(kubectl: Kubectl) -> None:
    kubectl.out("run", "lost", "--image=nowhere.example/nothing:9")
    path = "jsonpath={.status.containerStatuses[0].state.waiting.reason}"
    kubectl.out("wait", "pod/lost", f"--for={path}", "--timeout=20s")
    assert kubectl.out("get", "pod", "lost", "-o", path) in ("ErrImagePull", "ImagePullBackOff")
    assert "0/1" in kubectl.out("get", "pod", "lost")
