"""Pod Security admission by namespace label, as clients meet it: refusals, warnings, workloads that stall."""

from __future__ import annotations

from typing import Any

from tests.integration.playground.cluster_support import CORE, Api, pod

APPS = "/apis/apps/v1/namespaces/shop"
LABEL = "pod-security.kubernetes.io"
GOOD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


async def label(api: Api, **labels: str) -> tuple[int, Any]:
    found = {f"{LABEL}/{name}": value for name, value in labels.items()}
    return await api.patch(f"{CORE}/namespaces/shop", {"metadata": {"labels": found}})


async def warned(api: Api, method: str, path: str, body: Any) -> tuple[int, list[str]]:
    """(code, the answer's Warning headers)"""
    kind = "application/json" if method == "POST" else "application/strategic-merge-patch+json"
    headers = {**api.headers, "Content-Type": kind}
    async with api.session.request(method, path, json=body, headers=headers) as answer:
        return answer.status, answer.headers.getall("Warning", [])


async def test_restricted_refuses_a_pod_and_takes_a_careful_one(api: Api) -> None:
    home = await api.namespace("shop")
    await label(api, enforce="restricted")
    code, answer = await api.post(f"{home}/pods", pod("x"))
    assert (code, answer["reason"], answer["details"]) == (403, "Forbidden", {"name": "x", "kind": "pods"})
    assert answer["message"].startswith(
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
        '(container "app" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities'
    )
    careful = pod("y")
    careful["spec"]["containers"][0]["securityContext"] = GOOD
    assert await warned(api, "POST", f"{home}/pods", careful) == (201, [])


async def test_ephemeral_containers_are_judged(api: Api) -> None:
    home = await api.namespace("shop")
    await api.running_pod(home, "x")
    await label(api, enforce="baseline")
    context = {"capabilities": {"add": ["NET_RAW"]}, "runAsUser": 0}
    tool = {"name": "tool", "image": "t", "securityContext": context}
    patch = {"spec": {"ephemeralContainers": [tool]}}
    code, answer = await api.patch(f"{home}/pods/x/ephemeralcontainers", patch)
    assert code == 403
    assert answer["message"] == (
        'pods "x" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities (container "tool" '
        'must not include "NET_RAW" in securityContext.capabilities.add)'
    )
    del context["capabilities"]
    assert (await api.patch(f"{home}/pods/x/ephemeralcontainers", patch))[0] == 200


async def test_warnings_come_as_headers(api: Api) -> None:
    home = await api.namespace("shop")
    await label(api, warn="baseline")
    code, told = await warned(api, "POST", f"{home}/pods", pod("x", hostPID=True))
    assert (code, told) == (
        201,
        ['299 - "would violate PodSecurity \\"baseline:latest\\": host namespaces (hostPID=true)"'],
    )
    patch = {"metadata": {"labels": {f"{LABEL}/enforce": "baseline"}}}
    code, told = await warned(api, "PATCH", f"{CORE}/namespaces/shop", patch)
    assert (code, told) == (
        200,
        [
            (
                '299 - "existing pods in namespace \\"shop\\" violate the new PodSecurity enforce level '
                '\\"baseline:latest\\""'
            ),
            '299 - "x: host namespaces"',
        ],
    )


async def test_an_unknown_level_is_refused(api: Api) -> None:
    await api.namespace("shop")
    code, answer = await label(api, enforce="strict")
    assert code == 422
    assert answer["message"] == (
        'Namespace "shop" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": '
        "must be one of privileged, baseline, restricted"
    )


async def test_a_deployment_is_taken_with_a_warning_and_gets_no_pods(api: Api) -> None:
    home = await api.namespace("shop")
    await label(api, enforce="baseline")
    template = {"metadata": {"labels": {"app": "w"}}, "spec": pod("w", hostPID=True)["spec"]}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "w"}}, "template": template}
    code, told = await warned(api, "POST", f"{APPS}/deployments", {"metadata": {"name": "w"}, "spec": spec})
    assert (code, len(told)) == (201, 1)
    events = await api.until(f"{home}/events", lambda _, e: any(i["reason"] == "FailedCreate" for i in e["items"]))
    failed = next(event for event in events["items"] if event["reason"] == "FailedCreate")
    assert failed["message"].startswith('Error creating: pods "w-')
    assert failed["message"].endswith('violates PodSecurity "baseline:latest": host namespaces (hostPID=true)')
    await label(api, enforce="privileged")
    await api.until(f"{home}/pods", lambda _, pods: len(pods["items"]) == 1)
