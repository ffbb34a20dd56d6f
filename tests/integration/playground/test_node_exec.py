"""The node agent's exec streams, as a kubelet's: frames, statuses, back-pressure, orphans."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.integration.playground.node_support import (
    V4,
    V5,
    NodeClient,
    build_images,
    drain,
    exit_code,
    pod,
    running_node,
)

MEGABYTE = 1024 * 1024


# One node for the module: each test has pods of its own.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images")
    build_images(path)
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(store: Path) -> AsyncIterator[NodeClient]:
    async with running_node(store) as client:
        yield client


@pytest.mark.parametrize("protocol", [V4, V5])
async def test_exit_codes_and_streams(node: NodeClient, protocol: str) -> None:
    uid = await node.run(pod("a"))
    for code in (0, 3, 255):
        url = node.exec_url(uid, ["sh", "-c", f"echo out; echo err >&2; exit {code}"])
        async with node.session.ws_connect(url, protocols=(protocol,)) as socket:
            assert socket.protocol == protocol
            first = await socket.receive()
            assert first.data == b"\x01"
            out, err, status = await drain(socket)
            assert socket.close_code == 1000
        assert (out, err, exit_code(status)) == (b"out\n", b"err\n", code)


async def test_handshake_answer_is_bare_and_v5_wins(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    async with node.session.ws_connect(node.exec_url(uid, ["true"]), protocols=(V4, V5)) as socket:
        headers = {name.lower() for name in socket._response.headers}
        assert socket.protocol == V5
    assert headers == {"upgrade", "connection", "sec-websocket-accept", "sec-websocket-protocol"}
    async with node.session.ws_connect(node.exec_url(uid, ["true"])) as socket:
        assert (await drain(socket))[2]["status"] == "Success"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await node.session.ws_connect(node.exec_url(uid, ["true"]), protocols=("nope",))
    assert refused.value.status == 403


async def test_stdin_echo_with_half_close(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    async with node.session.ws_connect(node.exec_url(uid, ["cat"], stdin=True), protocols=(V5,)) as socket:
        for n in range(5):
            await socket.send_bytes(b"\x00" + f"line {n}\n".encode())
        await socket.send_bytes(b"\xff\x00")
        out, _, status = await drain(socket)
    assert out == b"".join(f"line {n}\n".encode() for n in range(5))
    assert exit_code(status) == 0


async def test_fifty_megabytes_are_equal_in_small_frames(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    script = "dd if=/dev/urandom of=/tmp/big bs=1M count=50 2>/dev/null; sha256sum < /tmp/big"
    wanted = (await node.sh(uid, script))[0].split()[0]
    digest, longest = hashlib.sha256(), 0
    url = node.exec_url(uid, ["cat", "/tmp/big"])
    async with node.session.ws_connect(url, protocols=(V4,), max_msg_size=0) as socket:
        async for message in socket:
            longest = max(longest, len(message.data))
            if message.data[0] == 1:
                digest.update(message.data[1:])
    assert digest.hexdigest() == wanted
    assert longest <= 32769


async def test_stdin_of_ten_megabytes_is_equal(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    data = bytes(range(256)) * (10 * MEGABYTE // 256)
    url = node.exec_url(uid, ["sha256sum"], stdin=True)
    async with node.session.ws_connect(url, protocols=(V5,)) as socket:
        for start in range(0, len(data), 32768):
            await socket.send_bytes(b"\x00" + data[start : start + 32768])
        await socket.send_bytes(b"\xff\x00")
        out, _, _ = await drain(socket)
    assert out.split()[0].decode() == hashlib.sha256(data).hexdigest()


async def test_a_client_that_does_not_read_holds_the_process_back(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    script = "n=0; while head -c 16384 /dev/zero; do n=$((n+1)); echo $n > /tmp/count; done"
    url = node.exec_url(uid, ["sh", "-c", script])
    async with node.session.ws_connect(url, protocols=(V4,), max_msg_size=0):
        before = -1
        async with asyncio.timeout(15):
            while (now := int((await node.sh(uid, "sleep 0.5; cat /tmp/count"))[0] or 0)) != before:
                before = now
    assert 0 < before < 512


async def test_the_process_outlives_its_client_and_never_gets_sigpipe(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    script = "for i in $(seq 40); do head -c 65536 /dev/zero || exit 1; sleep 0.02; done; echo done > /tmp/flag"
    socket = await node.session.ws_connect(node.exec_url(uid, ["sh", "-c", script]), protocols=(V4,))
    await socket.receive()
    cut(socket)
    await until_output(node, uid, "cat /tmp/flag 2>/dev/null", "done\n")


async def test_stdin_ends_when_the_client_dies(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    url = node.exec_url(uid, ["sh", "-c", "cat; echo eof > /tmp/flag"], stdin=True)
    socket = await node.session.ws_connect(url, protocols=(V4,))
    await socket.send_bytes(b"\x00x")
    async with asyncio.timeout(5):
        while (await socket.receive()).data != b"\x01x":
            pass
    cut(socket)
    await until_output(node, uid, "cat /tmp/flag 2>/dev/null", "eof\n")


async def test_missing_binary_is_an_internal_error_after_the_upgrade(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    async with node.session.ws_connect(node.exec_url(uid, ["nope"]), protocols=(V4,)) as socket:
        _, _, status = await drain(socket)
    assert (status["reason"], status["code"]) == ("InternalError", 500)
    assert 'exec: "nope": executable file not found in $PATH' in status["message"]
    assert not any(cause.get("reason") == "ExitCode" for cause in status["details"]["causes"])


async def test_killed_is_137(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    _, status = await node.sh(uid, "kill -9 $$")
    assert exit_code(status) == 137


async def test_container_deleted_during_exec_is_137(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    async with node.session.ws_connect(node.exec_url(uid, ["sleep", "600"]), protocols=(V4,)) as socket:
        await socket.receive()
        await until_output(node, uid, "grep -lz '^600$' /proc/[0-9]*/cmdline 2>/dev/null | wc -l", "1\n")
        deleting = asyncio.create_task(node.delete(uid))
        _, _, status = await drain(socket)
        await deleting
    assert exit_code(status) == 137


async def test_container_not_running(node: NodeClient) -> None:
    uid = await node.put(pod("a", ["true"], restartPolicy="Never"))
    await node.until(lambda: node.phase(uid) == "Succeeded")
    url = node.exec_url(uid, ["true"])
    async with node.session.get(url) as response:
        assert (response.status, await response.text()) == (500, 'container not found ("app")')
    async with node.session.ws_connect(url, protocols=(V5,)) as socket:
        _, _, status = await drain(socket)
    assert status["reason"] == "InternalError"
    assert 'container not found ("app")' in status["message"]


async def test_exec_ends_only_when_every_holder_of_stdout_has_closed(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    clock = asyncio.get_running_loop().time
    begun = clock()
    out, status = await node.sh(uid, "(sleep 1; echo late) & echo early")
    assert (out, exit_code(status)) == ("early\nlate\n", 0)
    assert clock() - begun >= 1


async def test_tty_has_a_size_and_merges_the_streams(node: NodeClient) -> None:
    uid = await node.run(pod("a"))
    url = node.exec_url(uid, ["sh", "-c", "read x; stty size; echo err >&2; tty"], stdin=True, tty=True)
    async with node.session.ws_connect(url, protocols=(V5,)) as socket:
        await socket.send_bytes(b"\x04" + json.dumps({"Width": 101, "Height": 31}).encode())
        await socket.send_bytes(b"\x00go\n")
        out, err, status = await drain(socket)
    assert b"31 101\r\nerr\r\n/dev/pts/0" in out
    assert (err, exit_code(status)) == (b"", 0)


def cut(socket: aiohttp.ClientWebSocketResponse) -> None:
    """End the connection without a close frame."""
    connection = socket._response.connection
    assert connection is not None
    assert connection.transport is not None
    connection.transport.abort()


async def until_output(node: NodeClient, uid: str, script: str, wanted: str) -> None:
    async with asyncio.timeout(10):
        while (await node.sh(uid, script))[0] != wanted:  # noqa: ASYNC110 - the state is in the container
            await asyncio.sleep(0.05)
