"""From what a person names to pods: workloads, services, hosts of ingresses, labels, nodes, namespaces."""

import contextlib
from typing import Any

import urllib3
from kubernetes import client

from workers.capture.cluster.reads import PAGE, TIMEOUT, none_if_absent, pages
from workers.capture.shapes import node_info, node_target, pod_info, selector_text
from workers.capture.targets import PodInfo, by_prefix, no_namespace
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

SERVICE_NAME = "kubernetes.io/service-name"
BARE = (TargetKind.DEPLOYMENT, TargetKind.STATEFULSET, TargetKind.DAEMONSET, TargetKind.JOB, TargetKind.CRONJOB)
"""What a bare name may be when there is no pod so named, in this order."""


class Lookup:
    """Raises what the client raises, and TargetNotFound."""

    def __init__(self, api: Any) -> None:
        self._core = client.CoreV1Api(api)
        self._apps = client.AppsV1Api(api)
        self._batch = client.BatchV1Api(api)
        self._networking = client.NetworkingV1Api(api)
        self._discovery = client.DiscoveryV1Api(api)

    def find(self, spec: CaptureSpec) -> list[PodInfo] | None:
        """Return the pods `spec.target` means; None when there is no such thing, [] when it has no pods."""
        kind, name, namespace = spec.target.kind, spec.target.name, spec.namespace
        match kind:
            case TargetKind.POD:
                return self._one_pod(namespace, name) or self._by_prefix(spec)
            case TargetKind.SELECTOR:
                return self.selected(namespace, name) or None
            case TargetKind.SERVICE:
                return self._behind_service(namespace, name)
            case TargetKind.INGRESS:
                return self._behind_ingress(namespace, name)
            case TargetKind.NODE:
                node = none_if_absent(lambda: self._core.read_node(name, _request_timeout=TIMEOUT))
                return None if node is None else [node_target(node_info(node))]
            case TargetKind.NAMESPACE:
                return [pod_info(pod) for pod in pages(self._core.list_namespaced_pod, name)]
            case TargetKind.ANY:
                return self._anything(spec)
            case _:
                return self._of_workload(kind, namespace, name)

    def check_namespace(self, namespace: str) -> None:
        """Listing a namespace that does not exist is an empty list, so ask for itself."""
        try:
            self._core.read_namespace(namespace, _request_timeout=TIMEOUT)
        except client.ApiException as error:
            if error.status == 404:
                raise no_namespace(namespace, self.namespaces()) from error
            if error.status != 403:
                raise

    def known_names(self, spec: CaptureSpec) -> list[str]:
        """Return names of the kind that may have been meant, as many as one page has."""
        kind = spec.target.kind
        kinds = (TargetKind.POD, *BARE) if kind is TargetKind.ANY else (kind,)
        return [name for one in kinds for name in self._names(one, spec.namespace)]

    def elsewhere(self, spec: CaptureSpec) -> list[TargetRef]:
        """Return what has exactly the name that was not found, but is of another kind."""
        name, others = spec.target.name, (*BARE, TargetKind.SERVICE, TargetKind.INGRESS)
        if spec.target.kind not in (*others, TargetKind.POD):
            return []
        kinds = (kind for kind in others if kind is not spec.target.kind)
        return [TargetRef(kind, name) for kind in kinds if name in self._names(kind, spec.namespace)]

    def namespaces(self) -> list[str]:
        """Return the names of namespaces, as many as one page has; [] where we may not list them."""
        return self._names(TargetKind.NAMESPACE, "")

    def _names(self, kind: TargetKind, namespace: str) -> list[str]:
        listing, within = {
            TargetKind.POD: (self._core.list_namespaced_pod, [namespace]),
            TargetKind.DEPLOYMENT: (self._apps.list_namespaced_deployment, [namespace]),
            TargetKind.STATEFULSET: (self._apps.list_namespaced_stateful_set, [namespace]),
            TargetKind.DAEMONSET: (self._apps.list_namespaced_daemon_set, [namespace]),
            TargetKind.JOB: (self._batch.list_namespaced_job, [namespace]),
            TargetKind.CRONJOB: (self._batch.list_namespaced_cron_job, [namespace]),
            TargetKind.SERVICE: (self._core.list_namespaced_service, [namespace]),
            TargetKind.INGRESS: (self._networking.list_namespaced_ingress, [namespace]),
            TargetKind.NODE: (self._core.list_node, []),
            TargetKind.NAMESPACE: (self._core.list_namespace, []),
        }.get(kind, (None, []))
        if listing is None:
            return []
        names: list[str] = []
        with contextlib.suppress(client.ApiException, urllib3.exceptions.HTTPError):
            items = listing(*within, limit=PAGE, _request_timeout=TIMEOUT).items
            names += [item.metadata.name for item in items]
            names += [rule.host for item in items for rule in _rules(item) if rule.host]
        return names

    def selected(self, namespace: str, selector: str) -> list[PodInfo]:
        """Return the pods with the labels of a selector."""
        return [pod_info(pod) for pod in pages(self._core.list_namespaced_pod, namespace, label_selector=selector)]

    def _anything(self, spec: CaptureSpec) -> list[PodInfo] | None:
        found = self._one_pod(spec.namespace, spec.target.name)
        for workload in BARE if found is None else ():
            found = self._of_workload(workload, spec.namespace, spec.target.name)
            if found is not None:
                break
        return self._by_prefix(spec) if found is None else found

    def _one_pod(self, namespace: str, name: str) -> list[PodInfo] | None:
        answer = none_if_absent(lambda: self._core.read_namespaced_pod(name, namespace, _request_timeout=TIMEOUT))
        return None if answer is None else [pod_info(answer)]

    def _by_prefix(self, spec: CaptureSpec) -> list[PodInfo] | None:
        listed = pages(self._core.list_namespaced_pod, spec.namespace)
        return by_prefix(spec, [pod_info(pod) for pod in listed]) or None

    def _of_workload(self, kind: TargetKind, namespace: str, name: str) -> list[PodInfo] | None:
        read = {
            TargetKind.DEPLOYMENT: self._apps.read_namespaced_deployment,
            TargetKind.STATEFULSET: self._apps.read_namespaced_stateful_set,
            TargetKind.DAEMONSET: self._apps.read_namespaced_daemon_set,
            TargetKind.JOB: self._batch.read_namespaced_job,
            TargetKind.CRONJOB: self._batch.read_namespaced_cron_job,
        }[kind]
        try:
            answer = none_if_absent(lambda: read(name, namespace, _request_timeout=TIMEOUT))
        except client.ApiException as error:
            if error.status == 403 and kind in (TargetKind.JOB, TargetKind.CRONJOB):
                return None  # a bare name was tried as one of many kinds; the right for jobs is newer than ours
            raise
        if answer is None:
            return None
        if kind is TargetKind.CRONJOB:
            return self._of_cron_job(namespace, answer.metadata.uid)
        return self.selected(namespace, selector_text(answer.spec.selector))

    def _of_cron_job(self, namespace: str, uid: str) -> list[PodInfo]:
        jobs = [job for job in pages(self._batch.list_namespaced_job, namespace) if _owned(job, uid)]
        found = (self.selected(namespace, selector_text(job.spec.selector)) for job in jobs)
        return [pod for pods in found for pod in pods]

    def _behind_service(self, namespace: str, name: str) -> list[PodInfo] | None:
        service = none_if_absent(lambda: self._core.read_namespaced_service(name, namespace, _request_timeout=TIMEOUT))
        if service is None:
            return None
        slices = pages(
            self._discovery.list_namespaced_endpoint_slice, namespace, label_selector=f"{SERVICE_NAME}={name}"
        )
        refs = (endpoint.target_ref for piece in slices for endpoint in piece.endpoints or ())
        names = {ref.name for ref in refs if ref is not None and ref.kind == "Pod"}
        found = (self._one_pod(namespace, pod) or [] for pod in sorted(names))
        return [pod for pods in found for pod in pods]

    def _behind_ingress(self, namespace: str, name: str) -> list[PodInfo] | None:
        """Of every ingress with that name, or a rule for that host: the pods of the services it sends to."""
        services: dict[str, None] = {}
        matched = False
        for ingress in pages(self._networking.list_namespaced_ingress, namespace):
            by_name = ingress.metadata.name == name
            rules = [rule for rule in _rules(ingress) if by_name or _serves(rule.host, name)]
            matched = matched or by_name or bool(rules)
            services |= dict.fromkeys(_service_names(ingress, rules, by_name))
        if not matched:
            return None
        found = (self._behind_service(namespace, service) or [] for service in services)
        return list({pod.name: pod for pods in found for pod in pods}.values())


def _rules(ingress: Any) -> list[Any]:
    return list(getattr(ingress.spec, "rules", None) or ())


def _serves(pattern: str | None, host: str) -> bool:
    """Whether a rule's host is `host`; `*.example` stands for one more label (Kubernetes' rule for ingresses)."""
    if pattern and pattern.startswith("*."):
        return host.partition(".")[2].lower() == pattern[2:].lower()
    return bool(pattern) and str(pattern).lower() == host.lower()


def _service_names(ingress: Any, rules: list[Any], whole: bool) -> list[str]:
    backends = [path.backend for rule in rules if rule.http is not None for path in rule.http.paths]
    if whole and ingress.spec.default_backend is not None:
        backends.append(ingress.spec.default_backend)
    return [backend.service.name for backend in backends if backend.service is not None]


def _owned(thing: Any, uid: str) -> bool:
    return any(owner.uid == uid for owner in thing.metadata.owner_references or ())
