"""Three hundred captures at once on one worker: how soon they start, what the worker takes, that none is lost.

Run: `python -m tests.bench.bench_many_captures [COUNT]`. All in one busy pod of the playground, whose API server,
kubelet and containers run on the same cores: the peer is as many `kubectl exec … tcpdump` at once in the same run.
Wanted: start p99 under 3 s, worker RSS under 400 MB.
"""

import asyncio
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.playground.stack import Part
from tests.bench.results import note, quantile
from tests.bench.stand import kubectl, pinging, stand
from tests.support.captures import Desk, memory
from workers.contract.job import Job

COUNT = 300
SECONDS = 20
LOOK = 0.05


def main() -> None:
    """Print one line a figure."""
    asyncio.run(_main(int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else COUNT))


async def _main(count: int) -> None:
    async with stand() as (desk, pod):
        worker = await desk.stack.start_worker()
        folder = next(iter(desk.stack.rundir.glob("*.spool")))
        with pinging(desk, pod):
            peers = await asyncio.to_thread(_peers, desk, pod, count)
            starts, rss, jobs = await asyncio.to_thread(_ours, desk, pod, worker, folder, count)
    lost = [job for job in jobs if job.state != "done"]
    for job in lost:
        print(f"lost: {job.id} {job.state} {job.message} {[target.note for target in job.targets]}")
    print(f"{count} captures: first packet p50 {quantile(starts, 0.5):.1f} s, p99 {quantile(starts, 0.99):.1f} s")
    print(f"{count} kubectl exec tcpdump: p50 {quantile(peers, 0.5):.1f} s, p99 {quantile(peers, 0.99):.1f} s")
    print(
        f"ratio of p99 {quantile(starts, 0.99) / quantile(peers, 0.99):.2f}; worker RSS {rss:.0f} MB; lost {len(lost)}"
    )
    note(
        f"many_{count}",
        start_p50_s=quantile(starts, 0.5),
        start_p99_s=quantile(starts, 0.99),
        kubectl_p99_s=quantile(peers, 0.99),
        worker_rss_mb=rss,
        lost=len(lost),
    )


def _ours(desk: Desk, pod: str, worker: Part, folder: Path, count: int) -> tuple[list[float], float, list[Job]]:
    began, spent = time.perf_counter(), cpu_seconds(worker.process.pid)
    with ThreadPoolExecutor(32) as threads:
        asked = list(threads.map(lambda _: desk.ask(f"pod/{pod}", "icmp", duration=SECONDS), range(count)))
    starts: dict[str, float] = {}
    rss, deadline = 0.0, time.monotonic() + 400
    while time.monotonic() < deadline:
        for path in folder.glob("worker-*/*.pcap"):
            job_id = path.name.split("-")[0]
            if job_id not in starts and path.stat().st_size > 40:
                starts[job_id] = time.perf_counter() - began
                if len(starts) == count:
                    print(
                        f"the worker itself took {cpu_seconds(worker.process.pid) - spent:.1f} s of CPU to start them"
                    )
        rss = max(rss, memory(worker.process.pid, "Rss"))
        if len(starts) == count and not desk.store.unfinished():
            break
        time.sleep(LOOK)
    return sorted(starts.values()), rss, [desk.job(one) for one in asked]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peers(desk: Desk, pod: str, count: int) -> list[float]:
    tcpdump = ["timeout", str(SECONDS * 3), "tcpdump", "-i", "any", "-n", "-p", "-U", "--immediate-mode", "-Z", "root"]
    argv = kubectl(desk, pod, *tcpdump, "-w", "-", "--", "icmp")
    began = time.perf_counter()
    processes = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    with ThreadPoolExecutor(count) as threads:
        took = list(threads.map(lambda one: _first(one, began), processes))
    for process in processes:
        process.kill()
        process.communicate()
    find = 'for p in /proc/[0-9]*; do grep -qa "^tcpdump" $p/cmdline 2>/dev/null && kill ${p#/proc/}; done; true'
    subprocess.run(kubectl(desk, pod, "sh", "-c", find), check=False, capture_output=True)
    return took


def _first(process: "subprocess.Popen[bytes]", began: float) -> float:
    assert process.stdout is not None
    read = 0
    while read <= 40 and (piece := os.read(process.stdout.fileno(), 65536)):
        read += len(piece)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
