"""The scene as pods, services and captures see it."""

import json
from typing import Any

import pytest

from tests.support.playground import SharedPlayground, Stage

FAULT_SIGNS = {"drop": "timed out", "refuse": "Connection refused", "reset": "reset by peer"}


def test_every_pod_of_the_scene_is_ready(playground: SharedPlayground) -> None:
    pods = json.loads(playground.kubectl("get", "pods", "-n", "shop", "-o", "json").stdout)["items"]
    by_app: dict[str, int] = {}
    for pod in pods:
        assert pod["status"]["phase"] == "Running"
        app = pod["metadata"]["labels"]["app"]
        by_app[app] = by_app.get(app, 0) + 1
    single = ("checkout", "dns", "cart", "vault", "stock", "stockdb", "quiet")
    assert by_app == {"web": 2, "payments": 2, **dict.fromkeys(single, 1)}


def test_checkout_sees_http_tls_and_dns(playground: SharedPlayground) -> None:
    dump = ["timeout", "-s", "INT", "4", "tcpdump", "-i", "eth0", "-nn", "-U", "-A", "--immediate-mode", "-Z", "root"]
    seen = playground.kubectl("exec", "-n", "shop", "deploy/checkout", "--", *dump).stdout
    for sign in ("GET /items HTTP/1.1", "POST /charge HTTP/1.1", "A? payments.shop.svc.cluster.local.", ".8443: "):
        assert sign in seen, sign


def test_web_speaks_tls_1_3_and_payments_1_2(playground: SharedPlayground) -> None:
    script = (
        "import socket, ssl, sys\n"
        "trusted = ssl.create_default_context(cafile='/etc/scene/tls/ca.crt')\n"
        "for host in ('web', 'payments', 'vault'):\n"
        "    with socket.create_connection((host, 8443), 5) as raw:\n"
        "        with trusted.wrap_socket(raw, server_hostname=host) as tls: print(host, tls.version())\n"
    )
    said = playground.kubectl("exec", "-n", "shop", "deploy/checkout", "--", "/usr/bin/python3.11", "-Ic", script)
    assert said.stdout.split("\n")[:3] == ["web TLSv1.3", "payments TLSv1.2", "vault TLSv1.3"], said


def test_sidecar_has_tcpdump_and_the_app_beside_it_has_not(playground: SharedPlayground) -> None:
    look = ["exec", "-n", "shop", "deploy/cart", "-c"]
    assert playground.kubectl(*look, "tcpdump", "--", "tcpdump", "-c", "1", "-i", "eth0", "-Z", "root").returncode == 0
    missing = playground.kubectl(*look, "cart", "--", "tcpdump", "--version")
    assert missing.returncode != 0
    assert "executable file not found" in missing.stderr


def test_vault_has_no_shell_no_rights_and_a_read_only_root(playground: SharedPlayground) -> None:
    inside = ["exec", "-n", "shop", "deploy/vault", "--"]
    assert "executable file not found" in playground.kubectl(*inside, "sh", "-c", "id").stderr
    script = (
        "import os\n"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "print(os.getuid(), status['CapEff'].strip(), status['CapBnd'].strip(), status['NoNewPrivs'].strip())\n"
        "open('/x', 'w')\n"
    )
    said = playground.kubectl(*inside, "/usr/bin/python3.11", "-Ic", script)
    assert said.stdout.split() == ["65532", "0" * 16, "0" * 16, "1"]
    assert "Read-only file system" in said.stderr


def test_quiet_pod_sends_and_receives_no_ip_at_all(playground: SharedPlayground) -> None:
    address = playground.kubectl("get", "pods", "-n", "shop", "-l", "app=quiet", "-o", "jsonpath={..podIP}").stdout
    own = f"ip host {address}"  # a bridge floods what is meant for pods that just went
    dump = ["timeout", "-s", "INT", "3", "tcpdump", "-nn", "-i", "eth0", "-Z", "root", own]
    said = playground.kubectl("exec", "-n", "shop", "deploy/quiet", "--", *dump)
    assert "0 packets captured" in said.stderr, (said.stdout, said.stderr)


def test_capture_account_looks_and_execs_and_can_do_no_more(playground: SharedPlayground) -> None:
    def can(verb: str, resource: str, *words: str) -> str:
        return playground.kubectl("auth", "can-i", verb, resource, *words, as_capture=True).stdout.strip()

    assert can("list", "pods", "-n", "shop") == "yes"
    assert can("create", "pods", "--subresource=exec", "-n", "shop") == "yes"
    for verb, resource in (("delete", "pods"), ("create", "pods"), ("get", "secrets"), ("delete", "nodes")):
        assert can(verb, resource, "-n", "shop") == "no", (verb, resource)
    said = playground.kubectl("exec", "-n", "shop", "deploy/checkout", "--", "echo", "hello", as_capture=True)
    assert said.stdout == "hello\n"


