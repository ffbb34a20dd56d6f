"""The only kubernetes import: reads pods and services, opens exec streams, translates the client's errors.

A Cluster may be shared between threads: reads go through one ApiClient, every exec stream gets one of its own,
since the client's `stream()` swaps a method of the ApiClient while it runs.
"""

import ast
import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import urllib3
from kubernetes import client, config, watch
from kubernetes.stream import stream

from workers.capture.directory import Shared, addressed_pods, services
from workers.capture.exec_stream import ExecRefused, ExecResult, ExecStream, bound_handshakes
from workers.capture.shapes import capture_container, pod_info, selector_text
from workers.capture.targets import ContainerInfo, PodInfo, ServiceInfo, by_prefix, not_found
from workers.contract.errors import ClusterForbidden, ClusterUnavailable, NotCapturable, TargetNotFound, ThreadcapError
from workers.contract.spec import CaptureSpec, TargetKind

T = TypeVar("T")
TIMEOUT = (5, 20)
"""Seconds to connect and to wait for an answer."""
PAGE = 500
SUBPROTOCOL = "v4.channel.k8s.io"
"""Not v5: a slow v5 reader loses bytes and is still told Success (kubernetes #124571)."""
MERGE_BY_NAME = "application/strategic-merge-patch+json"
"""A list of containers is merged by their names; a plain merge patch would replace the list, which is refused."""
INVENTORY_SECONDS = 5.0
"""How old the names of addresses may be."""
SERVICE_NAME = "kubernetes.io/service-name"

bound_handshakes(sum(TIMEOUT))


