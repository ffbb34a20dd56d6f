"""Fields that nobody knows: what `fieldValidation` (Strict, Warn, Ignore) makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from . import openapi, schemas
from .errors import bad_request, invalid_patch
from .objects import Object
from .resources import Resource


async def learn(resource: Resource) -> None:
    """Have a kind's schema read beside the event loop: the first time that takes a third of a second."""
    if resource.custom is None:
        await asyncio.to_thread(openapi.components, resource)


def check(
    resource: Resource, obj: Object, query: Mapping[str, str], told: list[str], patch: object | None = None
) -> Object:
    """The object without its unknown fields; for them a Refusal(400, after a patch 422) or warnings in `told`."""
    mode = query.get("fieldValidation") or "Warn"
    if resource.custom:
        obj, unknown = schemas.prune(resource.custom.schema, obj)
    else:
        unknown = openapi.prune(resource, obj)
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
