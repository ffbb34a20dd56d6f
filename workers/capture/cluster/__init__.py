"""The only kubernetes import: reads pods and services, opens exec streams, translates the client's errors.

A Cluster may be shared between threads: reads go through one ApiClient, every exec stream gets one of its own,
since the client's `stream()` swaps a method of the ApiClient while it runs.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubernetes import client, config, watch
from kubernetes.stream import stream

from workers.capture.changes import ClusterEvent, PodChange, PodFeed
from workers.capture.cluster.answers import code_and_message, not_admitted, refused_pod, translated
from workers.capture.cluster.lookup import Lookup
from workers.capture.cluster.reads import (
    TIMEOUT,
    address_towards,
    changes,
    none_if_absent,
    pages,
    position,
    raw_items,
)
from workers.capture.directory import Shared, addressed_pods, services
from workers.capture.exec_stream import ExecResult, ExecStream, bound_handshakes
from workers.capture.plans import Right
from workers.capture.shapes import (
    MANAGED_BY,
    OWNER,
    AgentPod,
    FoundAgent,
    agent_manifest,
    capture_container,
    cluster_event,
    found_agent,
    node_info,
    pod_info,
)
from workers.capture.targets import ContainerInfo, NodeInfo, PodInfo, ServiceInfo, not_found
from workers.contract.errors import ClusterUnavailable
from workers.contract.spec import CaptureSpec, TargetKind

SUBPROTOCOL = "v4.channel.k8s.io"
"""Not v5: a slow v5 reader loses bytes and is still told Success (kubernetes #124571)."""
MERGE_BY_NAME = "application/strategic-merge-patch+json"
"""A list of containers is merged by their names; a plain merge patch would replace the list, which is refused."""
INVENTORY_SECONDS = 5.0
"""How old the names of addresses may be."""
ENFORCED = "pod-security.kubernetes.io/enforce"

bound_handshakes(sum(TIMEOUT))


class Cluster:
    """One cluster, seen as one identity."""

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._configuration = _load(kubeconfig, context)
        self._api = client.ApiClient(self._configuration)
        self._core = client.CoreV1Api(self._api)
        self._lookup = Lookup(self._api)
        self._access = client.AuthorizationV1Api(self._api)
        self._inventory: Shared[tuple[list[PodInfo], list[ServiceInfo]]] = Shared(INVENTORY_SECONDS)
        self.feed = PodFeed(self.follow_pods)

    def close(self) -> None:
        """Close the connections of the shared client."""
        self._api.close()

    def pods(self, spec: CaptureSpec) -> list[PodInfo]:
        """Return the pods `spec.target` means, running or not. Raises TargetNotFound, ClusterForbidden."""
        with translated(f"look up {spec.target} in {spec.namespace}"):
            found = self._lookup.find(spec)
            if found:
                return found
            if spec.target.kind is not TargetKind.NODE:
                self._lookup.check_namespace(spec.namespace)
            if found is None:
                raise not_found(spec, self._lookup.known_names(spec), self._lookup.elsewhere(spec))
        return []

    def pod(self, namespace: str, name: str) -> PodInfo | None:
        """Return a pod, or None when it is gone."""
        with translated(f"read pod {namespace}/{name}"):
            answer = none_if_absent(lambda: self._core.read_namespaced_pod(name, namespace, _request_timeout=TIMEOUT))
            return None if answer is None else pod_info(answer)

    def inventory(self, namespace: str) -> tuple[list[PodInfo], list[ServiceInfo]]:
        """Return pods and services for naming addresses: of all namespaces if we may, else of this one.

        Pods have no containers and labels here; ended ones are among them when it is known when. Seconds old at most.
        """
        with translated("list pods and services"):
            try:
                return self._inventory.get("", self._everything)
            except client.ApiException as error:
                if error.status != 403:
                    raise
                return self._inventory.get(namespace, lambda: self._everything_in(namespace))

    def may(self, right: Right) -> bool:
        """Ask the cluster whether we have a right (SelfSubjectAccessReview)."""
        asked = {
            "verb": right.verb,
            "resource": right.resource,
            "subresource": right.subresource,
            "namespace": right.namespace,
        }
        review = {"spec": {"resourceAttributes": asked}}
        with translated(f"ask whether we may {right}"):
            answer = self._access.create_self_subject_access_review(review, _request_timeout=TIMEOUT)
            return bool(answer.status.allowed)

    def security(self, namespace: str) -> str:
        """Return the Pod Security level a namespace enforces; "" for none, or where we may not look."""
        with translated(f"read namespace {namespace}"):
            try:
                answer = self._core.read_namespace(namespace, _request_timeout=TIMEOUT)
            except client.ApiException as error:
                if error.status in (403, 404):
                    return ""
                raise
            return str((answer.metadata.labels or {}).get(ENFORCED, ""))

    def node(self, name: str) -> NodeInfo | None:
        """Return a node; None when there is none, or where we may not look."""
        with translated(f"read node {name}"):
            try:
                return node_info(self._core.read_node(name, _request_timeout=TIMEOUT))
            except client.ApiException as error:
                if error.status in (403, 404):
                    return None
                raise

    def follow_nodes(self, seconds: float) -> Iterator[NodeInfo]:
        """Yield every node, then each again as it changes, for `seconds` at most. Raises ClusterForbidden."""
        with translated("watch nodes"):
            for event in watch.Watch().stream(
                self._core.list_node,
                timeout_seconds=max(1, round(seconds)),
                _request_timeout=(TIMEOUT[0], seconds + TIMEOUT[1]),
            ):
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield node_info(event["object"])

    def own_address(self) -> str:
        """Return the address we speak to the API server from; "" when it is not known, or on this machine."""
        return address_towards(self._configuration.host)

    def follow_pods(self, namespace: str, seconds: float, mark: str = "") -> Iterator[PodChange]:
        """See changes.FollowsPods. Raises ClusterForbidden, …"""
        with translated(f"watch pods in {namespace}"):
            listing = self._core.list_namespaced_pod
            if not mark:
                mark = position(listing, namespace)
                yield PodChange(mark=mark)
            for kind, found, now in changes(listing, namespace, seconds=seconds, mark=mark):
                if kind in ("ADDED", "MODIFIED", "DELETED"):
                    yield PodChange(pod_info(self._model(found, "V1Pod")), kind == "DELETED", now)

    def follow_events(self, namespace: str, seconds: float, mark: str = "") -> Iterator[ClusterEvent]:
        """Yield what happens to the things of a namespace as it is told, for `seconds` at most; as follow_pods."""
        with translated(f"watch events in {namespace}"):
            listing = self._core.list_namespaced_event
            if not mark:
                mark = position(listing, namespace)
                yield ClusterEvent(mark=mark)
            for kind, found, now in changes(listing, namespace, seconds=seconds, mark=mark):
                if kind in ("ADDED", "MODIFIED"):
                    yield cluster_event(found, now)

    def _model(self, found: Mapping[str, Any], kind: str) -> Any:
        return self._api.deserialize(json.dumps(found), kind, "application/json")

    def service_ips(self, pods: Sequence[PodInfo]) -> list[str]:
        """Return the virtual addresses of services that select one of the pods."""
        found: list[str] = []
        with translated("list services"):
            for namespace in sorted({pod.namespace for pod in pods}):
                here = [pod.labels for pod in pods if pod.namespace == namespace]
                for service in raw_items(self._core.list_namespaced_service, namespace):
                    selector = service.get("spec", {}).get("selector") or {}
                    if selector and any(selector.items() <= labels.items() for labels in here):
                        found += services([service])[0].ips
        return list(dict.fromkeys(found))

    # -- what we add -------------------------------------------------------------------------------------------

    def create_agent(self, agent: AgentPod) -> None:
        """Create a capturing pod of ours; one that is there already is taken as it is.

        Raises NotCapturable where quota or admission refuse it.
        """
        manifest = agent_manifest(agent, time.time())
        try:
            self._core.create_namespaced_pod(agent.namespace, manifest, _request_timeout=TIMEOUT)
        except client.ApiException as error:
            code, message = code_and_message(error)
            if code == 409 and "already exists" in message:
                return
            if refusal := refused_pod(agent.namespace, code, message):
                raise refusal from error
            with translated(f"create pod {agent.namespace}/{agent.name}"):
                raise

    def delete_pod(self, namespace: str, name: str) -> None:
        """Delete a pod of ours at once; one that is gone is no error."""
        with translated(f"delete pod {namespace}/{name}"):
            none_if_absent(
                lambda: self._core.delete_namespaced_pod(
                    name, namespace, grace_period_seconds=0, _request_timeout=TIMEOUT
                )
            )

    def agents(self, namespace: str) -> list[FoundAgent]:
        """Return our capturing pods in a namespace."""
        with translated(f"list pods in {namespace}"):
            found = pages(self._core.list_namespaced_pod, namespace, label_selector=f"{MANAGED_BY}={OWNER}")
            return [found_agent(pod) for pod in found]

    def add_container(self, pod: PodInfo, name: str, image: str, argv: Sequence[str]) -> None:
        """Add an ephemeral container that may capture: root, NET_RAW, no more than tcpdump needs. It can't be removed.

        Saying it again changes nothing. Raises NotCapturable where the namespace's rules forbid such a container.
        """
        patch = {"spec": {"ephemeralContainers": [capture_container(name, image, argv)]}}
        try:
            self._core.patch_namespaced_pod_ephemeralcontainers(
                pod.name, pod.namespace, patch, _content_type=MERGE_BY_NAME, _request_timeout=TIMEOUT
            )
        except client.ApiException as error:
            code, message = code_and_message(error)
            # a 403 that names no missing right is admission's: Pod Security, a webhook, a policy
            if code == 422 or (code == 403 and "cannot patch resource" not in message):
                raise not_admitted(pod, message) from error
            with translated(f"add a container to {pod.namespace}/{pod.name}"):
                raise

    def follow_container(self, pod: PodInfo, name: str, seconds: float) -> Iterator[ContainerInfo]:
        """Yield a container's state now and at each change of its pod, for `seconds` at most. Ends with the pod."""
        stream_of_events = watch.Watch()
        with translated(f"watch {pod.namespace}/{pod.name}"):
            events = stream_of_events.stream(
                self._core.list_namespaced_pod,
                pod.namespace,
                field_selector=f"metadata.name={pod.name}",
                timeout_seconds=max(1, round(seconds)),
                _request_timeout=(TIMEOUT[0], seconds + TIMEOUT[1]),
            )
            for event in events:
                now = pod_info(event["object"])
                if event["type"] == "DELETED" or (pod.uid and now.uid != pod.uid):
                    return
                yield from (container for container in now.containers if container.name == name)

    def open_exec(self, pod: PodInfo, container: str, argv: Sequence[str]) -> ExecStream:
        """Start `argv` in a container and return its streams. Raises ExecRefused, ClusterForbidden, …"""
        api = client.ApiClient(self._configuration)
        api.set_default_header("sec-websocket-protocol", SUBPROTOCOL)
        options = {"stdin": True, "stdout": True, "stderr": True, "tty": False}
        try:
            with translated(f"exec in {pod.namespace}/{pod.name}/{container}"):
                answer = stream(
                    client.CoreV1Api(api).connect_get_namespaced_pod_exec,
                    pod.name,
                    pod.namespace,
                    container=container,
                    command=list(argv),
                    _preload_content=False,
                    binary=True,
                    **options,
                )
        except BaseException:
            api.close()
            raise
        return ExecStream(answer.sock, api.close)

    def run(
        self, pod: PodInfo, container: str, argv: Sequence[str], *, timeout: float = 15, limit: int = 65536
    ) -> ExecResult:
        """Run a short command to its end; output beyond `limit` bytes is dropped. Raises as open_exec."""
        running = self.open_exec(pod, container, argv)
        with contextlib.closing(running):
            return running.collect(timeout=timeout, limit=limit)

    def _everything(self) -> tuple[list[PodInfo], list[ServiceInfo]]:
        pods = addressed_pods(raw_items(self._core.list_pod_for_all_namespaces))
        return pods, services(raw_items(self._core.list_service_for_all_namespaces))

    def _everything_in(self, namespace: str) -> tuple[list[PodInfo], list[ServiceInfo]]:
        pods = addressed_pods(raw_items(self._core.list_namespaced_pod, namespace))
        return pods, services(raw_items(self._core.list_namespaced_service, namespace))


def _load(kubeconfig: str | None, context: str | None) -> Any:
    """A configuration from a file, from inside a pod, or from the usual places, in this order."""
    settings = client.Configuration()
    try:
        if kubeconfig is None and context is None:
            with contextlib.suppress(config.ConfigException):
                config.load_incluster_config(client_configuration=settings)
                return settings
        config.load_kube_config(config_file=kubeconfig, context=context, client_configuration=settings)
    except (config.ConfigException, OSError) as error:
        raise ClusterUnavailable(
            "No cluster to talk to: give a kubeconfig with --kubeconfig or KUBECONFIG.", detail=str(error)[:200]
        ) from error
    return settings
