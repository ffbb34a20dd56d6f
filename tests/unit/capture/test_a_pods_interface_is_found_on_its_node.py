"""The node's side of a pod's interface by the script of our pod: by index, by route, by the bridge's own table."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from workers.capture.locate import LOCATE
from workers.capture.methods.agent import as_in_proc

HEADER = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
POD = "127.0.0.9"
"""It answers a ping at once."""
MAC = "02:42:0a:00:00:09"
BRIDGED = [("eth0", "0.0.0.0", "198.18.0.1", "0.0.0.0"), ("cbr0", "127.0.0.0", "0.0.0.0", "255.255.255.0")]
ROUTED = [*BRIDGED, ("cali1", POD, "0.0.0.0", "255.255.255.255")]
FAR = [("eth0", "0.0.0.0", "0.0.0.0", "0.0.0.0"), ("eth0", "127.0.0.0", "198.18.0.7", "255.255.255.0")]


def _node(folder: Path, routes: list[tuple[str, str, str, str]], learned: str = MAC) -> None:
    """/proc and /sys of a node whose bridge cbr0 has veth1 on port 1 and veth300 on port 300."""
    net = folder / "sys"
    for number, (name, port) in enumerate({"veth1": 1, "veth300": 300}.items(), 7):
        (net / "cbr0/brif" / name).mkdir(parents=True)
        (net / "cbr0/brif" / name / "port_no").write_text(f"{port:#x}\n")
        (net / name).mkdir()
        (net / name / "ifindex").write_text(f"{number}\n")
    (net / "cbr0/bridge").mkdir()
    own = _entry("02:42:0a:00:00:01", 1, local=True) + _entry(learned, 1, local=True)
    (net / "cbr0/brforward").write_bytes(own + _entry("02:42:0a:00:00:08", 1) + _entry(learned, 300))
    (folder / "proc/net").mkdir(parents=True)
    lines = (
        "\t".join([name, as_in_proc(to), as_in_proc(by), "0001", "0", "0", "0", as_in_proc(mask), "0", "0", "0"])
        for name, to, by, mask in routes
    )
    (folder / "proc/net/route").write_text(HEADER + "".join(f"{line}\n" for line in lines))
    arp = f"IP address  HW type  Flags  HW address  Mask  Device\n{POD}  0x1  0x2  {MAC}  *  cbr0\n"
    (folder / "proc/net/arp").write_text(arp)


def _entry(mac: str, port: int, *, local: bool = False) -> bytes:
    """struct __fdb_entry (linux/if_bridge.h)."""
    return bytes.fromhex(mac.replace(":", "")) + struct.pack("=BBIBBH", port & 255, local, 4711, port >> 8, 0, 0)


def _found(folder: Path, where: str, shell: str) -> str:
    script = LOCATE.replace("/proc/", f"{folder}/proc/").replace("/sys/class/net/", f"{folder}/sys/")
    argv = ["busybox", "sh"] if shell == "busybox" else [shell]
    text = f'stop_here() {{ echo "$1"; exit 3; }}\nwhere=$1\nshift\n{script}\necho "$*"'
    done = subprocess.run(
        [*argv, "-c", text, "x", where, "tcpdump", "-n"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode in (0, 3), done.stderr
    return done.stdout.strip()


@pytest.fixture(params=["dash", "busybox"])
def shell(request: pytest.FixtureRequest) -> str:
    assert shutil.which("busybox")
    return str(request.param)


def _where(address: str = POD) -> str:
    return f"route:{as_in_proc(address)}:{address}"


def test_by_the_index_that_the_pod_names(tmp_path: Path, shell: str) -> None:
    _node(tmp_path, BRIDGED)
    assert _found(tmp_path, "link:8", shell) == "tcpdump -i veth300 -n"
    assert _found(tmp_path, "link:9", shell) == "the node has no interface with index 9"


def test_by_a_route_of_its_own(tmp_path: Path, shell: str) -> None:
    _node(tmp_path, ROUTED)
    assert _found(tmp_path, _where(), shell) == "tcpdump -i cali1 -n"


def test_by_the_port_on_which_the_bridge_learned_its_address(tmp_path: Path, shell: str) -> None:
    _node(tmp_path, BRIDGED)
    assert _found(tmp_path, _where(), shell) == "tcpdump -i veth300 -n"


def test_an_address_the_bridge_has_not_learned_is_told(tmp_path: Path, shell: str) -> None:
    _node(tmp_path, BRIDGED, learned="02:42:0a:00:00:0b")
    assert "which interface of bridge cbr0" in _found(tmp_path, _where(), shell)


def test_a_pod_behind_a_gateway_is_not_on_an_interface_here(tmp_path: Path, shell: str) -> None:
    _node(tmp_path, FAR)
    assert "no route to the pod's address by an interface of its own" in _found(tmp_path, _where(), shell)
