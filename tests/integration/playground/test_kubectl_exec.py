"""The real kubectl's streams: exec with exit codes, stdin, 50 MB of binary output; logs and logs -f."""

import hashlib
import subprocess

import pytest

from tests.support.playground import KUBECTL, SharedPlayground

MEGABYTES = 50


@pytest.fixture
def base(playground: SharedPlayground, fresh_namespace: str) -> list[str]:
    """kubectl's argv up to the verb, in a namespace with a running pod `one`."""
    argv = [KUBECTL, "--kubeconfig", str(playground.admin_kubeconfig), "-n", fresh_namespace]
    loop = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.2; done"
    command = [*argv, "run", "one", "--image=busybox:1", "--grace-period=1", "--command", "--", "sh", "-c", loop]
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run(
        [*argv, "wait", "pod/one", "--for=condition=Ready", "--timeout=30s"], check=True, capture_output=True
    )
    return argv


@pytest.mark.parametrize("code", [0, 3, 137])
def test_exit_codes(base: list[str], code: int) -> None:
    script = f"echo out; echo err >&2; exit {code}"
    done = subprocess.run([*base, "exec", "one", "--", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "out\n")
    assert done.stderr.startswith("err\n")


def test_stdin_reaches_its_end(base: list[str]) -> None:
    sent = bytes(range(256)) * 4096
    done = subprocess.run([*base, "exec", "-i", "one", "--", "cat"], input=sent, capture_output=True, check=True)
    assert done.stdout == sent


def test_a_missing_program_says_so(base: list[str]) -> None:
    done = subprocess.run([*base, "exec", "one", "--", "/nope"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no such file or directory" in done.stderr


def test_fifty_megabytes_are_equal(base: list[str]) -> None:
    script = f"head -c {MEGABYTES}000000 /dev/urandom > /tmp/big; sha256sum /tmp/big >&2; cat /tmp/big"
    done = subprocess.run([*base, "exec", "one", "--", "sh", "-c", script], capture_output=True, check=True)
    assert len(done.stdout) == MEGABYTES * 1_000_000
    assert hashlib.sha256(done.stdout).hexdigest() == done.stderr.split()[0].decode()


def test_logs_and_following_them(base: list[str]) -> None:
    tail = subprocess.run([*base, "logs", "one", "--tail=1"], capture_output=True, text=True, check=True).stdout
    assert tail.startswith("line ")
    with subprocess.Popen([*base, "logs", "-f", "one"], stdout=subprocess.PIPE, text=True) as follow:
        assert follow.stdout is not None
        try:
            assert [follow.stdout.readline() for _ in range(4)] == [f"line {n}\n" for n in range(4)]
        finally:
            follow.terminate()
    wrong = subprocess.run([*base, "logs", "one", "-c", "no"], capture_output=True, text=True, check=False)
    assert "container no is not valid for pod one" in wrong.stderr
