"""A name that is not there: the nearest of its kind, what has it as another kind, the nearest namespace."""

from workers.capture.targets import no_namespace, not_found
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef


def _said(kind: TargetKind, name: str, known: list[str], *elsewhere: TargetRef) -> str:
    return not_found(CaptureSpec(TargetRef(kind, name), "shop"), known, elsewhere).user_message


def test_the_nearest_names_each_once() -> None:
    said = _said(TargetKind.INGRESS, "shop.exmple", ["front", "shop.example", "shop.example"])
    assert said == "There is no ingress shop.exmple in namespace shop. Did you mean shop.example?"


def test_the_same_name_of_another_kind() -> None:
    found = TargetRef(TargetKind.DEPLOYMENT, "web"), TargetRef(TargetKind.SERVICE, "web")
    said = _said(TargetKind.STATEFULSET, "web", ["webb"], *found)
    assert said == "There is no statefulset web in namespace shop. But there is deploy/web and svc/web."


def test_nothing_like_it() -> None:
    assert _said(TargetKind.JOB, "x", []).endswith("`kubectl get all -n shop` shows what there is.")
    assert _said(TargetKind.NODE, "x", []) == "There is no node x. `kubectl get nodes` shows them."
    assert _said(TargetKind.NODE, "nod-1", ["node-1"]) == "There is no node nod-1. Did you mean node-1?"


def test_namespaces() -> None:
    assert no_namespace("shoop", ["shop", "bank"]).user_message == "There is no namespace shoop. Did you mean shop?"
    assert no_namespace("x", []).user_message == "There is no namespace x. Name the right one with `-n NAMESPACE`."