@pytest.mark.parametrize("kind", ["drop", "refuse", "reset"])
async def test_fault_shows_on_one_pod_and_heals(playground: SharedPlayground, stage: Stage, kind: str) -> None:
    namespace = await stage("payments", "checkout")
    faulty = await playground.inject("payments", kind, namespace=namespace)
    addresses = _addresses(playground, namespace)
    assert FAULT_SIGNS[kind] in _ask(playground, namespace, addresses[faulty]).stderr
    (healthy,) = (address for name, address in addresses.items() if name != faulty)
    assert _ask(playground, namespace, healthy, seconds=20).returncode == 0
    await playground.heal(f"pod/{faulty}", namespace=namespace)
    assert _ask(playground, namespace, addresses[faulty], seconds=20).returncode == 0


async def test_delayed_pod_answers_late(playground: SharedPlayground, stage: Stage) -> None:
    namespace = await stage("payments", "checkout")
    faulty = await playground.inject("payments", "delay", namespace=namespace, delay_ms=700)
    address = _addresses(playground, namespace)[faulty]
    script = (
        "import time, urllib.request\n"
        "before = time.monotonic()\n"
        f"urllib.request.urlopen('http://{address}:8080/charge', b'x', timeout=20).read()\n"
        "print(time.monotonic() - before)\n"
    )
    command = ["exec", "-n", namespace, "deploy/checkout", "--", "/usr/bin/python3.11", "-Ic", script]
    late = playground.kubectl(*command)
    assert late.returncode == 0, late.stderr
    assert float(late.stdout) > 0.7
    await playground.heal(f"pod/{faulty}", namespace=namespace)
    took = 1.0
    while took > 0.7:  # the machine may be slow, too, but not each time by this much
        quick = playground.kubectl(*command)
        assert quick.returncode == 0, quick.stderr
        took = float(quick.stdout)


async def test_black_hole_swallows_large_packets_alone(playground: SharedPlayground, stage: Stage) -> None:
    namespace = await stage("payments", "checkout")
    faulty = await playground.inject("payments", "blackhole", namespace=namespace)
    address = _addresses(playground, namespace)[faulty]
    script = (
        "import urllib.request\n"
        "for size in (10, 5000):\n"
        f"    urllib.request.urlopen('http://{address}:8080/charge', bytes(size), timeout=2).read()\n"
        "    print(size)\n"
    )
    command = ["exec", "-n", namespace, "deploy/checkout", "--", "/usr/bin/python3.11", "-Ic", script]
    said = playground.kubectl(*command)
    assert said.stdout.split() == ["10"]
    assert "timed out" in said.stderr


async def test_unknown_pod_and_unknown_fault_are_refused(playground: SharedPlayground) -> None:
    from deploy.playground.scene.client import ApiError

    with pytest.raises(ApiError) as unknown:
        await playground.inject("pod/nobody", "drop", namespace="shop")
    assert unknown.value.code == 404
    with pytest.raises(ApiError) as odd:
        await playground.inject("quiet", "explode", namespace="shop")
    assert odd.value.code in (400, 422)


async def test_only_administrators_inject_faults(playground: SharedPlayground) -> None:
    from deploy.playground.scene.client import ApiError, Client
    from deploy.playground.scene.faults import inject

    async with Client(playground.capture_kubeconfig) as client:
        with pytest.raises(ApiError) as refused:
            await inject(client, "pod/nobody", "drop")
    assert refused.value.code == 403


def _addresses(playground: SharedPlayground, namespace: str) -> dict[str, str]:
    listed = playground.kubectl("get", "pods", "-n", namespace, "-l", "app=payments", "-o", "json")
    pods: list[dict[str, Any]] = json.loads(listed.stdout)["items"]
    return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods}


def _ask(playground: SharedPlayground, namespace: str, address: str, *, seconds: int = 2) -> Any:
    # Not wget: Debian's static busybox 1.35 crashes on `wget -T`.
    where = f"http://{address}:8080/healthz"
    script = f"import urllib.request\nurllib.request.urlopen('{where}', timeout={seconds}).read()\n"
    return playground.kubectl("exec", "-n", namespace, "deploy/checkout", "--", "/usr/bin/python3.11", "-Ic", script)
