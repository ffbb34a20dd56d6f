"""Pod Security admission in 1.34's words: levels, who is named, what counts as a change."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.playground.cluster import podsecurity
from deploy.playground.cluster.errors import Refusal

Json = dict[str, Any]
GOOD: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def namespace(**labels: str) -> Json:
    prefixed = {f"pod-security.kubernetes.io/{name.replace('_', '-')}": value for name, value in labels.items()}
    return {"metadata": {"name": "shop", "labels": prefixed}}


def pod(*contexts: Json, **spec: Any) -> Json:
    containers = [{"name": chr(ord("a") + i), "image": "i", "securityContext": c} for i, c in enumerate(contexts)]
    return {"kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": containers, **spec}}


def refusal(level: str, subject: Json, before: Json | None = None) -> str:
    try:
        podsecurity.admit(namespace(enforce=level), subject, before)
    except Refusal as refused:
        return f"{refused.code} {refused.message}"
    return ""


def test_a_bare_pod_breaks_restricted_in_four_ways() -> None:
    assert refusal("restricted", pod({})) == (
        '403 pods "x" is forbidden: violates PodSecurity "restricted:latest": '
        'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), '
        'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
        '"Localhost")'
    )


def test_a_careful_pod_passes_restricted_and_a_bare_one_baseline() -> None:
    assert refusal("restricted", pod(GOOD)) == ""
    assert refusal("baseline", pod({})) == ""


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        (pod({"privileged": True}), 'privileged (container "a" must not set securityContext.privileged=true)'),
        (pod({}, hostNetwork=True, hostPID=True), "host namespaces (hostNetwork=true, hostPID=true)"),
        (
            pod({"capabilities": {"add": ["NET_RAW", "NET_ADMIN", "CHOWN"]}}, volumes=[{"name": "v", "hostPath": {}}]),
            (
                'non-default capabilities (container "a" must not include "NET_ADMIN", "NET_RAW" in '
                'securityContext.capabilities.add), hostPath volumes (volume "v")'
            ),
        ),
        (
            pod({"seccompProfile": {"type": "Unconfined"}}),
            'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
        ),
        (
            {
                "metadata": {"name": "x"},
                "spec": {
                    "containers": [
                        {"name": "a", "ports": [{"containerPort": 1, "hostPort": 80}]},
                        {"name": "b", "readinessProbe": {"httpGet": {"host": "127.0.0.1"}}},
                    ]
                },
            },
            (
                'hostPort (container "a" uses hostPort 80), '
                'probe or lifecycle host (container "b" uses probe or lifecycle host "127.0.0.1")'
            ),
        ),
    ],
)
def test_baseline(subject: Json, wanted: str) -> None:
    assert (
        refusal("baseline", subject) == f'403 pods "x" is forbidden: violates PodSecurity "baseline:latest": {wanted}'
    )
    assert refusal("privileged", subject) == ""


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        (
            pod({**GOOD, "capabilities": {"add": ["NET_RAW"]}}),
            (
                'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]; '
                'container "a" must not include "NET_RAW" in securityContext.capabilities.add)'
            ),
        ),
        (
            pod({**GOOD, "runAsNonRoot": False, "runAsUser": 0}, securityContext={"runAsNonRoot": False}),
            (
                'runAsNonRoot != true (pod and container "a" must not set securityContext.runAsNonRoot=false), '
                'runAsUser=0 (container "a" must not set runAsUser=0)'
            ),
        ),
        (
            pod(GOOD, volumes=[{"name": "v", "hostPath": {}}, {"name": "w", "nfs": {}}, {"name": "s", "secret": {}}]),
            'restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs")',
        ),
        (
            pod({"privileged": True, **GOOD}, hostNetwork=True),
            (
                "host namespaces (hostNetwork=true), "
                'privileged (container "a" must not set securityContext.privileged=true)'
            ),
        ),
        (
            pod({**GOOD, "runAsNonRoot": None}, {**GOOD, "runAsNonRoot": None}),
            'runAsNonRoot != true (pod or containers "a", "b" must set securityContext.runAsNonRoot=true)',
        ),
    ],
)
def test_restricted(subject: Json, wanted: str) -> None:
    assert refusal("restricted", subject).partition('latest": ')[2] == wanted


def test_the_pods_own_context_speaks_for_its_containers() -> None:
    context = {name: GOOD[name] for name in ("runAsNonRoot", "seccompProfile")}
    own = {name: GOOD[name] for name in ("allowPrivilegeEscalation", "capabilities")}
    assert refusal("restricted", pod(own, securityContext=context)) == ""


def test_only_changed_containers_count_and_then_the_whole_pod_does() -> None:
    old = pod({})
    labelled = {**old, "metadata": {"name": "x", "labels": {"a": "b"}}}
    assert refusal("restricted", labelled, old) == ""
    good = {"name": "tool", "image": "t", "securityContext": GOOD}
    grown = {**old, "spec": {**old["spec"], "ephemeralContainers": [good]}}
    assert 'container "a" must set' in refusal("restricted", grown, old)


def test_ephemeral_containers_are_judged() -> None:
    old = pod(GOOD)
    tool = {"name": "tool", "image": "t", "securityContext": {"capabilities": {"add": ["NET_RAW"]}, "runAsUser": 0}}
    grown = {**old, "spec": {**old["spec"], "ephemeralContainers": [tool]}}
    text = refusal("restricted", grown, old)
    assert 'container "tool" must not include "NET_RAW" in securityContext.capabilities.add' in text
    assert '"a"' not in text


def test_enforce_speaks_for_a_silent_warn() -> None:
    assert str(podsecurity.warned(namespace(enforce="baseline", enforce_version="v1.30"))) == "baseline:v1.30"
    assert str(podsecurity.warned(namespace(enforce="restricted", warn="baseline"))) == "baseline:latest"
    told = podsecurity.warnings(namespace(warn="baseline"), pod({"privileged": True}))
    assert told == [
        (
            'would violate PodSecurity "baseline:latest": privileged (container "a" must not set '
            "securityContext.privileged=true)"
        )
    ]


def test_wrong_labels_are_causes() -> None:
    texts = [str(cause) for cause in podsecurity.label_causes(namespace(enforce="strict", warn_version="1.2"))]
    assert texts == [
        (
            'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, '
            "baseline, restricted"
        ),
        'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.2": must be "latest" or "v1.x"',
    ]


def test_tightening_tells_of_the_pods_that_are_there() -> None:
    pods = [{**pod({"privileged": True}), "metadata": {"name": name}} for name in ("q", "p", "r")]
    told = podsecurity.tightened(namespace(), namespace(enforce="baseline"), pods)
    assert told == [
        'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
        "p (and 2 other pods): privileged",
    ]
    assert podsecurity.tightened(namespace(enforce="restricted"), namespace(enforce="baseline"), pods) == []
