"""Startup and readiness probes: httpGet, tcpSocket and exec, as often as the pod asks."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

from .process import Json

Exec = Callable[[list[str]], Awaitable[int]]


async def passes(probe: Json, container: Json, pod_ip: str, execute: Exec) -> bool:
    """Probe until it succeeds once; False when it failed as often as it may."""
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    ends = asyncio.get_running_loop().time() + probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)
    while not await _once(probe, container, pod_ip, execute):
        if asyncio.get_running_loop().time() > ends:
            return False
        await asyncio.sleep(probe.get("periodSeconds", 10) / 5)  # sooner than kubelets ask: people and tests wait
    return True


async def watch(
    probe: Json, container: Json, pod_ip: str, execute: Exec, told: Callable[[bool], None], passed: bool = False
) -> None:
    """Probe until cancelled; tell each change of the answer (thresholds as in the API's defaults)."""
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    run_length, last = 0, passed
    while True:
        answer = await _once(probe, container, pod_ip, execute)
        run_length = run_length + 1 if answer == last else 1
        last = answer
        needed = probe.get("successThreshold", 1) if answer else probe.get("failureThreshold", 3)
        if answer != passed and run_length >= needed:
            passed = answer
            told(passed)
        # A container not yet ready is asked more often than its period, as kubelets do at the start.
        await asyncio.sleep(probe.get("periodSeconds", 10) if passed else min(1, probe.get("periodSeconds", 10)))


async def _once(probe: Json, container: Json, pod_ip: str, execute: Exec) -> bool:
    try:
        async with asyncio.timeout(probe.get("timeoutSeconds", 1)):
            if "exec" in probe:
                return await execute(probe["exec"]["command"]) == 0
            if "tcpSocket" in probe:
                return await _connects(pod_ip, _port(probe["tcpSocket"]["port"], container))
            return "httpGet" in probe and await _http(probe["httpGet"], container, pod_ip)
    except (OSError, TimeoutError, ValueError):
        return False


def _port(word: int | str, container: Json) -> int:
    for port in container.get("ports") or []:
        if port.get("name") == word:
            return int(port["containerPort"])
    return int(word)


async def _connects(host: str, port: int) -> bool:
    _, writer = await asyncio.open_connection(host, port)
    await _close(writer)
    return True


async def _http(get: Json, container: Json, pod_ip: str) -> bool:
    host, port = get.get("host") or pod_ip, _port(get["port"], container)
    context = None
    if get.get("scheme") == "HTTPS":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        head = f"GET {get.get('path') or '/'} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: kube-probe/1.34\r\n"
        writer.write(f"{head}Accept: */*\r\nConnection: close\r\n\r\n".encode())
        words = (await reader.readline()).split()
        return len(words) > 1 and 200 <= int(words[1]) < 400
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
