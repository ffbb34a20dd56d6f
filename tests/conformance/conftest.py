"""Any cluster: THREADCAP_TEST_KUBECONFIG names its kubeconfig, THREADCAP_TEST_IMAGE and THREADCAP_CAPTURE_IMAGE what
pods are made of, THREADCAP_STATIC_TCPDUMP the folder of the one to upload; without them, the playground's. Everything
happens in one namespace and a second one for capturing pods on nodes, made and removed here.

The product runs as a service account with the rules of deploy/rbac/, bound in those namespaces alone, and may read
nodes.
"""

import base64
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.scene import RBAC, load_manifests
from deploy.playground.stack import STATIC_TCPDUMP
from tests.conformance.shapes import IDLE, MAY_CAPTURE, MAY_NOT, TALK, container, deployment, pod, service
from tests.support.terminal import threadcap
from workers.capture.cluster import Cluster
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

PATIENCE = 180.0
"""Seconds for images to arrive and pods to start or go."""


@dataclass(frozen=True)
class Place:
    """A namespace of a cluster, the administrator's clients, and the kubeconfig the product runs with."""

    namespace: str
    core: Any
    apps: Any
    rbac: Any
    configuration: Any
    kubeconfig: Path
    test_image: str
    capture_image: str
    agents: str
    """The namespace of capturing pods on nodes."""
    static_tcpdump: Path
    playground: bool

    def account(self, name: str, rules: list[dict[str, Any]], path: Path) -> Path:
        """A service account that may do what `rules` say in this namespace; returns its kubeconfig."""
        there = {"metadata": {"name": name}}
        self.core.create_namespaced_service_account(self.namespace, there)
        self.rbac.create_namespaced_role(self.namespace, {**there, "rules": rules})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": self.namespace}
        self.rbac.create_namespaced_role_binding(self.namespace, {**there, "roleRef": role, "subjects": [subject]})
        asked = {"spec": {"audiences": [], "expirationSeconds": 7200}}
        token = self.core.create_namespaced_service_account_token(name, self.namespace, asked).status.token
        path.write_text(json.dumps(_kubeconfig(self.configuration, token, self.namespace)))
        path.chmod(0o600)
        return path

    def capture(self, target: str, *words: str, out: Path, **env: str) -> Any:
        """`threadcap capture … --local --json`; returns the finished process."""
        env = self.environment() | env
        options = ("-n", self.namespace, "--out", str(out), "--json")
        return threadcap(self.kubeconfig, "capture", *options, target, *words, **env)

    def environment(self) -> dict[str, str]:
        """The settings the product captures with here."""
        return {
            "THREADCAP_CAPTURE_IMAGE": self.capture_image,
            "THREADCAP_AGENT_NAMESPACE": self.agents,
            "THREADCAP_STATIC_TCPDUMP": str(self.static_tcpdump),
            "THREADCAP_WHOLE_NODES": "true",
        }

    def grant_agents(self, name: str) -> None:
        """Let an account put pods into the second namespace (deploy/rbac/optional/node.yaml) and read nodes."""
        subject = {"kind": "ServiceAccount", "name": name, "namespace": self.namespace}
        nodes = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}]
        group = "rbac.authorization.k8s.io"
        named, wide = {"metadata": {"name": name}}, {"metadata": {"name": self.namespace}}
        self.rbac.create_namespaced_role(self.agents, {**named, "rules": agent_rules()})
        self.rbac.create_namespaced_role_binding(
            self.agents, {**named, "roleRef": {"apiGroup": group, "kind": "Role", "name": name}, "subjects": [subject]}
        )
        self.rbac.create_cluster_role({**wide, "rules": nodes})
        role = {"apiGroup": group, "kind": "ClusterRole", "name": self.namespace}
        self.rbac.create_cluster_role_binding({**wide, "roleRef": role, "subjects": [subject]})

    def forget(self) -> None:
        """Remove everything again."""
        for remove in (self.rbac.delete_cluster_role_binding, self.rbac.delete_cluster_role):
            with suppress(client.ApiException):  # not made, after a failure
                remove(self.namespace)
        for name in (self.namespace, self.agents):
            self.core.delete_namespace(name)
        until(lambda: all(_gone(self, name) for name in (self.namespace, self.agents)), "the namespaces' end")

    def spec(self, kind: TargetKind, name: str) -> CaptureSpec:
        """A spec of this namespace."""
        return CaptureSpec(TargetRef(kind, name), self.namespace)

    def until_ready(self, selector: str, count: int = 1) -> list[Any]:
        """Wait for pods that are ready; returns them."""

        def ready() -> list[Any]:
            pods = self.core.list_namespaced_pod(self.namespace, label_selector=selector).items
            good = [one for one in pods if one.metadata.deletion_timestamp is None and _is_ready(one)]
            return good if len(good) == count else []

        return list(until(ready, f"{count} ready pods of {selector}"))


