"""The kinds that only answer: access, rules, identity and token reviews. Same evaluator as every request."""

from __future__ import annotations

from datetime import UTC, datetime

from . import errors
from .credentials import Tokens
from .objects import Object, timestamp
from .rbac import Attributes, Authorizer, User, rules_status
from .resources import (
    LOCAL_ACCESS,
    SELF_ACCESS,
    SELF_REVIEW,
    SELF_RULES,
    SUBJECT_ACCESS,
    TOKEN_REVIEW,
    Resource,
)

_HOUR = 3600
_SHORTEST, _LONGEST = 600, 1 << 32


class Reviews:
    """Answers a posted review for the user who posts it."""

    def __init__(self, authorizer: Authorizer, tokens: Tokens) -> None:
        self._authorizer, self._tokens = authorizer, tokens

    def answer(self, resource: Resource, body: Object, user: User) -> Object:
        spec = body.get("spec") or {}
        filled = {
            "apiVersion": resource.group_version,
            "kind": resource.kind,
            "metadata": {"creationTimestamp": None},
            "spec": spec,
        }
        if resource is SELF_REVIEW:
            filled.pop("spec")
            filled["metadata"] = {"creationTimestamp": timestamp()}
            return filled | {"status": {"userInfo": user.info()}}
        return filled | {"status": self._status(resource, spec, user)}

    def _status(self, resource: Resource, spec: Object, user: User) -> Object:
        if resource is SELF_RULES:
            namespace = spec.get("namespace") or ""
            if not namespace:
                raise errors.bad_request("no namespace on request")
            return rules_status(list(self._authorizer.rules(user, namespace)))
        if resource is TOKEN_REVIEW:
            found = self._tokens.user(spec.get("token") or "")
            if found is None:
                return {"user": {}, "error": "invalid bearer token"}
            return {"authenticated": True, "user": found.info()}
        assert resource in (SELF_ACCESS, SUBJECT_ACCESS, LOCAL_ACCESS)
        if resource is not SELF_ACCESS:
            user = User(spec.get("user") or "", tuple(spec.get("groups") or ()))
        return self._decision(resource, spec, user)

    def _decision(self, resource: Resource, spec: Object, user: User) -> Object:
        asked, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if not asked and not path:
            text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            cause = errors.invalid_value("spec.resourceAttributes", "null", text)
            raise errors.invalid(resource, "", [cause])
        attributes = (
            Attributes(
                asked.get("verb", ""),
                asked.get("group", ""),
                asked.get("resource", ""),
                asked.get("subresource", ""),
                asked.get("namespace", ""),
                asked.get("name", ""),
            )
            if asked
            else Attributes((path or {}).get("verb", ""), path=(path or {}).get("path", ""))
        )
        allowed = self._authorizer.allows(user, attributes)
        return {"allowed": allowed}

    def issue_token(self, account: Object, body: Object) -> Object:
        """TokenRequest for a ServiceAccount; expirationSeconds is at least 600 as in Kubernetes."""
        spec = body.get("spec") or {}
        seconds = int(spec.get("expirationSeconds") or _HOUR)
        if not _SHORTEST <= seconds <= _LONGEST:
            text = "may not specify a duration less than 10 minutes"
            text = text if seconds < _SHORTEST else "may not specify a duration larger than 2^32 seconds"
            cause = errors.invalid_value("spec.expirationSeconds", seconds, text)
            raise errors.Refusal(
                422,
                f'TokenRequest.authentication.k8s.io "" is invalid: {cause}',
                details={"group": "authentication.k8s.io", "kind": "TokenRequest"},
            )
        token, expiry = self._tokens.issue(account, seconds, list(spec.get("audiences") or ()))
        until = timestamp(datetime.fromtimestamp(expiry, UTC))
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": account["metadata"]["name"],
                "namespace": account["metadata"]["namespace"],
                "creationTimestamp": timestamp(),
            },
            "spec": {**spec, "audiences": spec.get("audiences") or [], "expirationSeconds": seconds},
            "status": {"token": token, "expirationTimestamp": until},
        }
