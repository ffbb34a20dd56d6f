"""Merged captures as Wireshark's tools read them, and a real conversation captured at both of its ends."""

import json
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.two_ends import START, pcap
from tests.unit.analysis.captures import PCAPS, needs_pcaps
from workers.contract.report import CaptureOutcome
from workers.export.merge import merged
from workers.export.timebase import Source, offsets

SERVER, SERVICE, CLIENT = "198.18.1.2", "198.18.2.80", "198.18.0.2"
_ECHO = """
import socket, sys
listener = socket.create_server(("", 8080))
print("up", flush=True)
peer, _ = listener.accept()
while data := peer.recv(4096):
    peer.sendall(data)
"""
_ASK = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 80), timeout=20) as peer:
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for number in range(200):
        peer.sendall(b"question %d" % number)
        assert peer.recv(4096) == b"question %d" % number
        time.sleep(0.005)  # the conversation's own pace: clocks are compared over a second of it
"""


def capinfos(path: Path) -> str:
    """What capinfos says, in one line a fact."""
    return subprocess.run(["capinfos", path], capture_output=True, text=True, check=True, timeout=60).stdout


def tshark(path: Path, *fields: str, only: str = "") -> list[list[str]]:
    """The fields of each packet, and no complaint."""
    argv = ["tshark", "-n", "-r", str(path), *(["-Y", only] if only else []), "-T", "fields"]
    argv += [word for field in fields for word in ("-e", field)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)
    assert not [line for line in done.stderr.splitlines() if "superuser" not in line and 'user "root"' not in line]
    return [line.split("\t") for line in done.stdout.splitlines()]


def facts(text: str, name: str) -> list[str]:
    """The values of every line of capinfos with that name."""
    return re.findall(rf"^ *{re.escape(name)}(?: =|:) +(.*)$", text, re.MULTILINE)


def test_tools_read_names_comments_link_types_and_nanoseconds(tmp_path: Path) -> None:
    outcome = CaptureOutcome(
        complete=True, captured=2, received=9, kernel_dropped=4, interface_dropped=3, started_at=1.5e9, ended_at=1.6e9
    )
    forms = [("a", 1, True, "<"), ("b", 276, False, ">"), ("c", 113, True, ">")]
    sources = []
    for number, (name, link_type, nano, order) in enumerate(forms):
        path = tmp_path / f"{name}.pcap"
        seen = [(START + 1_001 * number + 10**9 * n + 7, bytes(64)) for n in range(2)]
        path.write_bytes(pcap(seen, nano=nano, order=order, link_type=link_type, snaplen=96))
        sources.append(Source(path, f"shop/{name}/app", "node-1", "ephemeral", outcome, "tcp port 80"))
    done = merged(sources, out := tmp_path / "merged.pcapng")
    said = capinfos(out)
    assert facts(said, "Strict time order") == ["True"]
    assert facts(said, "File timestamp precision") == ["nanoseconds (9)"]
    assert facts(said, "Capture comment") == [
        "Merged from 3 captures. All captures are of node-1: one clock, offset 0."
    ]
    assert facts(said, "Name") == [source.name for source in sources]
    assert facts(said, "Description") == ["node node-1, method ephemeral"] * 3
    assert all(text.startswith("node node-1, method ephemeral; ") for text in facts(said, "Comment"))
    assert [text.split()[0] for text in facts(said, "Encapsulation")] == ["Ethernet", "Linux", "Linux"]
    assert facts(said, "Capture length") == ["96"] * 3
    assert facts(said, "Filter string") == ["tcp port 80"] * 3
    assert facts(said, "Number of packets") == ["6", "2", "2", "2"]
    assert facts(said, "Number of stat entries") == ["1"] * 3
    assert facts(said, "SHA256") == [done.sha256]
    packets = tshark(out, "frame.time_epoch", "frame.interface_name")
    assert packets[:3] == [
        ["1790000000.000000007", "shop/a/app"],
        ["1790000000.000001000", "shop/b/app"],
        ["1790000000.000002009", "shop/c/app"],
    ]


@needs_pcaps
def test_public_captures_merge_with_every_packet(tmp_path: Path) -> None:
    answers = json.loads((PCAPS / "tshark.json").read_text())
    # tshark's answers on gzip files are partly made without reading them
    whole = {
        name: answer["frames"] for name, answer in answers.items() if not (answer["error"] or name.endswith(".gz"))
    }
    sources = [Source(PCAPS / name, name, "node-1", "exec") for name in whole]
    done = merged(sources, out := tmp_path / "merged.pcapng")
    said = capinfos(out)
    names, counts = facts(said, "Name"), [int(count) for count in facts(said, "Number of packets")[1:]]
    found = dict.fromkeys(whole, 0)
    for name, count in zip(names, counts, strict=True):  # some have several link types: an interface each
        found[name] += count
    assert found == whole
    assert done.packets == sum(whole.values())
    late = [note for note in done.notes if "too late" in note]
    assert facts(said, "Strict time order") == [str(not late)]
    assert done.notes == (*done.notes[:1], *late)


@contextmanager
def netns() -> Iterator[int]:
    """A network namespace of its own: the process that holds it."""
    argv = ["unshare", "-n", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"up\n"
            yield holder.pid
        finally:
            holder.kill()


def inside(pid: int, *argv: str) -> list[str]:
    return ["nsenter", "-t", str(pid), "-n", *argv]


def run(pid: int, *lines: str) -> None:
    for line in lines:
        subprocess.run(inside(pid, *line.split()), check=True, timeout=20, capture_output=True)


def join(client: int, router: int, server: int) -> None:
    """Client and server with a router between them that translates a service address."""
    for end, name, subnet in ((client, "c", "198.18.0"), (server, "s", "198.18.1")):
        pair = ["ip", "link", "add", "eth0", "netns", str(end), "type", "veth"]
        subprocess.run([*pair, "peer", "name", name, "netns", str(router)], check=True, timeout=20)
        run(router, f"ip addr add {subnet}.1/24 dev {name}", f"ip link set {name} up")
        run(end, f"ip addr add {subnet}.2/24 dev eth0", "ip link set eth0 up", f"ip route add default via {subnet}.1")
    run(
        router,
        "sysctl -qw net.ipv4.ip_forward=1",
        "nft add table ip service",
        "nft add chain ip service pre { type nat hook prerouting priority -100 ; }",
        f"nft add rule ip service pre ip daddr {SERVICE} tcp dport 80 dnat to {SERVER}:8080",
    )


@contextmanager
def capturing(pid: int, path: Path, precision: str) -> Iterator[None]:
    """tcpdump as we run it, from when it listens."""
    argv = inside(pid, "tcpdump", "-Z", "root", "-i", "eth0", "-n", "-U", "--immediate-mode")
    argv += [f"--time-stamp-precision={precision}", "-w", str(path), "tcp"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert "listening on" in next(line for line in process.stderr if "listening" in line)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


@pytest.fixture(scope="module")
def both_ends(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """200 questions and answers through a service address, captured at the client and at the server."""
    folder = tmp_path_factory.mktemp("both-ends")
    client_file, server_file = folder / "client.pcap", folder / "server.pcap"
    with ExitStack() as stack:
        client, router, server = (stack.enter_context(netns()) for _ in range(3))
        join(client, router, server)
        echo = stack.enter_context(
            subprocess.Popen(inside(server, sys.executable, "-c", _ECHO), stdout=subprocess.PIPE, text=True)
        )
        stack.callback(echo.kill)
        assert echo.stdout is not None
        assert echo.stdout.readline() == "up\n"
        with capturing(client, client_file, "micro"), capturing(server, server_file, "nano"):
            subprocess.run(inside(client, sys.executable, "-c", _ASK, SERVICE), check=True, timeout=60)
    return client_file, server_file


def shifted(path: Path, out: Path, offset: int, drift: float = 0.0) -> Path:
    """The capture as a clock that is `offset` nanoseconds ahead, and gains, would have written it."""
    data, at = bytearray(path.read_bytes()), 24
    (start,) = struct.unpack_from("<I", data, at)
    while at < len(data):
        seconds, rest, size = struct.unpack_from("<III", data, at)
        time = seconds * 10**9 + rest
        time += offset + round(drift * (time - start * 10**9))
        struct.pack_into("<II", data, at, *divmod(time, 10**9))
        at += 16 + size
    out.write_bytes(data)
    return out


@pytest.mark.parametrize(("offset", "drift"), [(1_204_000_000, 0.0), (-3_600_000_000_000, 0.0), (250_000, 1e-4)])
def test_shifted_clock_of_a_real_conversation_is_found(
    both_ends: tuple[Path, Path], tmp_path: Path, offset: int, drift: float
) -> None:
    server = shifted(both_ends[1], tmp_path / "server.pcap", offset, drift)
    sources = [
        Source(both_ends[0], "shop/client/app", "node-a", "exec"),
        Source(server, "shop/server/app", "node-b", "node"),
    ]
    found = offsets(sources)["node-b"]
    assert found.seconds is not None, found.words
    assert found.pairs > 300
    planted = offset / 1e9 + drift * 1.0  # the middle of about two seconds since the first whole one
    assert abs(found.seconds - planted) <= found.uncertainty + drift * 2
    assert found.uncertainty < 0.01
    merged(sources, out := tmp_path / "merged.pcapng")
    said = capinfos(out)
    assert facts(said, "Strict time order") == ["True"]
    assert f"times corrected: {found.words}" in facts(said, "Comment")[1]
    order = tshark(out, "frame.interface_name", "ip.dst", only="tcp.flags.syn==1")
    client, server_name = (source.name for source in sources)
    assert order == [
        [client, SERVICE],
        [server_name, SERVER],
        [server_name, CLIENT],
        [client, CLIENT],
    ]


def test_one_way_of_a_real_conversation_is_unsynchronised(both_ends: tuple[Path, Path], tmp_path: Path) -> None:
    one_way = tmp_path / "one-way.pcap"
    argv = ["tcpdump", "-r", str(both_ends[1]), "--time-stamp-precision=nano", "-w", str(one_way), f"src {CLIENT}"]
    subprocess.run(argv, check=True, timeout=20, capture_output=True)
    done = merged(
        [Source(both_ends[0], "shop/client/app", "node-a"), Source(one_way, "shop/server/app", "node-b")],
        out := tmp_path / "merged.pcapng",
    )
    assert done.notes[1].startswith("unsynchronised: packets between node-a and node-b were seen in one direction only")
    assert "times as captured: unsynchronised" in facts(capinfos(out), "Comment")[1]
