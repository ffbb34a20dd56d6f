"""Protobuf bodies as client-go writes them, built here by hand."""

import pytest

from deploy.playground.cluster.errors import Refusal
from deploy.playground.cluster.protobuf import decode


def field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def body(version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, version) + field(2, kind)) + field(2, raw) + field(3, "") + field(4, "")


def test_a_review() -> None:
    attributes = field(1, "shop") + field(2, "get") + field(3, "") + field(5, "pods") + field(6, "exec")
    raw = field(1, field(1, "")) + field(2, field(1, attributes)) + field(3, field(1, 0))
    assert decode(body("authorization.k8s.io/v1", "SelfSubjectAccessReview", raw)) == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"namespace": "shop", "verb": "get", "resource": "pods", "subresource": "exec"}},
    }


def test_maps_lists_bytes_and_zeros() -> None:
    labels = field(11, field(1, "a") + field(2, "b")) + field(11, field(1, "c") + field(2, ""))
    secret = field(1, field(1, "s") + labels) + field(2, field(1, "key") + field(2, b"\x00\xff"))
    found = decode(body("v1", "Secret", secret))
    assert found["metadata"] == {"name": "s", "labels": {"a": "b", "c": ""}}
    assert found["data"] == {"key": "AP8="}
    container = field(1, "app") + field(2, "i") + field(3, "sleep") + field(3, "1") + field(16, 0) + field(8, b"")
    template = field(2, field(2, container))
    deployment = decode(body("apps/v1", "Deployment", field(2, field(1, 0) + field(3, template))))
    assert deployment["spec"]["replicas"] == 0
    assert deployment["spec"]["template"]["spec"]["containers"] == [
        {"name": "app", "image": "i", "command": ["sleep", "1"]}
    ]


def test_a_port_by_number_or_name() -> None:
    def port(target: bytes) -> object:
        raw = field(2, field(1, field(3, 80) + field(4, target)))
        return decode(body("v1", "Service", raw))["spec"]["ports"][0]["targetPort"]

    assert port(field(1, 0) + field(2, 8080) + field(3, "")) == 8080
    assert port(field(1, 1) + field(2, 0) + field(3, "http")) == "http"


def test_nothing_is_dropped_in_silence() -> None:
    with pytest.raises(Refusal) as refused:
        decode(body("v1", "Pod", field(2, field(18, field(1, "x")))))
    assert refused.value.code == 415
    assert "field 18 of PodSpec" in refused.value.message
    with pytest.raises(Refusal) as refused:
        decode(body("v1", "Gadget", b""))
    assert refused.value.code == 415


@pytest.mark.parametrize("content", [b"", b"{}", b"k8s\0", b"k8s\0\x0a\xff", b"k8s\0\xff\xff\xff", b"k8s\0\x0d1234"])
def test_broken_bodies_are_400(content: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        decode(content)
    assert refused.value.code == 400
