"""Fields that nobody knows: what `fieldValidation` (Strict, Warn, Ignore) makes of them."""

from __future__ import annotations

from collections.abc import Mapping

from . import openapi, schemas
from .errors import bad_request
from .objects import Object
from .resources import Resource


def check(resource: Resource, obj: Object, query: Mapping[str, str], told: list[str]) -> Object:
    """The object as it is; a Refusal(400) or warnings in `told` for its unknown fields."""
    mode = query.get("fieldValidation") or "Warn"
    if mode == "Ignore" or not (unknown := unknown_fields(resource, obj)):
        return obj
    texts = [f'unknown field "{path}"' for path in unknown]
    if mode == "Strict":
        text = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        raise bad_request(f"{text}: strict decoding error: {', '.join(texts)}")
    told += texts
    return obj


def unknown_fields(resource: Resource, obj: Object) -> list[str]:
    """Paths that the kind doesn't have."""
    return schemas.prune(resource.custom.schema, obj)[1] if resource.custom else openapi.unknown_fields(resource, obj)
