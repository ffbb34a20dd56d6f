"""How fast analysis is, as ratios taken in one run: against a plain record walk and against capinfos and tshark.

Run: `python tests/bench/bench_analysis.py [CAPTURE]`. Without a capture it makes one from a seed: web requests, DNS and
bulk transfers between many clients. CPU seconds of whole processes, start-up included; the best of three.
"""

import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

CHUNK = 1 << 18
PACKETS = 200_000
_OURS = """
import sys
from workers.analysis import Analyser
analyser = Analyser()
with open(sys.argv[1], "rb") as file:
    while chunk := file.read(int(sys.argv[2])):
        analyser.feed(chunk)
print(analyser.finish().packets)
"""
_WALK = """
import sys, struct
data, at, packets = open(sys.argv[1], "rb").read(), 24, 0
unpack = struct.Struct("<IIII").unpack_from
while at < len(data):
    at += 16 + unpack(data, at)[2]
    packets += 1
print(packets)
"""


def _frame(client: int, up: bool, ports: tuple[int, int], body: bytes, protocol: int) -> bytes:
    ends = [bytes([198, 18]) + client.to_bytes(2, "big"), bytes([198, 19, 0, 1])]
    source, destination = ends if up else ends[::-1]
    pair = ports if up else ports[::-1]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 24 + len(body), 0, 0, 64, protocol, 0)
    return bytes(12) + b"\x08\0" + head + source + destination + struct.pack("!HH", *pair) + body


def _tcp(seq: int, ack: int, flags: int, data: bytes = b"") -> bytes:
    return struct.pack("!IIHHHH", seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x5000 | flags, 500, 0, 0) + data


def _visit(client: int, port: int, segments: int) -> list[tuple[bool, int, bytes]]:
    """One name lookup, one HTTP request with a body of so many segments, one close."""
    name = b"\3web\4shop\0\0\1\0\1"
    heads = [struct.pack("!HHHHHHHH", 20 + len(name), 0, port, flags, 1, 0, 0, 0) for flags in (0x100, 0x8180)]
    get = b"GET /item HTTP/1.1\r\nHost: web.shop\r\n\r\n"
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (segments * 1400)
    at, asked = 1 + len(response), 1 + len(get)
    packets = [(True, 17, heads[0] + name), (False, 17, heads[1] + name)]
    packets += [(True, 6, _tcp(0, 0, 2)), (False, 6, _tcp(0, 1, 18)), (True, 6, _tcp(1, 1, 16))]
    packets += [(True, 6, _tcp(1, 1, 24, get)), (False, 6, _tcp(1, asked, 24, response))]
    for number in range(segments):
        packets.append((False, 6, _tcp(at, asked, 16, bytes(1400))))
        at += 1400
        if number % 2:
            packets.append((True, 6, _tcp(asked, at, 16)))
    packets += [(True, 6, _tcp(asked, at, 17)), (False, 6, _tcp(at, asked + 1, 17))]
    return [*packets, (True, 6, _tcp(asked + 1, at + 1, 16))]


def make(path: Path, wanted: int = PACKETS) -> None:
    """A seeded capture of at least so many packets."""
    chance, written, micros = random.Random(7), 0, 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        while written < wanted:
            client, port = chance.randrange(2_000), chance.randrange(1024, 65_000)
            for up, protocol, body in _visit(client, port, chance.choice((1, 4, 20, 60))):
                frame = _frame(client, up, (port, 53 if protocol == 17 else 80), body, protocol)
                micros += chance.randrange(1, 60)
                file.write(
                    struct.pack("<IIII", 1_700_000_000 + micros // 10**6, micros % 10**6, len(frame), len(frame))
                )
                file.write(frame)
                written += 1


def cpu(argv: list[str]) -> tuple[float, int, str]:
    """CPU seconds, peak MB and output of a child process, the best of three."""
    best = (float("inf"), 0, "")
    for _ in range(3):
        with tempfile.TemporaryFile("w+") as out:
            child = subprocess.Popen(argv, stdout=out, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            best = min(best, (usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, out.read().strip()))
        if child.returncode:
            sys.exit(f"{argv[0]} failed with {child.returncode}")
    return best


def main() -> None:
    """Measure and print one table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "made.pcap"
        if not path.exists():
            make(path)
        rows = {
            "threadcap": [sys.executable, "-c", _OURS, str(path), str(CHUNK)],
            "plain record walk": [sys.executable, "-c", _WALK, str(path)],
            "capinfos -cdszu": ["capinfos", "-cdszu", str(path)],
            "tshark -q -z conv,tcp": ["tshark", "-n", "-q", "-z", "conv,tcp", "-r", str(path)],
        }
        found = {name: cpu(argv) for name, argv in rows.items() if shutil.which(argv[0])}
        ours, packets = found["threadcap"][0], int(found["threadcap"][2])
        print(f"{path.stat().st_size / 1e6:.0f} MB, {packets:,} packets; load {os.getloadavg()[0]:.1f}")
        for name, (seconds, megabytes, _) in found.items():
            rate = packets / seconds
            print(
                f"{name:24}{seconds:8.2f} s CPU {megabytes:6} MB {rate:12,.0f} packets/s {seconds / ours:8.2f} x ours"
            )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