class Cluster:
    """One cluster, seen as one identity."""

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._configuration = _load(kubeconfig, context)
        self._api = client.ApiClient(self._configuration)
        self._core = client.CoreV1Api(self._api)
        self._apps = client.AppsV1Api(self._api)
        self._discovery = client.DiscoveryV1Api(self._api)
        self._access = client.AuthorizationV1Api(self._api)
        self._inventory: Shared[tuple[list[PodInfo], list[ServiceInfo]]] = Shared(INVENTORY_SECONDS)

    def close(self) -> None:
        """Close the connections of the shared client."""
        self._api.close()

    def pods(self, spec: CaptureSpec) -> list[PodInfo]:
        """Return the pods a spec's target means, running or not. Raises TargetNotFound, ClusterForbidden."""
        found = self._find(spec)
        if found:
            return found
        with translated(f"look up {spec.namespace}"):
            self._check_namespace(spec.namespace)
        if spec.target.kind in (TargetKind.POD, TargetKind.ANY, TargetKind.SELECTOR) or found is None:
            raise not_found(spec, self._known_names(spec.namespace))
        return []

    def pod(self, namespace: str, name: str) -> PodInfo | None:
        """Return a pod, or None when it is gone."""
        with translated(f"read pod {namespace}/{name}"):
            answer = _none_if_absent(lambda: self._core.read_namespaced_pod(name, namespace, _request_timeout=TIMEOUT))
            return None if answer is None else pod_info(answer)

    def inventory(self, namespace: str) -> tuple[list[PodInfo], list[ServiceInfo]]:
        """Return pods and services for naming addresses: of all namespaces if we may, else of this one.

        Pods have no containers and labels here, and ended pods are left out. Seconds old at most.
        """
        with translated("list pods and services"):
            try:
                return self._inventory.get("", self._everything)
            except client.ApiException as error:
                if error.status != 403:
                    raise
                return self._inventory.get(namespace, lambda: self._everything_in(namespace))

    def may(self, verb: str, resource: str, namespace: str, *, subresource: str = "") -> bool:
        """Ask the cluster whether we may do something in a namespace (SelfSubjectAccessReview)."""
        asked = {"verb": verb, "resource": resource, "subresource": subresource, "namespace": namespace}
        review = {"spec": {"resourceAttributes": asked}}
        with translated(f"ask whether we may {verb} {resource}/{subresource} in {namespace}"):
            answer = self._access.create_self_subject_access_review(review, _request_timeout=TIMEOUT)
            return bool(answer.status.allowed)

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
            message = _code_and_message(error)[1]
            if "PodSecurity" in message or error.status == 422:
                raise _not_admitted(pod, message) from error
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
                if event["type"] == "DELETED" or now.uid != pod.uid:
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

    # -- looking up --------------------------------------------------------------------------------------------

    def _find(self, spec: CaptureSpec) -> list[PodInfo] | None:
        """None when there is no such thing, [] when it has no pods."""
        kind, name, namespace = spec.target.kind, spec.target.name, spec.namespace
        with translated(f"look up {spec.target} in {namespace}"):
            match kind:
                case TargetKind.POD:
                    return self._one_pod(namespace, name) or self._by_prefix(spec)
                case TargetKind.SELECTOR:
                    return self._selected(namespace, name) or None
                case TargetKind.SERVICE:
                    return self._behind_service(namespace, name)
                case TargetKind.ANY:
                    found = self._one_pod(namespace, name)
                    workloads = (TargetKind.DEPLOYMENT, TargetKind.STATEFULSET, TargetKind.DAEMONSET)
                    for workload in workloads if found is None else ():
                        found = self._of_workload(workload, namespace, name)
                        if found is not None:
                            break
                    return self._by_prefix(spec) if found is None else found
                case _:
                    return self._of_workload(kind, namespace, name)

    def _one_pod(self, namespace: str, name: str) -> list[PodInfo] | None:
        answer = _none_if_absent(lambda: self._core.read_namespaced_pod(name, namespace, _request_timeout=TIMEOUT))
        return None if answer is None else [pod_info(answer)]

    def _by_prefix(self, spec: CaptureSpec) -> list[PodInfo] | None:
        pages = _pages(self._core.list_namespaced_pod, spec.namespace)
        return by_prefix(spec, [pod_info(pod) for pod in pages]) or None

    def _selected(self, namespace: str, selector: str) -> list[PodInfo]:
        pages = _pages(self._core.list_namespaced_pod, namespace, label_selector=selector)
        return [pod_info(pod) for pod in pages]

    def _of_workload(self, kind: TargetKind, namespace: str, name: str) -> list[PodInfo] | None:
        read = {
            TargetKind.DEPLOYMENT: self._apps.read_namespaced_deployment,
            TargetKind.STATEFULSET: self._apps.read_namespaced_stateful_set,
            TargetKind.DAEMONSET: self._apps.read_namespaced_daemon_set,
        }[kind]
        answer = _none_if_absent(lambda: read(name, namespace, _request_timeout=TIMEOUT))
        return None if answer is None else self._selected(namespace, selector_text(answer.spec.selector))

    def _behind_service(self, namespace: str, name: str) -> list[PodInfo] | None:
        service = _none_if_absent(lambda: self._core.read_namespaced_service(name, namespace, _request_timeout=TIMEOUT))
        if service is None:
            return None
        slices = _pages(
            self._discovery.list_namespaced_endpoint_slice, namespace, label_selector=f"{SERVICE_NAME}={name}"
        )
        refs = (endpoint.target_ref for piece in slices for endpoint in piece.endpoints or ())
        names = {ref.name for ref in refs if ref is not None and ref.kind == "Pod"}
        found = (self._one_pod(namespace, pod) or [] for pod in sorted(names))
        return [pod for pods in found for pod in pods]

    def _everything(self) -> tuple[list[PodInfo], list[ServiceInfo]]:
        pods = addressed_pods(_raw_items(self._core.list_pod_for_all_namespaces))
        return pods, services(_raw_items(self._core.list_service_for_all_namespaces))

    def _everything_in(self, namespace: str) -> tuple[list[PodInfo], list[ServiceInfo]]:
        pods = addressed_pods(_raw_items(self._core.list_namespaced_pod, namespace))
        return pods, services(_raw_items(self._core.list_namespaced_service, namespace))

    def _check_namespace(self, namespace: str) -> None:
        """Listing a namespace that does not exist is an empty list, so ask for itself."""
        try:
            self._core.read_namespace(namespace, _request_timeout=TIMEOUT)
        except client.ApiException as error:
            if error.status == 404:
                raise TargetNotFound(
                    f"There is no namespace {namespace}. Name the right one with `-n NAMESPACE`."
                ) from error
            if error.status != 403:
                raise

    def _known_names(self, namespace: str) -> list[str]:
        names: list[str] = []
        for listing in (self._core.list_namespaced_pod, self._apps.list_namespaced_deployment):
            with contextlib.suppress(client.ApiException, urllib3.exceptions.HTTPError):
                answer = listing(namespace, limit=PAGE, _request_timeout=TIMEOUT)
                names += [item.metadata.name for item in answer.items]
        return names


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the client's errors into ours; the cause is kept, its text capped, payloads never included."""
    try:
        yield
    except client.ApiException as error:
        raise _translate(error, doing) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _unreachable(f"{doing}: {type(error).__name__}: {str(error)[:200]}") from error
    except ValueError as error:  # the client's models check what they read; the values stay out of the log
        raise ClusterUnavailable(
            "The cluster's API answered something this version of Threadcap can't read. Tell the platform team.",
            detail=f"{doing}: {type(error).__name__} at {_fields(error)}",
        ) from error


