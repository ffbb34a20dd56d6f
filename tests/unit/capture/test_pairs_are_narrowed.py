"""`between A and B`: each end's filter is what it says to the other and hears from it, whatever an end is."""

import subprocess

import pytest

from workers.capture.shapes import node_target
from workers.capture.targets import NodeInfo, PodInfo, Target
from workers.contract.errors import TargetNotFound
from workers.resolve import MAX_HOSTS, narrowed


def _target(name: str, end: int, *ips: str, wanted: str = "") -> Target:
    return Target(PodInfo("shop", name, ips=ips), ("app",), wanted, end)


def _compiles(expression: str) -> bool:
    argv = ["tcpdump", "-d", "-y", "LINUX_SLL2", "--", expression]
    return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0


def test_each_end_gets_the_others_addresses() -> None:
    one, other = narrowed(
        [_target("a", 0, "198.18.0.1", "2001:db8::1"), _target("b", 1, "198.18.0.2")],
        [["198.18.0.1", "2001:db8::1"], ["198.18.0.2", "198.18.255.9"]],
    )
    assert one.filter == "host 198.18.0.2 or host 198.18.255.9"
    assert other.filter == "host 198.18.0.1 or host 2001:db8::1"
    assert _compiles(other.filter)


def test_a_filter_of_the_persons_own_stands_beside_it() -> None:
    """An `or` in it may not open the pair to everybody."""
    one, _ = narrowed(
        [_target("a", 0, wanted="port 80 or port 443"), _target("b", 1, wanted="port 80 or port 443")],
        [["198.18.0.1"], ["2001:db8::2"]],
    )
    assert one.filter == "(host 2001:db8::2) and (port 80 or port 443)"
    assert _compiles(one.filter)


def test_a_whole_node_is_an_end_by_its_addresses() -> None:
    node = Target(node_target(NodeInfo("n1", ips=("192.0.2.1", "2001:db8::a"))), end=1)
    pod, whole = narrowed([_target("a", 0, "198.18.0.1"), node], [["198.18.0.1"], list(node.pod.ips)])
    assert pod.filter == "host 192.0.2.1 or host 2001:db8::a"
    assert whole.filter == "host 198.18.0.1"


def test_as_many_addresses_as_a_filter_takes() -> None:
    many = [f"198.18.{n // 250}.{n % 250}" for n in range(300)]
    one, _ = narrowed([_target("a", 0), _target("b", 1)], [["198.18.9.9"], many])
    assert one.filter.count("host") == MAX_HOSTS
    assert _compiles(one.filter)


def test_both_ends_the_same_is_told() -> None:
    with pytest.raises(TargetNotFound, match="Both ends are the same pods"):
        narrowed([_target("a", 0)], [["198.18.0.1"], ["198.18.0.1"]])
