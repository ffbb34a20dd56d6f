"""A small client of the Kubernetes API for the playground's own use: apply, wait, token, faults.

The product has its own edge to Kubernetes (`workers/capture/cluster.py`); this one needs only what sets the
scene, and works with any cluster a kubeconfig names.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from deploy.playground.scene import Manifest

MERGE = "application/merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
CORE, APPS, RBAC = "/api/v1", "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1"
BATCH, NETWORKING = "/apis/batch/v1", "/apis/networking.k8s.io/v1"

# kind -> (path of the group and version, plural, in a namespace)
KINDS: dict[str, tuple[str, str, bool]] = {
    "Namespace": (CORE, "namespaces", False),
    "Node": (CORE, "nodes", False),
    "Pod": (CORE, "pods", True),
    "Service": (CORE, "services", True),
    "ServiceAccount": (CORE, "serviceaccounts", True),
    "ConfigMap": (CORE, "configmaps", True),
    "Deployment": (APPS, "deployments", True),
    "StatefulSet": (APPS, "statefulsets", True),
    "DaemonSet": (APPS, "daemonsets", True),
    "Job": (BATCH, "jobs", True),
    "CronJob": (BATCH, "cronjobs", True),
    "Ingress": (NETWORKING, "ingresses", True),
    "ClusterRole": (RBAC, "clusterroles", False),
    "ClusterRoleBinding": (RBAC, "clusterrolebindings", False),
    "Role": (RBAC, "roles", True),
    "RoleBinding": (RBAC, "rolebindings", True),
}


class ApiError(RuntimeError):
    """The API server refused; `code` is the HTTP status, the text the Status object's message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Client:
    """Async context manager over one kubeconfig with a bearer token and an inline CA."""

    def __init__(self, kubeconfig: Path) -> None:
        self.config: Manifest = yaml.safe_load(kubeconfig.read_text())
        cluster = self.config["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._context = ssl.create_default_context(cadata=authority)
        self._server = cluster["server"].rstrip("/")
        self._token = self.config["users"][0]["user"]["token"]
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._context),
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=aiohttp.ClientTimeout(total=15),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Any:
        """Answered JSON (None for an answer that is none). Raises ApiError, aiohttp.ClientError."""
        assert self._session is not None, "used outside of `async with`"
        data = None if body is None else json.dumps(body)
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        async with self._session.request(method, self._server + path, data=data, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise ApiError(answer.status, _message(text))
            return json.loads(text) if answer.content_type == "application/json" else None

    async def apply(self, objects: Iterable[Manifest]) -> None:
        """Create each object, in order; one that exists is patched instead."""
        for each in objects:
            collection, name = collection_path(each), each["metadata"]["name"]
            try:
                await self.call("POST", collection, each)
            except ApiError as error:
                if error.code != 409:
                    raise
                await self.call("PATCH", f"{collection}/{name}", each, MERGE)

    async def table(self, kind: str) -> list[Manifest]:
        """All objects of a kind as kubectl shows them: columns by their names, and `metadata`."""
        group, plural, _ = KINDS[kind]
        answer = await self.call("GET", f"{group}/{plural}", accept=TABLE)
        names = [column["name"] for column in answer["columnDefinitions"]]
        return [
            {**dict(zip(names, row["cells"], strict=True)), "metadata": row["object"]["metadata"]}
            for row in answer["rows"]
        ]

    async def list(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Manifest]:
        """Items of a kind in a namespace (None: everywhere), by label selector."""
        group, plural, _ = KINDS[kind]
        place = f"{group}/namespaces/{namespace}/{plural}" if namespace else f"{group}/{plural}"
        query = f"?labelSelector={selector}" if selector else ""
        items: list[Manifest] = (await self.call("GET", place + query))["items"]
        return items

    async def service_account_token(self, namespace: str, name: str, seconds: int = 86400) -> str:
        """A bearer token by TokenRequest."""
        path = f"{CORE}/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                   "spec": {"expirationSeconds": seconds}}  # fmt: skip
        return str((await self.call("POST", path, request))["status"]["token"])

    async def until_answering(self, path: str, seconds: float) -> None:
        """Wait until GET `path` succeeds. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await self.call("GET", path)
                except (aiohttp.ClientError, ApiError):
                    await asyncio.sleep(0.05)
                else:
                    return


def collection_path(manifest: Manifest) -> str:
    """Where objects of its kind and namespace are created. KeyError for a kind that is not in KINDS."""
    group, plural, namespaced = KINDS[manifest["kind"]]
    namespace = manifest["metadata"].get("namespace", "default")
    return f"{group}/namespaces/{namespace}/{plural}" if namespaced else f"{group}/{plural}"


def kubeconfig_for(config: Manifest, user: str, token: str, namespace: str) -> Manifest:
    """The same cluster as another user."""
    context = {**config["contexts"][0], "context": {**config["contexts"][0]["context"], "user": user}}
    context["context"]["namespace"] = namespace
    return {**config, "contexts": [context], "users": [{"name": user, "user": {"token": token}}]}


def _message(text: str) -> str:
    """The message of a Status object, or the beginning of whatever came."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, LookupError, TypeError):
        return text[:300]
