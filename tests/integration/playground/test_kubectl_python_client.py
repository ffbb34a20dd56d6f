"""The official Python client: typed calls, watch, dynamic client, stream, and its errors."""

import asyncio
import gc
import json
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client import ApiException
from kubernetes.dynamic.exceptions import ConflictError
from kubernetes.stream import stream

from tests.integration.playground.cluster_support import fake_cluster
from tests.support.playground import SharedPlayground

SECONDS = 30


@contextmanager
def connected(kubeconfig: Path) -> Iterator["client.ApiClient"]:
    """A client whose connections are closed at the end."""
    api = config.new_client_from_config(str(kubeconfig))
    try:
        yield api
    finally:
        api.rest_client.pool_manager.clear()
        api.close()
        # The client leaves some sockets (ended watches, refused handshakes) to the collector: it runs here, not
        # in the middle of another test, where their warning would be that test's failure.
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            gc.collect()


@pytest.fixture
def api(playground: SharedPlayground) -> Iterator["client.ApiClient"]:
    with connected(playground.admin_kubeconfig) as found:
        yield found


@pytest.fixture
def pod(api: "client.ApiClient", fresh_namespace: str) -> str:
    """A running pod `one` in the fresh namespace, awaited by a watch; returns the namespace."""
    core = client.CoreV1Api(api)
    container = {"name": "app", "image": "busybox:1", "command": ["sleep", "3600"]}
    body = {"metadata": {"name": "one"}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    core.create_namespaced_pod(fresh_namespace, body)
    watcher = watch.Watch()
    with closing(watcher.stream(core.list_namespaced_pod, fresh_namespace, timeout_seconds=SECONDS)) as events:
        assert any(event["object"].status.phase == "Running" for event in events), "the pod did not run"
    return fresh_namespace


def test_typed_and_dynamic_calls(api: "client.ApiClient", pod: str) -> None:
    core = client.CoreV1Api(api)
    found = core.read_namespaced_pod("one", pod)
    assert found.status.pod_ip.startswith("198.18.")
    core.patch_namespaced_pod("one", pod, {"metadata": {"labels": {"a": "b"}}})
    assert [p.metadata.name for p in core.list_namespaced_pod(pod, label_selector="a=b").items] == ["one"]
    assert len(client.AppsV1Api(api).list_deployment_for_all_namespaces().items) > 0
    assert len(client.DiscoveryV1Api(api).list_endpoint_slice_for_all_namespaces().items) > 0
    assert core.list_node().items[0].status.node_info.kubelet_version == "v1.34.9"
    pods = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="Pod")
    assert pods.get(name="one", namespace=pod).spec.containers[0].image == "busybox:1"


def test_errors_are_status_objects(api: "client.ApiClient", pod: str) -> None:
    with pytest.raises(ApiException) as refused:
        client.CoreV1Api(api).read_namespaced_pod("none", pod)
    assert refused.value.status == 404
    assert json.loads(refused.value.body)["message"] == 'pods "none" not found'


