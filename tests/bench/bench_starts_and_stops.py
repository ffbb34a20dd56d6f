"""How soon a capture begins, ends, and is ended when its worker dies; against `kubectl exec … tcpdump` in the same run.

Run: `python -m tests.bench.bench_starts_and_stops`. From the command accepted to the first packet in the worker's
spool, over Redis and Celery; kubectl from its start to the first packet on its output. Wanted: at most 1.3 times
kubectl; from stop to a stored, valid pcap under 1 s for 99 of 100; orphans of a killed worker ended within 15 s.
"""

import asyncio
import os
import signal
import statistics
import subprocess
import time
from pathlib import Path

from tests.bench.results import note, quantile
from tests.bench.stand import first_packet, kubectl, pinging, stand
from tests.support.captures import ALICE, Desk
from tests.support.local_exec import marked
from tests.support.stack import until
from workers.capture.tcpdump import marker

ROUNDS = 12
AT_ONCE = 20


def main() -> None:
    """Print one line a figure."""
    asyncio.run(_main())


async def _main() -> None:
    async with stand() as (desk, pod):
        worker = await desk.stack.start_worker()
        folder = next(iter(desk.stack.rundir.glob("*.spool")))
        with pinging(desk, pod):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(await _ours(desk, pod, folder))
                theirs.append(await asyncio.to_thread(_theirs, desk, pod))
            a, b = statistics.median(ours), statistics.median(theirs)
            print(
                f"first packet: threadcap {a * 1000:.0f} ms, kubectl exec tcpdump {b * 1000:.0f} ms; ratio {a / b:.2f}"
            )
            note("starts", ours_s=a, kubectl_s=b, kubectl_ratio=a / b)
            await _stops(desk, pod)
            await _orphans(desk, pod, worker.process.pid)


async def _ours(desk: Desk, pod: str, folder: Path) -> float:
    began = time.perf_counter()
    job_id = desk.ask(f"pod/{pod}", "icmp", duration=30)
    took = await asyncio.to_thread(first_packet, folder, job_id, began)
    desk.commands.stop(job_id, ALICE)
    await desk.ended(job_id)
    return took


def _theirs(desk: Desk, pod: str) -> float:
    tcpdump = ["tcpdump", "-i", "any", "-n", "-p", "-U", "--immediate-mode", "-Z", "root", "-w", "-", "--", "icmp"]
    began = time.perf_counter()
    with subprocess.Popen(
        kubectl(desk, pod, *tcpdump), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        read = 0
        while read <= 40:
            read += len(os.read(process.stdout.fileno(), 65536))
        took = time.perf_counter() - began
        process.kill()
    argv = kubectl(
        desk,
        pod,
        "sh",
        "-c",
        'for p in /proc/[0-9]*; do grep -qa "^tcpdump" $p/cmdline 2>/dev/null && kill ${p#/proc/}; done; true',
    )
    subprocess.run(argv, check=False, capture_output=True)
    return took


async def _stops(desk: Desk, pod: str) -> None:
    """Stop twenty running captures one by one: from the request to the spool's last byte, and to the report."""
    ids = [desk.ask(f"pod/{pod}", "icmp", duration=120) for _ in range(AT_ONCE)]
    for one in ids:
        await desk.capturing(one)
    captured, reported = [], []
    for one in ids:
        began = time.time()
        desk.commands.stop(one, ALICE)
        job = await desk.ended(one)
        ends = [target.outcome.ended_at for target in desk.proved(job).targets]
        captured.append(max(ends) - began)
        reported.append(job.updated - began)
    for name, values in (("whole and proved", captured), ("stored, judged and drawn", reported)):
        print(f"stop to a pcap that is {name}: p50 {quantile(values, 0.5):.2f} s, p99 {quantile(values, 0.99):.2f} s")
    note("stops", captured_p99_s=quantile(captured, 0.99), stored_p99_s=quantile(reported, 0.99))


async def _orphans(desk: Desk, pod: str, pid: int) -> None:
    ids = [desk.ask(f"pod/{pod}", "icmp", duration=120) for _ in range(AT_ONCE)]
    for one in ids:
        await desk.capturing(one)
    doomed = next(part for part in desk.stack.parts if part.process.pid == pid)
    await desk.stack.start_worker()
    began = time.perf_counter()
    await desk.stack.stop(doomed, signal.SIGKILL)
    await until(lambda: not any(marked(marker(one)) for one in ids), 120, "the end of the orphans")
    took = time.perf_counter() - began
    print(f"{AT_ONCE} captures of a killed worker: nothing of them runs after {took:.1f} s")
    for one in ids:
        await desk.ended(one)
    print(f"and all are told after {time.perf_counter() - began:.1f} s")
    note("orphans", ended_s=took, told_s=time.perf_counter() - began)


if __name__ == "__main__":
    main()
