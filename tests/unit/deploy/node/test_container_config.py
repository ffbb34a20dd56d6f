"""A Pod's container to runc's config: command, environment, users, capabilities, namespaces, limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.playground.cluster.node import oci, security, volumes
from deploy.playground.cluster.node.security import ALL, DEFAULT, ConfigError, User

POD: dict[str, Any] = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "labels": {"app": "web"}},
    "spec": {"nodeName": "node-1"},
}
IMAGE = {"Entrypoint": ["/entry"], "Cmd": ["default"], "Env": ["A=image"], "WorkingDir": "/srv"}


def place(**more: Any) -> oci.Place:
    values: dict[str, Any] = {
        "container_id": "c",
        "cgroup": "threadcap/x/c",
        "rootfs": Path("/r"),
        "hostname": "web-1",
        "user": User(0, 0),
        "capabilities": ["CAP_KILL"],
        "netns": "/run/netns/n",
        "pidns": None,
        "host_pid": False,
        "mounts": [],
        "pod_ips": ("198.18.1.2", "2001:db8:1::2"),
        "host_ip": "198.18.1.1",
    }
    return oci.Place(**(values | more))


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({}, ["/entry", "default"]),
        ({"args": ["x"]}, ["/entry", "x"]),
        ({"command": ["y"]}, ["y"]),
        ({"command": ["y"], "args": ["$(A)", "$$(A)", "$(NOPE)"]}, ["y", "image", "$(A)", "$(NOPE)"]),
    ],
)
def test_command_and_args_against_entrypoint_and_cmd(container: dict[str, Any], words: list[str]) -> None:
    assert oci.process(POD, container, IMAGE, place())["args"] == words


def test_no_command_at_all_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="no command specified"):
        oci.process(POD, {}, {}, place())


def test_environment_order_and_fields() -> None:
    fields = {"L": "metadata.labels['app']", "NODE": "spec.nodeName", "IPS": "status.podIPs"}
    env = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    env += [{"name": "A", "value": "own"}, {"name": "B", "value": "$(A)-$(C)"}]
    found = oci.process(POD, {"env": env}, IMAGE, place())["env"]
    assert {"L=web", "NODE=node-1", "IPS=198.18.1.2,2001:db8:1::2", "A=own", "B=own-$(C)"} <= set(found)


def test_namespaces_of_host_pid_shared_pid_and_host_network() -> None:
    def pid(found: oci.Place) -> list[dict[str, Any]]:
        spaces = oci.config(POD, {}, IMAGE, found)["linux"]["namespaces"]
        return [space for space in spaces if space["type"] in ("pid", "network")]

    assert pid(place()) == [{"type": "network", "path": "/run/netns/n"}, {"type": "pid"}]
    assert pid(place(host_pid=True, netns=None)) == []
    assert pid(place(netns=None, pidns="/proc/7/ns/pid")) == [{"type": "pid", "path": "/proc/7/ns/pid"}]


def test_privileged_hides_nothing_and_allows_all_devices() -> None:
    linux = oci.config(POD, {"securityContext": {"privileged": True}}, IMAGE, place())["linux"]
    assert "maskedPaths" not in linux
    assert linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]


def test_limits_become_cgroup_limits() -> None:
    limits = {"resources": {"limits": {"memory": "64Mi", "cpu": "250m"}}}
    found = oci.config(POD, limits, IMAGE, place())["linux"]["resources"]
    assert found["memory"]["limit"] == 64 * 2**20
    assert found["cpu"] == {"shares": 256, "period": 100_000, "quota": 25_000}


@pytest.mark.parametrize(
    ("wish", "chosen"),
    [
        ({}, set(DEFAULT)),
        ({"drop": ["ALL"]}, set()),
        ({"drop": ["ALL"], "add": ["NET_RAW", "cap_net_admin"]}, {"NET_RAW", "NET_ADMIN"}),
        ({"drop": ["CAP_NET_RAW"]}, set(DEFAULT) - {"NET_RAW"}),
        ({"add": ["ALL"]}, set(ALL)),
    ],
)
def test_capabilities(wish: dict[str, Any], chosen: set[str]) -> None:
    found = security.capabilities({"capabilities": wish}, frozenset(ALL))
    assert {name.removeprefix("CAP_") for name in found} == chosen


def test_capabilities_never_exceed_what_the_node_has() -> None:
    assert security.capabilities({"privileged": True}, frozenset({"KILL"})) == ["CAP_KILL"]
    with pytest.raises(ConfigError, match="unknown capabilities: NET_RAWW"):
        security.capabilities({"capabilities": {"add": ["NET_RAWW"]}}, frozenset(ALL))


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/:/\napp:x:1000:1001::/:/\n")
    (tmp_path / "etc" / "group").write_text("extra:x:2000:app,other\nstaff:x:50:\n")
    return tmp_path


@pytest.mark.parametrize(
    ("image", "pod", "container", "user"),
    [
        ("", {}, {}, User(0, 0, (0,))),
        ("app", {}, {}, User(1000, 1001, (1001, 2000))),
        ("1000:staff", {}, {}, User(1000, 50, (50, 2000))),
        ("65532", {}, {}, User(65532, 0, (0,))),
        ("app", {"runAsUser": 7, "fsGroup": 9}, {}, User(7, 0, (0, 9))),
        ("app", {"runAsUser": 7, "runAsGroup": 3}, {"runAsUser": 0}, User(0, 3, (3,))),
    ],
)
def test_users(rootfs: Path, image: str, pod: dict[str, Any], container: dict[str, Any], user: User) -> None:
    assert security.resolve_user(rootfs, image, pod, container) == user


@pytest.mark.parametrize(
    ("image", "pod", "words"),
    [
        ("", {"runAsNonRoot": True}, "image will run as root"),
        ("app", {"runAsNonRoot": True}, "non-numeric user"),
        ("nobody", {}, "unable to find user nobody"),
    ],
)
def test_users_that_cannot_be(rootfs: Path, image: str, pod: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        security.resolve_user(rootfs, image, pod, {})


@pytest.mark.parametrize(("text", "number"), [("64Mi", 2**26), ("1k", 1000), ("250m", 0.25), (2, 2), ("1.5", 1.5)])
def test_quantities(text: str | int, number: float) -> None:
    assert volumes.quantity(text) == number
    with pytest.raises(ConfigError):
        volumes.quantity("much")


@pytest.mark.parametrize("path", ["../x", "/etc", "a/../../b", "out"])
def test_sub_path_stays_in_its_volume(tmp_path: Path, path: str) -> None:
    volume = tmp_path / "v"
    volume.mkdir()
    (volume / "out").symlink_to(tmp_path)
    wish = {"volumeMounts": [{"name": "v", "mountPath": "/m", "subPath": path}]}
    with pytest.raises(ConfigError):
        volumes.bind_mounts(wish, {"v": volume})


def test_config_map_inline_and_absent(tmp_path: Path) -> None:
    made = volumes.set_up({"name": "c", "configMap": {"name": "cm", "data": {"k": "v"}}}, tmp_path, None)
    assert (made / "k").read_text() == "v"
    with pytest.raises(ConfigError, match='configmap "cm" not found'):
        volumes.set_up({"name": "d", "configMap": {"name": "cm"}}, tmp_path, None)
    with pytest.raises(ConfigError, match="emptyDir, configMap and secret only"):
        volumes.set_up({"name": "h", "hostPath": {"path": "/"}}, tmp_path, None)
