"""What is in an object: fields nobody knows, secrets, immutable words, leases, both kinds of events."""

from typing import Any

import pytest

from tests.integration.playground.cluster_support import CORE, Api, pod

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
NEW_EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
HOME = f"{CORE}/namespaces/default"


def odd_pod() -> Any:
    body = pod("x")
    body["spec"]["containers"][0]["comand"] = ["ls"]
    return body | {"lables": {}}


async def test_unknown_fields_are_refused_when_asked_to_be_strict(api: Api) -> None:
    code, status = await api.post(f"{HOME}/pods?fieldValidation=Strict", odd_pod())
    assert (code, status["reason"]) == (400, "BadRequest")
    assert status["message"] == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
        'unknown field "spec.containers[0].comand", unknown field "lables"'
    )


async def test_unknown_fields_are_dropped_with_a_warning(api: Api) -> None:
    async with api.session.post(f"{HOME}/pods", json=odd_pod(), headers=api.headers) as response:
        assert response.status == 201
        assert response.headers.getall("Warning") == [
            '299 - "unknown field \\"spec.containers[0].comand\\""',
            '299 - "unknown field \\"lables\\""',
        ]
        made = await response.json()
    assert "comand" not in made["spec"]["containers"][0]
    assert "lables" not in made
    async with api.session.post(f"{HOME}/pods?fieldValidation=Ignore", json=odd_pod(), headers=api.headers) as response:
        assert "Warning" not in response.headers


async def test_a_patch_with_unknown_fields_is_422(api: Api) -> None:
    await api.post(f"{HOME}/configmaps", {"metadata": {"name": "c"}})
    code, status = await api.patch(f"{HOME}/configmaps/c?fieldValidation=Strict", {"dta": {"a": None, "b": True}})
    assert (code, status["reason"]) == (422, "Invalid")
    assert status["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "field": "patch",
            "message": 'Invalid value: "map[dta:map[a:<nil> b:true]]": strict decoding error: unknown field "dta"',
        }
    ]


async def test_a_json_patch_that_does_not_apply_is_422(api: Api) -> None:
    await api.post(f"{HOME}/configmaps", {"metadata": {"name": "c"}, "data": {"a": "b"}})
    for operation in (
        {"op": "test", "path": "/data/a", "value": "c"},
        {"op": "remove", "path": "/data/none"},
    ):
        code, status = await api.patch(f"{HOME}/configmaps/c", [operation], "json-patch+json")
        assert (code, status["reason"]) == (422, "Invalid")
        assert status["message"] == "the server rejected our request due to an error in our request"


@pytest.mark.parametrize(("text", "place"), [("not base64!", 3), ("YWJj*", 4), ("YWJjZ", 4)])
async def test_a_secret_holds_base64(api: Api, text: str, place: int) -> None:
    code, status = await api.post(f"{HOME}/secrets", {"metadata": {"name": "s"}, "data": {"key": text}})
    assert code == 400
    assert status["message"] == (
        f'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte {place}'
    )


async def test_plain_words_of_a_secret_are_encoded_over_the_others(api: Api) -> None:
    body = {"metadata": {"name": "s"}, "stringData": {"a": "new"}, "data": {"a": "b2xk", "b": "b2xk"}}
    code, made = await api.post(f"{HOME}/secrets", body)
    assert (code, made["type"], made["data"]) == (201, "Opaque", {"a": "bmV3", "b": "b2xk"})
    assert "stringData" not in made


@pytest.mark.parametrize("plural", ["configmaps", "secrets"])
async def test_immutable_words_stay(api: Api, plural: str) -> None:
    body = {"metadata": {"name": "c"}, "data": {"a": "b2xk"}, "immutable": True}
    await api.post(f"{HOME}/{plural}", body)
    code, status = await api.patch(f"{HOME}/{plural}/c", {"data": {"a": "bmV3"}})
    assert code == 422
    assert status["details"]["causes"] == [
        {
            "reason": "FieldValueForbidden",
            "field": "data",
            "message": "Forbidden: field is immutable when `immutable` is set",
        }
    ]
    assert (await api.patch(f"{HOME}/{plural}/c", {"metadata": {"labels": {"x": "y"}}}))[0] == 200


async def test_a_lease_is_taken_by_one_of_two(api: Api) -> None:
    _, lease = await api.post(LEASES, {"metadata": {"name": "leader"}, "spec": {"holderIdentity": ""}})
    takes = [lease | {"spec": {"holderIdentity": name, "leaseDurationSeconds": 15}} for name in ("a", "b")]
    codes = [(await api.send("PUT", f"{LEASES}/leader", body))[0] for body in takes]
    assert codes == [200, 409]
    assert (await api.get(f"{LEASES}/leader"))[1]["spec"]["holderIdentity"] == "a"
    await api.until(
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1",
        lambda code, found: code == 200 and found["spec"]["holderIdentity"] == "node-1",
    )


async def test_events_are_the_same_in_both_groups(api: Api) -> None:
    about = {"kind": "ConfigMap", "name": "c", "namespace": "default", "apiVersion": "v1"}
    body = {"metadata": {"name": "c.1"}, "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Look"}
    body |= {"regarding": about, "note": "seen", "reason": "Seen", "type": "Normal", "reportingController": "me"}
    code, made = await api.post(NEW_EVENTS, body)
    assert (code, made["apiVersion"], made["note"]) == (201, "events.k8s.io/v1", "seen")
    path = f"{HOME}/events?fieldSelector=involvedObject.name=c,reason=Seen"
    _, listed = await api.get(path)
    (event,) = listed["items"]
    assert (event["message"], event["involvedObject"], event["reportingComponent"]) == ("seen", about, "me")
    _, patched = await api.patch(f"{NEW_EVENTS}/c.1", {"note": "seen again"}, "merge-patch+json")
    assert (patched["note"], "message" in patched) == ("seen again", False)
    assert (await api.get(f"{HOME}/events/c.1"))[1]["message"] == "seen again"
    _, table = await api.get(path, Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert table["rows"][0]["cells"][1:4] == ["Normal", "Seen", "configmap/c"]
