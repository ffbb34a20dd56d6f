"""The server's faults as the real kubectl meets them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playground.cluster_support import SECONDS, Api
from tests.support.playground import KUBECTL, SharedPlayground

FAULTS = "/_playground/faults"
SIZE = 1_000_000
Faulty = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def read_a_megabyte(playground: SharedPlayground, fresh_namespace: str) -> Faulty:
    """A function that has kubectl read SIZE bytes from a pod through a stream with the given fault."""
    argv = [KUBECTL, "--kubeconfig", str(playground.admin_kubeconfig), "-n", fresh_namespace]
    run = [*argv, "run", "one", "--image=busybox:1", "--grace-period=1", "--command", "--", "sleep", "600"]
    subprocess.run(run, check=True, capture_output=True)
    wait = [*argv, "wait", "pod/one", "--for=condition=Ready", "--timeout=30s"]
    subprocess.run(wait, check=True, capture_output=True)

    def read(seconds: float = SECONDS, **fault: Any) -> subprocess.CompletedProcess[bytes]:
        body = json.dumps({"kind": "stream", "namespace": fresh_namespace, **fault}).encode()
        subprocess.run([*argv, "create", "--raw", FAULTS, "-f", "-"], input=body, check=True, capture_output=True)
        command = [*argv, "exec", "one", "--", "head", "-c", str(SIZE), "/dev/zero"]
        return subprocess.run(command, capture_output=True, check=False, timeout=seconds)

    return read


def test_a_cut_stream_is_short_and_fails(read_a_megabyte: Faulty) -> None:
    done = read_a_megabyte(action="cut", afterBytes=300_000)
    assert done.returncode != 0
    assert len(done.stdout) <= 300_000


def test_a_lying_success_is_short_with_exit_code_0(read_a_megabyte: Faulty) -> None:
    done = read_a_megabyte(action="lie", afterBytes=300_000)
    assert (done.returncode, len(done.stdout)) == (0, 300_000)


def test_a_slow_stream_is_whole(read_a_megabyte: Faulty) -> None:
    done = read_a_megabyte(action="slow", bytesPerSecond=4_000_000)
    assert (done.returncode, len(done.stdout)) == (0, SIZE)


def test_a_stalled_stream_never_ends(read_a_megabyte: Faulty) -> None:
    with pytest.raises(subprocess.TimeoutExpired) as stuck:
        read_a_megabyte(seconds=2.0, action="stall", afterBytes=300_000)
    assert len(stuck.value.output or b"") <= 300_000


async def kubectl(api: Api, directory: Path, *words: str) -> tuple[int, str]:
    """(exit code, stderr) of kubectl against the server in this process."""
    file = directory / "kubeconfig"
    api.cluster.kubeconfig().write(file)
    pipe = asyncio.subprocess.PIPE
    argv = [KUBECTL, "--kubeconfig", str(file), "--cache-dir", str(directory / "cache"), *words]
    process = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


async def test_errors_and_outages(api: Api, tmp_path: Path) -> None:
    await api.namespace("shop")
    words = ("get", "pods", "-n", "shop")
    assert await kubectl(api, tmp_path, *words) == (0, "No resources found in shop namespace.\n")
    fault = {"kind": "request", "verb": "list", "resource": "pods", "code": 500, "message": "etcdserver: no leader"}
    await api.post(FAULTS, fault)
    code, errors = await kubectl(api, tmp_path, *words)
    assert (code, errors) == (1, "Error from server (InternalError): etcdserver: no leader\n")
    await api.post(FAULTS, {"kind": "heal"})
    await api.post(FAULTS, {"kind": "outage", "how": "soft", "seconds": 60})
    code, errors = await kubectl(api, tmp_path, *words)
    assert code == 1
    assert "the server is currently unable to handle the request" in errors
    await api.post(FAULTS, {"kind": "heal"})
    await api.post(FAULTS, {"kind": "outage", "how": "hard", "seconds": 60})
    async with asyncio.timeout(SECONDS):
        while "was refused" not in (await kubectl(api, tmp_path, *words))[1]:
            pass
