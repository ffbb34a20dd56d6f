"""Any cluster: THREADCAP_TEST_KUBECONFIG names its kubeconfig, THREADCAP_TEST_IMAGE and THREADCAP_CAPTURE_IMAGE what
pods are made of; without them, the playground. Everything happens in one namespace, made and removed here.

The product runs as a service account with the rules of deploy/rbac/, bound in that namespace alone.
"""

import base64
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.scene import RBAC, load_manifests
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
        env.setdefault("THREADCAP_CAPTURE_IMAGE", self.capture_image)
        options = ("-n", self.namespace, "--out", str(out), "--json")
        return threadcap(self.kubeconfig, "capture", *options, target, *words, **env)

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
    with client.ApiClient(settings) as api:
        made = Place(
            namespace=f"threadcap-conformance-{secrets.token_hex(3)}",
            core=client.CoreV1Api(api),
            apps=client.AppsV1Api(api),
            rbac=client.RbacAuthorizationV1Api(api),
            configuration=settings,
            kubeconfig=folder / "product.kubeconfig",
            test_image=os.environ.get("THREADCAP_TEST_IMAGE", "busybox:1"),
            capture_image=os.environ.get("THREADCAP_CAPTURE_IMAGE", CAPTURE_IMAGE),
        )
        level = {"pod-security.kubernetes.io/enforce": "privileged"}
        made.core.create_namespace({"metadata": {"name": made.namespace, "labels": level}})
        try:
            _until_default_account(made)
            made.account("product", product_rules(), made.kubeconfig)
            _populate(made)
            yield made
        finally:
            made.core.delete_namespace(made.namespace)
            until(lambda: _gone(made), "the namespace's end")


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


def _populate(place: Place) -> None:
    talker = container("app", place.capture_image, TALK, MAY_CAPTURE)
    place.apps.create_namespaced_deployment(place.namespace, deployment("talker", 2, talker))
    place.core.create_namespaced_service(place.namespace, service("talker"))
    app = container("app", place.test_image, IDLE, MAY_NOT)
    traffic = container("traffic", place.capture_image, TALK, MAY_NOT)
    place.core.create_namespaced_pod(place.namespace, pod("plain", app, traffic))
    place.until_ready("app=talker", 2)
    place.until_ready("app=plain")


def _until_default_account(place: Place) -> None:
    """Pods are refused before the namespace's default account is there."""
    accounts = place.core.list_namespaced_service_account
    until(lambda: any(one.metadata.name == "default" for one in accounts(place.namespace).items), "the default account")


def _is_ready(one: Any) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in one.status.conditions or ())


def _gone(place: Place) -> bool:
    try:
        place.core.read_namespace(place.namespace)
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
