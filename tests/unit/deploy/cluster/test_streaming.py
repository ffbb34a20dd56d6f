"""Which container and which protocol an exec means."""

import pytest

from deploy.playground.cluster.errors import Refusal
from deploy.playground.cluster.streaming import choose_container, choose_protocol

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
POD = {
    "metadata": {"name": "p"},
    "spec": {
        "containers": [{"name": "app"}, {"name": "tcpdump"}],
        "initContainers": [{"name": "setup"}],
        "ephemeralContainers": [{"name": "dbg"}],
    },
}


@pytest.mark.parametrize("name", ["app", "tcpdump", "setup", "dbg"])
def test_a_named_container(name: str) -> None:
    assert choose_container(POD, name) == name


def test_refusals_name_the_choices() -> None:
    with pytest.raises(Refusal, match="container nope is not valid for pod p"):
        choose_container(POD, "nope")
    with pytest.raises(Refusal) as refused:
        choose_container(POD, "")
    assert refused.value.message.startswith(
        "a container name must be specified for pod p, choose one of: [app tcpdump]"
    )
    assert choose_container({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "only"}]}}, "") == "only"


@pytest.mark.parametrize(("offered", "chosen"), [([V4], V4), ([V4, V5], V5), (["x", V5], V5), ([], V4)])
def test_protocols(offered: list[str], chosen: str) -> None:
    assert choose_protocol(offered) == chosen


def test_unknown_protocols_are_403() -> None:
    with pytest.raises(Refusal) as refused:
        choose_protocol(["channel.example"])
    assert refused.value.code == 403
