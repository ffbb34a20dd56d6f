"""The official Python client: typed calls, watch, dynamic client, stream, and its errors."""

import gc
import json
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client import ApiException
from kubernetes.stream import stream

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