def until(ask: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Ask until the answer is true; returns it."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"no sign of {what} in {seconds:.0f} s"
        time.sleep(0.3)
    return answer


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The namespace, with `talker` (2 pods that can be captured in) and `plain` (a pod that can't) running."""
    given = os.environ.get("THREADCAP_TEST_KUBECONFIG")
    admin = given or str(request.getfixturevalue("playground").admin_kubeconfig)
    settings = client.Configuration()
    config.load_kube_config(config_file=admin, client_configuration=settings)
    folder = tmp_path_factory.mktemp("conformance")
    name = f"threadcap-conformance-{secrets.token_hex(3)}"
    with client.ApiClient(settings) as api:
        made = Place(
            namespace=name,
            core=client.CoreV1Api(api),
            apps=client.AppsV1Api(api),
            rbac=client.RbacAuthorizationV1Api(api),
            configuration=settings,
            kubeconfig=folder / "product.kubeconfig",
            test_image=os.environ.get("THREADCAP_TEST_IMAGE", "busybox:1"),
            capture_image=os.environ.get("THREADCAP_CAPTURE_IMAGE", CAPTURE_IMAGE),
            agents=f"{name}-agents",
            static_tcpdump=Path(os.environ.get("THREADCAP_STATIC_TCPDUMP", STATIC_TCPDUMP)),
            playground=given is None,
        )
        level = {"pod-security.kubernetes.io/enforce": "privileged"}
        for space in (made.namespace, made.agents):
            made.core.create_namespace({"metadata": {"name": space, "labels": level}})
        try:
            for space in (made.namespace, made.agents):
                _until_default_account(made, space)
            made.account("product", product_rules(), made.kubeconfig)
            made.grant_agents("product")
            _populate(made)
            yield made
        finally:
            made.forget()


@pytest.fixture(scope="session")
def cluster(place: Place) -> Iterator[Cluster]:
    """The product's own view of the cluster."""
    seen = Cluster(str(place.kubeconfig))
    yield seen
    seen.close()


def product_rules() -> list[dict[str, Any]]:
    """Every rule that deploy/rbac/ grants the workers, the optional ones included."""
    manifests = [*load_manifests(RBAC), *load_manifests(RBAC / "optional")]
    return [rule for each in manifests if each["kind"] == "ClusterRole" for rule in each["rules"]]


def agent_rules() -> list[dict[str, Any]]:
    """What deploy/rbac/optional/node.yaml grants the workers in the namespace of their own pods."""
    manifests = load_manifests(RBAC / "optional")
    return [rule for each in manifests if each["kind"] == "Role" for rule in each["rules"]]


def _populate(place: Place) -> None:
    talker = container("app", place.capture_image, TALK, MAY_CAPTURE)
    place.apps.create_namespaced_deployment(place.namespace, deployment("talker", 2, talker))
    place.core.create_namespaced_service(place.namespace, service("talker"))
    app = container("app", place.test_image, IDLE, MAY_NOT)
    traffic = container("traffic", place.capture_image, TALK, MAY_NOT)
    place.core.create_namespaced_pod(place.namespace, pod("plain", app, traffic))
    place.until_ready("app=talker", 2)
    place.until_ready("app=plain")


def _until_default_account(place: Place, space: str) -> None:
    """Pods are refused before the namespace's default account is there."""
    accounts = place.core.list_namespaced_service_account
    until(lambda: any(one.metadata.name == "default" for one in accounts(space).items), "the default account")


def _is_ready(one: Any) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in one.status.conditions or ())


def _gone(place: Place, name: str) -> bool:
    try:
        place.core.read_namespace(name)
    except client.ApiException as error:
        return bool(error.status == 404)
    return False


def _kubeconfig(settings: Any, token: str, namespace: str) -> dict[str, Any]:
    where: dict[str, Any] = {"server": settings.host}
    if settings.ssl_ca_cert:
        where["certificate-authority-data"] = base64.b64encode(Path(settings.ssl_ca_cert).read_bytes()).decode()
    if settings.tls_server_name:
        where["tls-server-name"] = settings.tls_server_name
    if not settings.verify_ssl:
        where["insecure-skip-tls-verify"] = True
    context = {"cluster": "it", "user": "product", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": where}],
        "users": [{"name": "product", "user": {"token": token}}],
        "contexts": [{"name": "it", "context": context}],
        "current-context": "it",
    }
