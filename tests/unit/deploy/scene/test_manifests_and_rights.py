"""What the manifests promise: the scene's pods as described, and service accounts with the fewest rights."""

from typing import Any

from deploy.playground.scene import RBAC, load_manifests
from deploy.playground.scene.client import collection_path
from deploy.playground.up import playground_overlay

SCENE = load_manifests()


def test_namespaces_come_before_what_is_in_them() -> None:
    kinds = [manifest["kind"] for manifest in [*load_manifests(RBAC), *SCENE]]
    assert kinds[0] == "Namespace"
    assert [manifest["metadata"]["name"] for manifest in SCENE if manifest["kind"] == "Namespace"] == ["shop", "bank"]


def test_every_object_has_a_place_in_the_api() -> None:
    for manifest in [*load_manifests(RBAC), *load_manifests(RBAC / "optional"), *SCENE]:
        assert collection_path(manifest).startswith("/api")


def test_selectors_match_the_templates() -> None:
    for deployment in (each for each in SCENE if each["kind"] == "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_services_select_pods_that_exist() -> None:
    apps = {each["metadata"]["name"] for each in SCENE if each["kind"] == "Deployment"}
    assert {each["spec"]["selector"]["app"] for each in SCENE if each["kind"] == "Service"} <= apps


def test_vault_is_hardened() -> None:
    spec = _template("vault")
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_cart_brings_its_sidecar_second() -> None:
    assert [container["name"] for container in _template("cart")["containers"]] == ["cart", "tcpdump"]


def test_only_the_playground_fixes_the_address_of_dns() -> None:
    plain = [each for each in load_manifests() if each["kind"] == "Service"]
    assert not any("clusterIP" in each["spec"] for each in plain)
    fixed = [each for each in playground_overlay(load_manifests()) if "clusterIP" in each.get("spec", {})]
    assert [(each["metadata"]["name"], each["spec"]["clusterIP"]) for each in fixed] == [("dns", "198.19.0.10")]


def test_bot_has_no_rights_at_all() -> None:
    subjects = [
        subject["name"]
        for folder in (RBAC, RBAC / "optional")
        for each in load_manifests(folder)
        for subject in each.get("subjects", [])
    ]
    assert set(subjects) == {"threadcap-capture"}


def test_capture_can_do_nothing_but_look_and_exec() -> None:
    writes = {
        (resource, verb)
        for each in load_manifests(RBAC)
        for rule in each.get("rules", [])
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if verb not in ("get", "list", "watch")
    }
    assert writes == {("pods/exec", "create"), ("selfsubjectaccessreviews", "create")}
    everything = [word for each in load_manifests(RBAC) for rule in each.get("rules", []) for word in _words(rule)]
    assert "*" not in everything
    assert "secrets" not in everything


def _template(name: str) -> dict[str, Any]:
    (found,) = [each for each in SCENE if each["kind"] == "Deployment" and each["metadata"]["name"] == name]
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


def _words(rule: dict[str, list[str]]) -> list[str]:
    return [word for words in rule.values() for word in words]