def _fields(error: ValueError) -> str:
    """Name the model and fields that did not fit (pydantic's ValidationError), never their values."""
    errors = getattr(error, "errors", None)
    places = [".".join(map(str, one["loc"])) for one in errors(include_input=False)] if callable(errors) else []
    return " ".join([str(getattr(error, "title", "the answer")), *places])[:200]


def _translate(error: Any, doing: str) -> ThreadcapError:
    code, message = _code_and_message(error)
    detail = f"{doing}: {code} {message[:300]}"
    if code in (401, 403):
        missing = re.search(r'cannot (\w+) resource "([^"]+)".*?(?: in the namespace "([^"]+)")?$', message)
        where = f" in namespace {missing[3]}" if missing and missing[3] else ""
        what = f" It needs `{missing[1]}` on `{missing[2]}`{where}." if missing else ""
        return ClusterForbidden(
            f"The cluster does not let Threadcap do this.{what} Ask whoever installed Threadcap to grant it.",
            detail=detail,
        )
    if code == 404:
        return TargetNotFound("It is gone: the cluster no longer knows it.", detail=detail)
    if "container not found" in message:  # how 1.34 refuses a container that is not running, with code 500
        return ExecRefused(
            "That container is not running. Try again when it runs, or name another with `-c NAME`.", detail=detail
        )
    if code == 0 or code >= 500 or code == 429:
        return _unreachable(detail)
    return ExecRefused(_plain(message), detail=detail)


def _code_and_message(error: Any) -> tuple[int, str]:
    """Status code and message of an ApiException; a refused WebSocket handshake hides both in `reason`."""
    if error.status:
        return int(error.status), str(_json(error.body or "").get("message") or error.reason or "")
    reason = str(error.reason or "")
    found = re.match(r"Handshake status (\d{3})", reason)
    body = reason.rsplit(" -+-+- ", 1)[-1]
    if body.startswith(("b'", 'b"')):
        with contextlib.suppress(ValueError, SyntaxError):
            body = ast.literal_eval(body).decode(errors="replace")
    return int(found[1]) if found else 0, str(_json(body).get("message") or body)


def _json(text: str | bytes) -> Mapping[str, Any]:
    with contextlib.suppress(ValueError):
        value = json.loads(text)
        if isinstance(value, dict):
            return value
    return {}


def _plain(message: str) -> str:
    return f"The cluster refused: {' '.join(message.split())[:200]}."


def _unreachable(detail: str) -> ClusterUnavailable:
    return ClusterUnavailable("The cluster's API cannot be reached right now. Try again in a minute.", detail=detail)


def _none_if_absent(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise


def _pages(listing: Callable[..., Any], *args: Any, **options: Any) -> Iterator[Any]:
    token = None
    while True:
        answer = listing(*args, limit=PAGE, _continue=token, _request_timeout=TIMEOUT, **options)
        yield from answer.items
        token = answer.metadata.var_continue
        if not token:
            return


def _raw_items(listing: Callable[..., Any], *args: Any) -> Iterator[Mapping[str, Any]]:
    """As _pages, but plain JSON: see workers.capture.directory."""
    token = None
    while True:
        answer = listing(*args, limit=PAGE, _continue=token, _request_timeout=TIMEOUT, _preload_content=False)
        page = json.loads(answer.data)
        yield from page.get("items") or ()
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return


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


def _not_admitted(pod: PodInfo, message: str) -> NotCapturable:
    if "PodSecurity" in message:
        return NotCapturable(
            f"Pod {pod.name} can't be captured: none of its containers can capture, and the Pod Security level of "
            f"namespace {pod.namespace} forbids the one Threadcap would add (root, NET_RAW). Add tcpdump to an image "
            "of the pod, or ask the platform team.",
            detail=message[:300],
        )
    return NotCapturable(
        f"The cluster did not accept a container for capturing in pod {pod.name}: {' '.join(message.split())[:200]}.",
        detail=message[:300],
    )
