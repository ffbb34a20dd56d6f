"""Kubernetes objects as plain JSON dictionaries, and the few things every module asks of them.

An object in the store is never changed in place: whoever wants a change makes a copy first.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]

# The alphabet of generated names: no vowels and no look-alikes (k8s.io/apimachinery/pkg/util/rand).
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def meta(obj: Object) -> Object:
    """The object's metadata (made when missing)."""
    found: Object = obj.setdefault("metadata", {})
    return found


def name_of(obj: Object) -> str:
    return str(obj.get("metadata", {}).get("name", ""))


def namespace_of(obj: Object) -> str:
    return str(obj.get("metadata", {}).get("namespace", ""))


def uid_of(obj: Object) -> str:
    return str(obj.get("metadata", {}).get("uid", ""))


def is_deleting(obj: Object) -> bool:
    return bool(obj.get("metadata", {}).get("deletionTimestamp"))


def random_suffix(length: int = 5) -> str:
    """What generateName appends."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def safe_encode(number: int) -> str:
    """A number in the alphabet of names, as pod-template-hash is written (util/rand.SafeEncodeString)."""
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(number))


def now() -> datetime:
    return datetime.now(UTC)


def timestamp(moment: datetime | None = None) -> str:
    """RFC 3339 in whole seconds, as metav1.Time."""
    return (moment or now()).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp() -> str:
    """RFC 3339 with microseconds, as metav1.MicroTime."""
    return now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> datetime:
    return datetime.fromisoformat(text)


def controller_of(obj: Object) -> Object | None:
    """The owner reference that says controller: true."""
    owners = obj.get("metadata", {}).get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def owner_reference(owner: Object) -> Object:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(obj: Object, kind: str) -> Object | None:
    """One entry of status.conditions by its type."""
    conditions = obj.get("status", {}).get("conditions") or ()
    return next((entry for entry in conditions if entry.get("type") == kind), None)


def is_ready(pod: Object) -> bool:
    return (condition(pod, "Ready") or {}).get("status") == "True"


def is_active(pod: Object) -> bool:
    """Counts towards replicas: neither ended nor being deleted."""
    return not is_deleting(pod) and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
