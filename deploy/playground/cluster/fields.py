"""Bodies in good shape: types, nulls, and what `fieldValidation` (Strict, Warn, Ignore) makes of unknown fields."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping

from . import openapi, schemas
from .errors import bad_request, invalid_patch
from .objects import Object
from .resources import PODS, SECRETS, Resource


async def learn(resource: Resource) -> None:
    """Have a kind's schema read beside the event loop: the first time that takes a third of a second."""
    await asyncio.to_thread(openapi.components, PODS if resource.custom else resource)


def check(
    resource: Resource, obj: Object, query: Mapping[str, str], told: list[str], patch: object | None = None
) -> Object:
    """The object without nulls and unknown fields; for these a Refusal (400, after a patch 422) or words in `told`."""
    mode = query.get("fieldValidation") or "Warn"
    if resource.custom:
        obj, unknown = schemas.prune(resource.custom.schema, obj)
        obj["metadata"] = openapi.read_metadata(obj.get("metadata"))
    else:
        obj, unknown = openapi.read(resource, obj)
    if resource is SECRETS:
        _check_base64(obj.get("data") or {})
    if mode == "Ignore" or not unknown:
        return obj
    texts = [f'unknown field "{path}"' for path in unknown]
    if mode == "Strict":
        why = f"strict decoding error: {', '.join(texts)}"
        if patch is not None:
            raise invalid_patch(patch, why)
        text = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        raise bad_request(f"{text}: {why}")
    told += texts
    return obj


def _check_base64(data: Object) -> None:
    head = 'Secret in version "v1" cannot be handled as a Secret'
    for text in map(str, data.values()):
        try:
            base64.b64decode(text, validate=True)
        except ValueError:
            odd = re.search(r"[^A-Za-z0-9+/=]", text)
            place = odd.start() if odd else len(text) - len(text) % 4
            raise bad_request(f"{head}: illegal base64 data at input byte {place}") from None
