"""How fast analysis is: ratios of whole processes' CPU time taken in one run, against tshark, scapy, nfstream, tcptrace
and capinfos, on captures made from a seed (see made.py). `ours` feeds the analyser and does no more, `tcp` is its core
without the parsers of protocols (most peers have none), `analyze` is the terminal's program. Ours run in turns with
each peer. What is asked for is printed beside what was measured.

Run: `make bench ONLY=analysis`; with THREADCAP_BENCH_LONG=1 a stream of 10 GB, too. Means of three turns; one run of a
peer that takes over five seconds, between two of ours. Peers that are not installed are left out, and that is said.
"""

import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator

from tests.bench import bench_cli_start, hostile, memory, results
from tests.bench.made import Made, made
from tests.bench.processes import ROOT, Used, beside, cpu
from tests.bench.table import lines

NFSTREAM = ROOT / "build" / "peers" / "bin" / "python"
SLICE = 10_000
"""Packets that scapy reads."""
_SCAPY = """
import sys, itertools
from scapy.all import PcapReader
with PcapReader(sys.argv[1]) as packets:
    print(sum(1 for _ in itertools.islice(packets, int(sys.argv[2]))))
"""
_NFSTREAM = """
import sys
from nfstream import NFStreamer
print(sum(1 for _ in NFStreamer(source=sys.argv[1])))
"""


def main() -> None:
    """Measure, print and note."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    captures = {name: made(name) for name in ("mixed", "small", "flood", "bulk")}
    for name, capture in captures.items():
        print(f"{name}: {capture.megabytes:.0f} MB; {capture.mix}")
    for name in ("mixed", "small"):
        _against_peers(name, captures[name])
    _flood(captures["flood"])
    for name in ("mixed", "small", "bulk"):
        _in_process(name, captures[name])
    if os.environ.get("THREADCAP_BENCH_LONG"):
        _endless(captures["mixed"], 10)
    print(f"-- memory for {len(hostile.NAMES)} hostile captures")
    memory.main()
    bench_cli_start.main()
    print(f"-- asked for and measured; load {os.getloadavg()[0]:.1f}")
    for what, asked, measured, alone in lines(results.found()):
        print(f"{what:58} {asked:26} {measured:30} {alone}")


def ours(what: str, *words: str) -> list[str]:
    """A process of tests.bench.ours."""
    return [sys.executable, "-m", "tests.bench.ours", what, *words]


def _against_peers(name: str, capture: Made) -> None:
    path = str(capture.path)
    analyze = cpu([sys.executable, "-m", "bot.cli", "analyze", path, "--json"])
    feed = cpu(ours("feed", path))
    packets = json.loads(feed.said)["packets"]
    print(f"-- {name}: {packets:,} packets")
    for who, used in (("ours", feed), ("tcp", cpu(ours("tcp", path))), ("analyze", analyze)):
        print(f"{who:12}{used.cpu:9.2f} s CPU {used.megabytes:7.0f} MB {packets / used.cpu:12,.0f} packets/s")
        results.note(f"analysis_{name}", **{f"{who}_cpu_s": used.cpu, f"{who}_mb": used.megabytes})
    for who, (all_facts, tcp, peer) in itertools.chain(_peers(path), _scapy(path, packets)):
        ratios = {f"{who}_ratio": peer.cpu / all_facts.cpu, f"{who}_tcp_ratio": peer.cpu / tcp.cpu}
        in_turns = " ".join(
            f"{ratio:8.2f} x {what}" for ratio, what in zip(ratios.values(), ("ours", "tcp"), strict=True)
        )
        rate = packets / peer.cpu
        print(f"{who:12}{peer.cpu:9.2f} s CPU {peer.megabytes:7.0f} MB {rate:12,.0f} packets/s {in_turns}", flush=True)
        results.note(f"analysis_{name}", **{f"{who}_cpu_s": peer.cpu, f"{who}_mb": peer.megabytes}, **ratios)


def _peers(path: str) -> Iterator[tuple[str, list[Used]]]:
    """Each peer that is here, behind ours."""
    rows = {
        "capinfos": ["capinfos", "-cdszu", path],
        "tcptrace": ["tcptrace", "-n", "-l", "-r", path],
        "tshark": ["tshark", "-n", "-q", "-z", "conv,tcp", "-r", path],
        "nfstream": [str(NFSTREAM), "-c", _NFSTREAM, path],
    }
    for who, argv in rows.items():
        if shutil.which(argv[0]):
            yield who, beside([ours("feed", path), ours("tcp", path), argv])
        else:
            print(f"{who:12} not installed")


def _scapy(path: str, packets: int) -> Iterator[tuple[str, list[Used]]]:
    """Its time for all packets, reckoned from the first ones; start-up is taken as it is."""
    few = cpu([sys.executable, "-c", _SCAPY, path, "1"], 1)
    *mine, more = beside([ours("feed", path), ours("tcp", path), [sys.executable, "-c", _SCAPY, path, str(SLICE)]])
    each = (more.cpu - few.cpu) / (SLICE - 1)
    print(f"scapy reads {SLICE:,} packets; the rest is reckoned")
    yield "scapy", [*mine, Used(few.cpu + each * packets, more.megabytes, 0.0, "")]


def _flood(capture: Made) -> None:
    """A million conversations: time against tshark's, and memory."""
    path = str(capture.path)
    found = {"ours": cpu(ours("feed", path))}
    if shutil.which("tshark"):
        found["tshark"] = cpu(["tshark", "-n", "-q", "-z", "conv,tcp", "-r", path])
    print("-- flood: 1,000,000 conversations")
    for who, used in found.items():
        ratio = used.cpu / found["ours"].cpu
        print(f"{who:12}{used.cpu:9.2f} s CPU {used.megabytes:7.0f} MB {ratio:8.2f} x ours")
        results.note("analysis_flood", **{f"{who}_cpu_s": used.cpu, f"{who}_mb": used.megabytes})


def _in_process(name: str, capture: Made) -> None:
    """Feeding alone, for all facts and for TCP's, and how soon the verdict is there."""
    path = str(capture.path)
    said, alone = ([json.loads(cpu(ours(what, path), 1).said) for _ in range(3)] for what in ("timed", "tcp"))
    packets, verdict = said[0]["packets"], min(one["verdict_s"] for one in said)
    best, tcp = (min(one["feed_s"] for one in runs) for runs in (said, alone))
    rates = f"{packets / best / 1e6:.2f} million packets/s, TCP facts alone {packets / tcp / 1e6:.2f}"
    print(f"in-process, {name}: {rates}; last byte to verdict {verdict:.3f} s")
    results.note(f"analysis_{name}", packets=packets, feed_s=best, tcp_feed_s=tcp, verdict_s=verdict)


def _endless(capture: Made, gigabytes: int) -> None:
    """A stream through a pipe: memory must not grow with it."""
    with subprocess.Popen(ours("endless", str(capture.path), str(gigabytes)), stdout=subprocess.PIPE) as maker:
        used = cpu(ours("feed", "-"), 1, maker.stdout)
    packets = json.loads(used.said)["packets"]
    print(f"{gigabytes} GB stream: {packets:,} packets, {used.cpu:.1f} s CPU, {used.megabytes:.0f} MB")
    results.note("analysis_stream", gb=gigabytes, packets=packets, ours_cpu_s=used.cpu, ours_mb=used.megabytes)


if __name__ == "__main__":
    main()
