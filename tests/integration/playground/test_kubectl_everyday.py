"""The real kubectl: get in its outputs, apply, watch, wait, rollout, can-i, debug, delete."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.playground import KUBECTL, SharedPlayground

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one, tier: front}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, image: "busybox:1", command: [sh, -c, "echo hello; sleep 3600"]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: many}
spec:
  replicas: 2
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many, tier: back}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: "busybox:1", command: [sleep, "3600"]}]
---
apiVersion: v1
kind: Service
metadata: {name: many}
spec: {selector: {app: many}, ports: [{port: 80, targetPort: 8080}]}
"""


# Ends at SIGTERM, so that deletion needs no grace.
LOOP = "trap exit TERM; while :; do sleep 1; done"


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
def kubectl(playground: SharedPlayground, fresh_namespace: str, tmp_path: Path) -> Kubectl:
    """A namespace with MANIFEST in it, all ready."""
    tool = Kubectl(playground, fresh_namespace)
    (tmp_path / "m.yaml").write_text(MANIFEST)
    assert "deployment.apps/many created" in tool.out("apply", "-f", str(tmp_path / "m.yaml"))
    assert "deployment.apps/many unchanged" in tool.out("apply", "-f", str(tmp_path / "m.yaml"))
    tool.out("wait", "--for=condition=Ready", "pod/one", "--timeout=30s")
    tool.out("rollout", "status", "deploy/many", "--timeout=30s")
    return tool


def test_get_in_its_outputs(kubectl: Kubectl) -> None:
    header, *rows = kubectl.out("get", "pods", "-o", "wide").splitlines()
    assert header.split()[:7] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
    assert len(rows) == 3
    row = next(row for row in rows if row.startswith("one ")).split()
    assert row[1:4] == ["1/1", "Running", "0"]
    assert row[5].startswith("198.18.")
    assert json.loads(kubectl.out("get", "pod", "one", "-o", "json"))["kind"] == "Pod"
    assert "kind: Pod\n" in kubectl.out("get", "pods", "-o", "yaml")
    assert kubectl.out("get", "pods", "-l", "app=one", "-o", "name") == "pod/one\n"
    assert len(kubectl.out("get", "po", "-l", "tier in (front, back),app!=one", "-o", "name").split()) == 2
    assert kubectl.out("get", "pods", "--field-selector", "metadata.name=one", "-o", "name") == "pod/one\n"
    everything = kubectl.out("get", "all")
    assert all(word in everything for word in ("pod/one", "service/many", "deployment.apps/many", "2/2"))
    assert "Ready" in kubectl.out("get", "nodes", "-o", "wide")


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


def test_create_scale_label_describe(kubectl: Kubectl) -> None:
    kubectl.out("create", "configmap", "c", "--from-literal=a=b")
    assert kubectl.out("get", "cm", "c", "-o", "jsonpath={.data.a}") == "b"
    kubectl.out("create", "deployment", "d", "--image=busybox:1", "--", "sh", "-c", LOOP)
    kubectl.out("scale", "deploy/d", "--replicas=2")
    kubectl.out("rollout", "status", "deploy/d", "--timeout=30s")
    kubectl.out("label", "pod", "one", "colour=blue")
    assert kubectl.out("get", "pods", "-l", "colour", "-o", "name") == "pod/one\n"
    described = kubectl.out("describe", "pod", "one")
    assert "Successfully assigned" in described
    again = kubectl.run("create", "configmap", "c")
    assert 'configmaps "c" already exists' in again.stderr


def test_rights(kubectl: Kubectl) -> None:
    kubectl.out("create", "serviceaccount", "worker")
    kubectl.out("create", "role", "reader", "--verb=get,list", "--resource=pods")
    kubectl.out("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={kubectl.namespace}:worker")
    user = f"--as=system:serviceaccount:{kubectl.namespace}:worker"
    assert kubectl.out("auth", "can-i", "list", "pods", user) == "yes\n"
    assert kubectl.run("auth", "can-i", "create", "pods/exec", user).stdout == "no\n"
    assert "pods" in kubectl.out("auth", "can-i", "--list", user)
    refused = kubectl.run("delete", "pod", "one", user)
    assert refused.stderr == (
        'Error from server (Forbidden): pods "one" is forbidden: '
        f'User "system:serviceaccount:{kubectl.namespace}:worker" cannot delete resource "pods" '
        f'in API group "" in the namespace "{kubectl.namespace}"\n'
    )
    token = kubectl.out("create", "token", "worker").strip()
    assert token.count(".") == 2


def test_debug_adds_an_ephemeral_container(kubectl: Kubectl) -> None:
    words = ("--profile=general", "--image=busybox:1", "--target=app", "-c", "dbg", "--", "sleep", "60")
    kubectl.out("debug", "one", *words)
    kubectl.out(
        "wait", "pod/one", "--for=jsonpath={.status.ephemeralContainerStatuses[0].state.running}", "--timeout=20s"
    )
    assert "sleep" in kubectl.out("exec", "one", "-c", "dbg", "--", "ps")


def test_an_unknown_image_waits_with_its_reason(kubectl: Kubectl) -> None:
    kubectl.out("run", "lost", "--image=nowhere.example/nothing:9")
    path = "jsonpath={.status.containerStatuses[0].state.waiting.reason}"
    kubectl.out("wait", "pod/lost", f"--for={path}", "--timeout=20s")
    assert kubectl.out("get", "pod", "lost", "-o", path) in ("ErrImagePull", "ImagePullBackOff")
    assert "0/1" in kubectl.out("get", "pod", "lost")