def test_access_review(playground: SharedPlayground) -> None:
    attributes = {"verb": "get", "resource": "pods", "subresource": "exec", "namespace": "shop"}
    with connected(playground.capture_kubeconfig) as api:
        review = client.AuthorizationV1Api(api).create_self_subject_access_review(
            {"spec": {"resourceAttributes": attributes}}
        )
    assert review.status.allowed is True


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", "v5.channel.k8s.io"])
def test_exec_streams_every_byte(api: "client.ApiClient", pod: str, protocol: str) -> None:
    api.set_default_header("sec-websocket-protocol", protocol)
    call = client.CoreV1Api(api).connect_get_namespaced_pod_exec
    size = 10_000_000
    command = ["sh", "-c", f"head -c {size} /dev/zero; exit 7"]
    response = stream(call, "one", pod, command=command, stdout=True, stderr=True, binary=True, _preload_content=False)
    received, last = 0, b""
    while True:
        opcode, frame = response.sock.recv_data_frame(True)
        if opcode != 2:
            break
        received += len(frame.data) - 1 if frame.data[0] == 1 else 0
        last = frame.data if frame.data[0] == 3 else last
    response.sock.close()
    assert received == size
    assert json.loads(last[1:])["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]


def test_refused_exec_carries_the_status(api: "client.ApiClient", pod: str) -> None:
    call = client.CoreV1Api(api).connect_get_namespaced_pod_exec
    with pytest.raises(ApiException) as refused:
        stream(call, "none", pod, command=["true"], stdout=True)
    assert 'pods \\"none\\" not found' in str(refused.value.reason)


def test_exec_in_two_lines(api: "client.ApiClient", pod: str) -> None:
    call = client.CoreV1Api(api).connect_get_namespaced_pod_exec
    assert stream(call, "one", pod, command=["echo", "hello"], stdout=True, stderr=True) == "hello\n"
    talk = stream(call, "one", pod, command=["cat"], stdin=True, stdout=True, _preload_content=False)
    talk.write_stdin("line\n")
    assert talk.readline_stdout(timeout=SECONDS) == "line"
    talk.close()
    ended = stream(call, "one", pod, command=["sh", "-c", "exit 4"], stdout=True, _preload_content=False)
    ended.run_forever(timeout=SECONDS)
    assert ended.returncode == 4


def test_attach_brings_what_a_container_says(api: "client.ApiClient", pod: str) -> None:
    core = client.CoreV1Api(api)
    loop = "while :; do echo tick; sleep 0.1; done"
    container = {"name": "app", "image": "busybox:1", "command": ["sh", "-c", loop]}
    body = {"metadata": {"name": "ticker"}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    core.create_namespaced_pod(pod, body)
    watcher = watch.Watch()
    watched = watcher.stream(
        core.list_namespaced_pod, pod, field_selector="metadata.name=ticker", timeout_seconds=SECONDS
    )
    with closing(watched) as events:
        assert any(event["object"].status.phase == "Running" for event in events), "the pod did not run"
    output = stream(core.connect_get_namespaced_pod_attach, "ticker", pod, stdout=True, _preload_content=False)
    assert output.readline_stdout(timeout=SECONDS) == "tick"
    output.close()


def test_a_watch_goes_on_where_it_ended(api: "client.ApiClient", fresh_namespace: str) -> None:
    core = client.CoreV1Api(api)
    since = core.list_namespaced_config_map(fresh_namespace).metadata.resource_version
    watcher, seen = watch.Watch(), []
    for name in "ab":
        core.create_namespaced_config_map(fresh_namespace, {"metadata": {"name": name}})
        words = {"resource_version": since, "field_selector": f"metadata.name={name}", "timeout_seconds": SECONDS}
        for event in watcher.stream(core.list_namespaced_config_map, fresh_namespace, **words):
            seen.append((event["type"], event["object"].metadata.name))
            watcher.stop()
        since = watcher.resource_version
    assert seen == [("ADDED", "a"), ("ADDED", "b")]
    words = {"resource_version": since, "allow_watch_bookmarks": True, "timeout_seconds": 3}
    kinds = [event["type"] for event in watcher.stream(core.list_namespaced_config_map, fresh_namespace, **words)]
    assert kinds[-1:] == ["BOOKMARK"]
    assert int(watcher.resource_version) >= int(since)


async def test_a_watch_of_long_ago_is_410(tmp_path: Path) -> None:
    """With a timeout the client does not list anew by itself: it raises."""

    def watched(kubeconfig: Path) -> list[object]:
        with connected(kubeconfig) as api:
            core = client.CoreV1Api(api)
            for number in range(12):
                core.create_namespaced_config_map("default", {"metadata": {"name": f"c{number}"}})
            call = core.list_namespaced_config_map
            return list(watch.Watch().stream(call, "default", resource_version="1", timeout_seconds=SECONDS))

    with TemporaryDirectory(prefix="threadcap-") as directory:
        async with fake_cluster(Path(directory), history=3) as (server, _):
            server.cluster.kubeconfig().write(tmp_path / "kubeconfig")
            with pytest.raises(ApiException) as expired:
                await asyncio.to_thread(watched, tmp_path / "kubeconfig")
    assert expired.value.status == 410
    assert str(expired.value.reason).startswith("Expired: too old resource version: 1 (")


def test_dynamic_client_defines_and_uses_a_kind(api: "client.ApiClient", fresh_namespace: str) -> None:
    group = f"{fresh_namespace}.example.com"
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": free}}
    names = {"plural": "gadgets", "kind": "Gadget"}
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": names,
        "versions": [version | {"subresources": {"status": {}}}],
    }
    dynamo = dynamic.DynamicClient(api)
    crds = dynamo.resources.get(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition")
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
    crds.create(body=body | {"metadata": {"name": f"gadgets.{group}"}})
    try:
        dynamo.resources.invalidate_cache()
        gadgets = dynamo.resources.get(api_version=f"{group}/v1", kind="Gadget")
        one = {"apiVersion": f"{group}/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"size": 1}}
        made = gadgets.create(body=one, namespace=fresh_namespace)
        patch = {"spec": {"size": 2}}
        merge = "application/merge-patch+json"
        changed = gadgets.patch(name="g", namespace=fresh_namespace, body=patch, content_type=merge)
        assert (made.metadata.generation, changed.metadata.generation, changed.spec.size) == (1, 2, 2)
        told = gadgets.status.patch(
            name="g", namespace=fresh_namespace, body={"status": {"ok": True}}, content_type=merge
        )
        assert (told.status.ok, told.spec.size) == (True, 2)
        with pytest.raises(ConflictError):
            gadgets.replace(body=made.to_dict(), namespace=fresh_namespace)
        gadgets.delete(name="g", namespace=fresh_namespace)
        assert gadgets.get(namespace=fresh_namespace).items == []
    finally:
        crds.delete(name=f"gadgets.{group}")
