"""The verbs on stored objects, as the generic registry of an API server does them.

In: a resource, names and a whole object (or a function that makes one from the old). Out: the stored object,
or a Refusal in Kubernetes' words. Who may ask is decided before; what follows (replicas, endpoints,
containers) is done by controllers that see the change.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta

from . import batch, defaults, definitions, errors, podsecurity, quota, strategy, validation
from .addresses import assign_cluster_ip
from .errors import Refusal
from .objects import Object, is_deleting, meta, name_of, namespace_of, now, random_suffix, timestamp, uid_of
from .rbac import Attributes
from .resources import JOBS, NAMESPACES, PODS, SERVICE_ACCOUNTS, SERVICES, Catalogue, Resource
from .store import Store
from .versions import kept, shown

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_LASTING_NAMESPACES = ("default", "kube-system", "kube-public")


@dataclass(frozen=True)
class DeleteOptions:
    """metav1.DeleteOptions, as far as it is heeded; grace in seconds, None means the pod's own."""

    grace: int | None = None
    policy: str = "Background"
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


class Registry:
    """See the module."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self.store, self.catalogue = store, catalogue
        # What refuses the pods that controllers make (see faults.py).
        self.admit: Callable[[Attributes], None] = lambda asked: None
        store.listen(lambda change: definitions.follow(catalogue, change))

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        obj = self.store.get(resource, namespace, name)
        if obj is None:
            raise errors.not_found(resource, name)
        return obj

    def create(
        self,
        resource: Resource,
        namespace: str,
        body: Object,
        *,
        dry_run: bool = False,
        told: list[str] | None = None,
    ) -> Object:
        """Store a new object; warnings for whoever asked are added to `told`."""
        obj = kept(resource, self._admitted(resource, namespace, deepcopy(body)))
        strategy.complete(resource, obj)
        if causes := strategy.judge(resource, None, obj):
            raise errors.invalid(resource, name_of(obj), causes)
        self._secure(resource, None, obj, [] if told is None else told)
        if self.store.get(resource, namespace, name_of(obj)):
            raise errors.already_exists(resource, name_of(obj))
        self._check_service_account(resource, namespace, obj)
        if resource is PODS:
            quota.admit(self.store, obj)
        if resource is SERVICES:
            assign_cluster_ip(self.store, obj)
        self._stamp(resource, obj)
        if resource is JOBS:
            batch.select(obj)
        if dry_run:
            return obj
        created = self.store.put(resource, obj)
        if resource is NAMESPACES:
            # A real controller does this a moment later, and the first pod of a namespace may lose that race.
            self.create(SERVICE_ACCOUNTS, name_of(obj), {"metadata": {"name": "default"}})
        return created

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        change: Callable[[Object], Object],
        *,
        subresource: str = "",
        dry_run: bool = False,
        told: list[str] | None = None,
    ) -> Object:
        """Replace an object by `change(copy of it)`; a resourceVersion in the result must be current."""
        before = self.get(resource, namespace, name)
        wanted = change(shown(resource, deepcopy(before)))
        self._check_identity(resource, namespace, before, wanted)
        wanted = kept(resource, wanted)
        after = self._merged(resource, before, wanted, subresource)
        if after == before:
            return before
        if subresource in ("", "ephemeralcontainers"):
            self._secure(resource, before, after, [] if told is None else told)
        if strategy.with_generation(resource) and strategy.differ(resource, before, after):
            after["metadata"]["generation"] = before["metadata"].get("generation", 1) + 1
        if dry_run:
            return after
        if is_deleting(after) and not self._held(after):
            return self.store.remove(resource, namespace, name) or after
        return self.store.put(resource, after)

    def set_status(self, resource: Resource, obj: Object, status: Object) -> Object:
        """What controllers and nodes use: replace the status of an object that may have gone meanwhile."""
        namespace, name = obj["metadata"].get("namespace", ""), name_of(obj)
        current = self.store.get(resource, namespace, name)
        if current is None or uid_of(current) != uid_of(obj) or current.get("status") == status:
            return current or obj
        return self.store.put(resource, {**current, "metadata": dict(current["metadata"]), "status": status})

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        options: DeleteOptions = DeleteOptions(),
    ) -> Object:
        """Mark for deletion or remove; the answer is the object, or a Success status when it is gone."""
        before = self.get(resource, namespace, name)
        self._check_preconditions(resource, before, options)
        if resource is NAMESPACES and name in _LASTING_NAMESPACES:
            raise errors.forbidden(resource, name, "this namespace may not be deleted")
        obj = deepcopy(before)
        grace = self._grace(resource, obj, options)
        self._mark(obj, grace, options)
        if resource is NAMESPACES:
            obj["status"] = {**obj.get("status", {}), "phase": "Terminating"}
        if options.dry_run:
            return obj
        if options.policy == "Orphan":
            self._orphan(uid_of(obj))
        if self._held(obj):
            return obj if obj == before else self.store.put(resource, obj)
        removed = self.store.remove(resource, namespace, name) or obj
        return removed if resource in (PODS, SERVICES, SERVICE_ACCOUNTS) else _success(resource, removed)

    def remove(self, resource: Resource, obj: Object) -> None:
        """The holder of an object (its node, the collector) lets go: finalizers still keep it."""
        namespace, name = obj["metadata"].get("namespace", ""), name_of(obj)
        current = self.store.get(resource, namespace, name)
        if current is None or uid_of(current) != uid_of(obj):
            return
        if current["metadata"].get("finalizers"):
            marked = {**current["metadata"], "deletionGracePeriodSeconds": 0}
            marked.setdefault("deletionTimestamp", timestamp())
            if marked != current["metadata"]:
                self.store.put(resource, {**current, "metadata": marked})
        else:
            self.store.remove(resource, namespace, name)

    def _admitted(self, resource: Resource, namespace: str, obj: Object) -> Object:
        """Check kind, namespace and name of a new object; fill in generateName."""
        if resource.custom and resource.custom.ending:
            text = "create not allowed while custom resource definition is terminating"
            raise Refusal(405, text, details={"group": resource.group, "kind": resource.plural})
        obj.setdefault("apiVersion", resource.group_version)
        obj.setdefault("kind", resource.kind)
        self._check_kind(resource, obj)
        metadata = meta(obj)
        if metadata.get("resourceVersion"):
            raise errors.bad_request("resourceVersion should not be set on objects to be created")
        if metadata.get("namespace", namespace) != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if resource.namespaced:
            metadata["namespace"] = namespace
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + random_suffix()
        if resource.namespaced:
            self._check_namespace(resource, namespace, name_of(obj))
        return obj

    def _check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        home = self.store.get(NAMESPACES, "", namespace)
        if home is None:
            raise errors.not_found(NAMESPACES, namespace)
        if is_deleting(home):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise errors.forbidden(resource, name, why)

    def _check_service_account(self, resource: Resource, namespace: str, obj: Object) -> None:
        if resource is not PODS:
            return
        account = obj["spec"]["serviceAccountName"]
        if self.store.get(SERVICE_ACCOUNTS, namespace, account) is None:
            why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
            raise errors.forbidden(resource, name_of(obj), why)

    def _secure(self, resource: Resource, before: Object | None, after: Object, told: list[str]) -> None:
        """Pod Security admission. Raises Refusal 403, or 422 for a namespace's labels."""
        if resource is NAMESPACES:
            causes = podsecurity.label_causes(after)
            if causes and (before is None or causes != podsecurity.label_causes(before)):
                raise errors.invalid(resource, name_of(after), causes)
            if before is not None:
                told += podsecurity.tightened(before, after, self.store.all(PODS, name_of(after)))
            return
        home = self.store.get(NAMESPACES, "", namespace_of(after))
        if home is None or resource.custom or not podsecurity.has_pods(after):
            return
        if resource is PODS:
            podsecurity.admit(home, after, before)
        told += podsecurity.warnings(home, after, before)

    @staticmethod
    def _check_kind(resource: Resource, obj: Object) -> None:
        if obj.get("apiVersion") != resource.group_version:
            raise errors.bad_request(
                f"the API version in the data ({obj.get('apiVersion')}) does not match the expected API "
                f"version ({resource.group_version})"
            )
        if obj.get("kind") != resource.kind:
            raise errors.bad_request(
                f'{obj.get("kind")} in version "{resource.version}" cannot be handled as a {resource.kind}'
            )

    def _check_identity(self, resource: Resource, namespace: str, before: Object, wanted: Object) -> None:
        wanted.setdefault("apiVersion", resource.group_version)
        wanted.setdefault("kind", before["kind"])
        self._check_kind(resource, wanted)
        metadata, name = meta(wanted), name_of(before)
        if metadata.get("name", name) != name:
            raise errors.bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
            )
        if metadata.get("namespace", namespace) != namespace:
            raise errors.bad_request(
                f"the namespace of the object ({metadata['namespace']}) does not match the namespace on the "
                f"URL ({namespace})"
            )
        if metadata.get("uid") and metadata["uid"] != uid_of(before):
            text = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: "
            raise errors.conflict(resource, name, text + uid_of(before))
        version = metadata.get("resourceVersion")
        if version and version != before["metadata"]["resourceVersion"]:
            raise errors.conflict(resource, name)

    def _merged(self, resource: Resource, before: Object, wanted: Object, subresource: str) -> Object:
        """What may change through this endpoint, on top of what may not. Raises Refusal(422)."""
        if subresource == "status":
            after = {**before, "metadata": dict(before["metadata"]), "status": wanted.get("status") or {}}
            if resource.custom and (causes := strategy.judge(resource, before, after)):
                raise errors.invalid(resource, name_of(before), causes)
            return after
        if subresource == "ephemeralcontainers":
            return self._with_ephemeral(before, wanted)
        after = dict(wanted)
        after["metadata"] = {**wanted["metadata"], "resourceVersion": before["metadata"]["resourceVersion"]}
        for field in ("name", "namespace", *_KEPT):
            after["metadata"].pop(field, None)
            if field in before["metadata"]:
                after["metadata"][field] = before["metadata"][field]
        if resource.has_status:
            after.pop("status", None)
            if "status" in before:
                after["status"] = before["status"]
        if resource is SERVICES and before["spec"].get("clusterIP"):
            for field in ("clusterIP", "clusterIPs"):
                after["spec"][field] = after["spec"].get(field) or before["spec"][field]
        strategy.complete(resource, after)
        if causes := strategy.judge(resource, before, after):
            raise errors.invalid(resource, name_of(before), causes)
        return after

    @staticmethod
    def _with_ephemeral(before: Object, wanted: Object) -> Object:
        listed = wanted.get("spec", {}).get("ephemeralContainers") or []
        for container in listed:
            defaults.container_defaults(container)
        after = {
            **before,
            "metadata": dict(before["metadata"]),
            "spec": {**before["spec"], "ephemeralContainers": listed},
        }
        if causes := validation.on_ephemeral(before, after):
            raise errors.invalid(PODS, name_of(before), causes)
        return after

    @staticmethod
    def _stamp(resource: Resource, obj: Object) -> None:
        metadata = meta(obj)
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"):
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = timestamp()
        if strategy.with_generation(resource):
            metadata["generation"] = 1
        if resource.custom:
            if resource.has_status:
                obj.pop("status", None)
        elif resource.has_status and not (resource.plural == "nodes" and obj.get("status")):
            obj["status"] = defaults.initial_status(obj)

    @staticmethod
    def _check_preconditions(resource: Resource, obj: Object, options: DeleteOptions) -> None:
        for label, wanted, held in (
            ("UID", options.uid, uid_of(obj)),
            ("ResourceVersion", options.resource_version, obj["metadata"]["resourceVersion"]),
        ):
            if wanted and wanted != held:
                text = f"Precondition failed: {label} in precondition: {wanted}, {label} in object meta: {held}"
                raise errors.conflict(resource, name_of(obj), text)

    @staticmethod
    def _grace(resource: Resource, obj: Object, options: DeleteOptions) -> int:
        """Seconds; nothing but a pod that may be running on a node is given time."""
        if resource is not PODS or not obj["spec"].get("nodeName"):
            return 0
        if obj.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return 0
        asked = obj["spec"].get("terminationGracePeriodSeconds", 30) if options.grace is None else options.grace
        held = obj["metadata"].get("deletionGracePeriodSeconds")
        return int(asked if held is None else min(asked, held))

    @staticmethod
    def _mark(obj: Object, grace: int, options: DeleteOptions) -> None:
        metadata = obj["metadata"]
        held = metadata.get("deletionGracePeriodSeconds")
        if held is None or grace < held:
            metadata["deletionTimestamp"] = timestamp(now() + timedelta(seconds=grace))
            metadata["deletionGracePeriodSeconds"] = grace
        if options.policy == "Foreground":
            metadata["finalizers"] = sorted({*(metadata.get("finalizers") or ()), FOREGROUND})

    @staticmethod
    def _held(obj: Object) -> bool:
        """Something still has to happen before the object may go."""
        if obj["metadata"].get("finalizers"):
            return True
        if (obj["apiVersion"], obj["kind"]) == ("v1", "Namespace"):
            return bool((obj.get("spec") or {}).get("finalizers"))
        return int(obj["metadata"].get("deletionGracePeriodSeconds") or 0) > 0

    def _orphan(self, uid: str) -> None:
        for resource in self.catalogue.shelves():
            for obj in self.store.all(resource):
                owners = obj["metadata"].get("ownerReferences") or []
                kept = [owner for owner in owners if owner.get("uid") != uid]
                if kept != owners:
                    self.store.put(resource, {**obj, "metadata": {**obj["metadata"], "ownerReferences": kept}})


def _success(resource: Resource, obj: Object) -> Object:
    details: Object = {"name": name_of(obj), "kind": resource.plural, "uid": uid_of(obj)}
    if resource.group:
        details["group"] = resource.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


__all__ = ["FOREGROUND", "ORPHAN", "DeleteOptions", "Refusal", "Registry"]
