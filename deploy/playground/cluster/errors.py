"""Kubernetes' error answers: one exception, `Refusal`, that is a metav1.Status.

Wording from k8s.io/apimachinery/pkg/api/errors and the facts measured on 1.34.
"""

from __future__ import annotations

from dataclasses import dataclass

from .objects import Object
from .resources import Resource

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Refusal(Exception):
    """A request that is answered by a Status object: HTTP code, message, reason, details."""

    def __init__(self, code: int, message: str, *, reason: str = "", details: Object | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details
        self.reason = reason or REASONS.get(code, "")

    def status(self) -> Object:
        body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details:
            body["details"] = self.details
        return body | {"code": self.code}


@dataclass(frozen=True)
class Cause:
    """One fault of a field, as field.Error prints it."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def required(field: str, detail: str = "") -> Cause:
    return Cause(field, f"Required value: {detail}" if detail else "Required value", "FieldValueRequired")


def duplicate(field: str, value: str) -> Cause:
    return Cause(field, f'Duplicate value: "{value}"', "FieldValueDuplicate")


def invalid_value(field: str, value: object, detail: str) -> Cause:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return Cause(field, f"Invalid value: {shown}: {detail}")


def forbidden_field(field: str, detail: str) -> Cause:
    return Cause(field, f"Forbidden: {detail}", "FieldValueForbidden")


def unsupported(field: str, value: str, allowed: tuple[str, ...]) -> Cause:
    choices = ", ".join(f'"{choice}"' for choice in allowed)
    return Cause(field, f'Unsupported value: "{value}": supported values: {choices}', "FieldValueNotSupported")


def _details(resource: Resource, name: str) -> Object:
    details: Object = {"name": name} if name else {}
    if resource.group:
        details["group"] = resource.group
    return details | {"kind": resource.plural}


def bad_request(message: str) -> Refusal:
    return Refusal(400, message)


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized")


def forbidden(resource: Resource, name: str, why: str) -> Refusal:
    subject = f'{resource.qualified} "{name}"' if name else resource.qualified
    return Refusal(403, f"{subject} is forbidden: {why}", details=_details(resource, name))


def not_found(resource: Resource, name: str) -> Refusal:
    return Refusal(404, f'{resource.qualified} "{name}" not found', details=_details(resource, name))


def unknown_path() -> Refusal:
    return Refusal(404, "the server could not find the requested resource", details={})


def method_not_allowed(resource: Resource, action: str) -> Refusal:
    text = f'{action} is not supported on resources of kind "{resource.qualified}"'
    return Refusal(405, text, details=_details(resource, ""))


def already_exists(resource: Resource, name: str) -> Refusal:
    text = f'{resource.qualified} "{name}" already exists'
    return Refusal(409, text, reason="AlreadyExists", details=_details(resource, name))


def conflict(resource: Resource, name: str, why: str = "") -> Refusal:
    why = why or ("the object has been modified; please apply your changes to the latest version and try again")
    text = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Refusal(409, text, details=_details(resource, name))


def expired(message: str) -> Refusal:
    return Refusal(410, message)


def rejected() -> Refusal:
    """422 for a patch that makes sense but does not apply; the server keeps the reason to itself."""
    return Refusal(422, "the server rejected our request due to an error in our request", details={})


def invalid_patch(patch: object, why: str) -> Refusal:
    """422 for a patch whose result is refused before it is looked at (endpoints/handlers/patch.go)."""
    cause = Cause("patch", f'Invalid value: "{_go(patch)}": {why}')
    causes = [{"reason": cause.reason, "message": cause.message, "field": cause.field}]
    return Refusal(422, f' "" is invalid: {cause}', details={"causes": causes})


def _go(value: object) -> str:
    """A JSON value as Go's %+v prints it."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_go, value))}]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def unsupported_media(accepted: tuple[str, ...]) -> Refusal:
    text = "the body of the request was in an unknown format - accepted media types include: "
    return Refusal(415, text + ", ".join(accepted))


def invalid(resource: Resource, name: str, causes: list[Cause]) -> Refusal:
    """422 with details.causes; the kind is spelt as `Pod` or `Deployment.apps`."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    listed = str(causes[0]) if len(causes) == 1 else "[" + ", ".join(map(str, causes)) + "]"
    details: Object = {"name": name, "kind": resource.kind} | ({"group": resource.group} if resource.group else {})
    details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    return Refusal(422, f'{kind} "{name}" is invalid: {listed}', details=details)
