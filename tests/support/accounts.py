"""Accounts with the rights of the capture workers but for some: what a cluster refuses is refused by its own RBAC.

async with capture_account(playground.admin_kubeconfig, tmp_path / "config", [("create", "pods/exec")]) as file:
"""

import json
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from deploy.playground.scene import Manifest
from deploy.playground.scene.client import RBAC, ApiError, Client, collection_path, kubeconfig_for

HOME, CAPTURE = "threadcap", "threadcap-capture"
GROUP = "rbac.authorization.k8s.io"
Without = Sequence[tuple[str, str]]


@asynccontextmanager
async def capture_account(admin: Path, file: Path, without: Without) -> AsyncIterator[Path]:
    """`without`: pairs of verb and resource ("pods", "pods/exec"), verb "*" for all; `file` becomes its kubeconfig."""
    name = f"capture-{secrets.token_hex(4)}"
    async with Client(admin) as client:
        objects = list(await _objects(client, name, without))
        try:
            await client.apply(objects)
            token = await client.service_account_token(HOME, name)
            _write(file, kubeconfig_for(client.config, name, token, "default"))
            yield file
        finally:
            for each in objects:
                with suppress(ApiError):  # not made, after a failure
                    await client.call("DELETE", f"{collection_path(each)}/{each['metadata']['name']}")


def _write(file: Path, config: Manifest) -> None:
    file.write_text(json.dumps(config))


async def _objects(client: Client, name: str, without: Without) -> list[Manifest]:
    """The account, and a copy of each role that is bound to the capture workers' own."""
    metadata = {"name": name, "namespace": HOME}
    found: list[Manifest] = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}]
    bound = [
        *await client.list("ClusterRoleBinding"),
        *[each for each in await client.list("RoleBinding") if each["metadata"]["namespace"] == HOME],
    ]
    for number, binding in enumerate(each for each in bound if _is_ours(each)):
        space = binding["metadata"].get("namespace")
        role = await _role(client, binding["roleRef"], space)
        named: Manifest = {"name": f"{name}-{number}", **({"namespace": space} if space else {})}
        kind = "Role" if space else "ClusterRole"
        copied = {"apiVersion": f"{GROUP}/v1", "metadata": named}
        reference = {"apiGroup": GROUP, "kind": kind, "name": named["name"]}
        subjects = [{"kind": "ServiceAccount", **metadata}]
        found.append({**copied, "kind": kind, "rules": list(_lessened(role["rules"], without))})
        found.append({**copied, "kind": f"{kind}Binding", "roleRef": reference, "subjects": subjects})
    return found


def _is_ours(binding: Manifest) -> bool:
    wanted = {"kind": "ServiceAccount", "name": CAPTURE, "namespace": HOME}
    return any(wanted.items() <= subject.items() for subject in binding.get("subjects") or ())


async def _role(client: Client, reference: Manifest, namespace: str | None) -> Manifest:
    place = f"{RBAC}/namespaces/{namespace}/roles" if reference["kind"] == "Role" else f"{RBAC}/clusterroles"
    found: Manifest = await client.call("GET", f"{place}/{reference['name']}")
    return found


def _lessened(rules: Iterable[Manifest], without: Without) -> Iterator[Manifest]:
    """The rules, one a resource, without those verbs."""
    for rule in rules:
        for resource in rule.get("resources") or ():
            gone = {verb for verb, named in without if named == resource}
            verbs = [verb for verb in rule["verbs"] if not gone & {verb, "*"}]
            if verbs:
                yield {**rule, "resources": [resource], "verbs": verbs}
