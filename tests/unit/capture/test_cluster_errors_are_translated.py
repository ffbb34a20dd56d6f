"""Errors of the Kubernetes client become ours, with words for the person; shapes as in Kubernetes 1.34."""

import json

import pytest
import urllib3
from kubernetes import client

from workers.capture.cluster import Cluster
from workers.capture.cluster.answers import translated
from workers.capture.exec_stream import ExecRefused
from workers.contract.errors import ClusterForbidden, ClusterUnavailable, TargetNotFound, ThreadcapError

FORBIDDEN = (
    'pods "checkout-1" is forbidden: User "system:serviceaccount:threadcap:threadcap-capture" cannot get resource '
    '"pods/exec" in API group "" in the namespace "shop"'
)


def _status(code: int, message: str) -> str:
    return json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": code})


def _handshake(code: int, reason: str, body: str) -> client.ApiException:
    """A refused upgrade: status 0, no body, all in `reason`, the body as bytes written out."""
    headers = "{'content-type': 'application/json'}"
    return client.ApiException(
        status=0, reason=f"Handshake status {code} {reason} -+-+- {headers} -+-+- {body.encode()!r}"
    )


def _ours(error: Exception) -> ThreadcapError:
    with pytest.raises(ThreadcapError) as caught, translated("exec in shop/checkout-1/app"):
        raise error
    assert caught.value.__cause__ is error
    assert len(str(caught.value)) < 600
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            _handshake(403, "Forbidden", _status(403, FORBIDDEN)),
            ClusterForbidden,
            "`get` on `pods/exec` in namespace shop",
        ),
        (_handshake(401, "Unauthorized", _status(401, "Unauthorized")), ClusterForbidden, "does not let Threadcap"),
        (_handshake(404, "Not Found", _status(404, 'pods "x" not found')), TargetNotFound, "gone"),
        (
            _handshake(400, "Bad Request", _status(400, "container nope is not valid for pod bb")),
            ExecRefused,
            "container nope is not valid for pod bb",
        ),
        (
            _handshake(
                400, "Bad Request", _status(400, "a container name must be specified for pod s, choose one of: [a b]")
            ),
            ExecRefused,
            "choose one of",
        ),
        (_handshake(500, "Internal Server Error", 'container not found ("x")'), ExecRefused, "not running"),
        (_handshake(503, "Service Unavailable", "it's down"), ClusterUnavailable, "cannot be reached"),
        (
            client.ApiException(status=0, reason="[Errno 111] Connection refused"),
            ClusterUnavailable,
            "cannot be reached",
        ),
        (client.ApiException(status=0, reason=None), ClusterUnavailable, "cannot be reached"),
        (client.ApiException(status=429, reason="Too Many Requests"), ClusterUnavailable, "cannot be reached"),
        (urllib3.exceptions.ProtocolError("x" * 5000), ClusterUnavailable, "cannot be reached"),
        (ConnectionResetError("reset"), ClusterUnavailable, "cannot be reached"),
    ],
)
def test_translation(error: Exception, kind: type[ThreadcapError], words: str) -> None:
    ours = _ours(error)
    assert type(ours) is kind
    assert words in ours.user_message
    assert ours.retryable is (kind is ClusterUnavailable)


def test_a_rest_refusal_reads_the_status_in_the_body() -> None:
    error = client.ApiException(status=403, reason="Forbidden")
    error.body = _status(
        403, 'pods is forbidden: User "x" cannot list resource "pods" in API group "" at the cluster scope'
    )
    assert "`list` on `pods`." in _ours(error).user_message


def test_no_cluster_at_all_is_said_in_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ClusterUnavailable) as caught:
        Cluster(str(tmp_path_factory.mktemp("none") / "kubeconfig"))
    assert "give a kubeconfig" in caught.value.user_message


def test_an_answer_the_models_refuse_is_said_in_words_without_its_values() -> None:
    with pytest.raises(ValueError, match="V1Container") as refused:
        client.V1PodSpec.from_dict({"containers": ["hunter2"]})
    ours = _ours(refused.value)
    assert "can't read" in ours.user_message
    assert "V1Container" in str(ours)
    assert "hunter2" not in str(ours)
