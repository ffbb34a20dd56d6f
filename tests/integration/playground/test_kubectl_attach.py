"""attach with the real kubectl: output and input of a container's first process, with and without a terminal."""

import json
import os
import pty
import select
import subprocess
import time

import pytest

from tests.support.playground import KUBECTL, SharedPlayground

SECONDS = 60


@pytest.fixture
def base(playground: SharedPlayground, fresh_namespace: str) -> list[str]:
    """kubectl's argv up to the verb, in a namespace of the test's own."""
    return [KUBECTL, "--kubeconfig", str(playground.admin_kubeconfig), "-n", fresh_namespace]


def _run(words: list[str], given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, input=given, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_run_with_input_ends_with_it(base: list[str]) -> None:
    words = [*base, "run", "once", "-i", "--rm", "--restart=Never", "--image=busybox:1", "--command", "--"]
    done = _run([*words, "sh", "-c", "wc -l; echo late >&2; exit 3"], "one\ntwo\n")
    assert done.stdout.splitlines()[0].strip() == "2"
    assert "late" in done.stderr
    assert done.returncode == 3
    assert _run([*base, "get", "pods", "-o", "name"]).stdout == ""


def test_input_stays_open_for_the_next_client_without_stdin_once(base: list[str]) -> None:
    manifest = {"stdin": True, "command": ["sh", "-c", "while read -r word; do echo got $word; done; echo ended"]}
    _start(base, "keeps", manifest)
    for word in ("one", "two"):
        with subprocess.Popen(
            [*base, "attach", "-i", "keeps"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(f"{word}\n".encode())
            client.stdin.flush()
            assert client.stdout.readline() == f"got {word}\n".encode()
            client.kill()
    assert _run([*base, "logs", "keeps"]).stdout == "got one\ngot two\n"


def test_a_terminal_of_a_running_container(base: list[str]) -> None:
    _start(base, "shell", {"stdin": True, "tty": True, "command": ["sh"]})
    said = _typed([*base, "attach", "-it", "shell"], ["stty size; tty\n", "exit 7\n"])
    assert "/dev/" in said, said
    got = [*base, "get", "pod", "shell", "-o", "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"]
    deadline = time.monotonic() + SECONDS
    while (code := _run(got).stdout) != "7":
        assert time.monotonic() < deadline, code
        time.sleep(0.1)


def test_debug_with_a_terminal(base: list[str]) -> None:
    _start(base, "app", {"command": ["sleep", "infinity"]})
    words = [*base, "debug", "-it", "app", "--image=busybox:1", "--profile=general", "--", "sh"]
    assert "sum 42" in _typed(words, ["echo sum $((6*7))\n", "exit\n"])


def _start(base: list[str], name: str, container: dict[str, object]) -> None:
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {**spec, "containers": [{"name": "app", "image": "busybox:1", **container}]},
    }
    done = _run([*base, "apply", "-f", "-"], json.dumps(body))
    assert done.returncode == 0, done.stderr
    assert _run([*base, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=30s"]).returncode == 0


def _typed(words: list[str], lines: list[str]) -> str:
    """Type lines one after another once the program has said something, in a terminal; returns all it showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    said, left = b"", list(lines)
    deadline = time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([master], [], [], 0.5)
            if not ready:
                # a prompt may have been shown before we attached: Enter brings the next one
                os.write(master, left.pop(0).encode() if left and b"# " in said else b"\n")
                continue
            try:
                said += os.read(master, 4096)
            except OSError:  # the program has ended
                break
        assert process.wait(SECONDS) is not None
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return said.decode(errors="replace")
