"""The HTTP surface: authenticate, understand, authorize, answer, audit. One handler for every path."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import yaml
from aiohttp import web

from . import discovery, errors, fields, protobuf, requests
from .audit import AuditLog
from .credentials import ANONYMOUS, Tokens, service_account_user
from .errors import Refusal
from .listing import Query
from .objects import Object, name_of
from .patches import json_patch, merge, strategic
from .rbac import Attributes, Authorizer, User
from .registry import DeleteOptions, Registry
from .requests import Asked
from .resources import NAMESPACES, PODS, SERVICE_ACCOUNTS, Resource
from .reviews import Reviews
from .scale import read_scale, write_scale
from .scheduling import mark_disrupted
from .selectors import selector
from .streaming import SENT, Streams

_LOG = logging.getLogger(__name__)
# Without apply-patch: fields have no owners here, and kubectl says that server-side apply is not available.
_PATCHES: dict[str, Callable[[Object, Any], Object]] = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge,
    "application/strategic-merge-patch+json": strategic,
}
_BODIES = ("application/json", "application/yaml", protobuf.MEDIA_TYPE)
_OPEN = ("/healthz", "/livez", "/readyz")
LARGEST_BODY = 3 * 1024 * 1024

Control = Callable[[web.Request], Awaitable[Object]]


@dataclass(frozen=True)
class Call:
    """One authorized request; `told` collects warnings for the client."""

    request: web.Request
    user: User
    asked: Attributes
    told: list[str] = field(default_factory=list)

    @property
    def dry_run(self) -> bool:
        return "dryRun" in self.request.query


class Api:
    """Holds the parts of the server and answers requests with them; `streams` serves exec and log."""

    def __init__(
        self, registry: Registry, authorizer: Authorizer, tokens: Tokens, audit: AuditLog, streams: Streams
    ) -> None:
        self._registry, self._authorizer, self._tokens = registry, authorizer, tokens
        self._audit, self._streams = audit, streams
        self._reviews = Reviews(authorizer, tokens)
        self.controls: dict[str, Control] = {}
        # What a fault set for the server does to a request (see faults.py).
        self.suffer: Callable[[Attributes], Awaitable[None]] | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = requests.parse(request.method, request.path, request.query)
        user: User | None = None
        real = ""
        code = 500
        try:
            holder = self._authenticate(request)
            user = self._impersonated(request, holder)
            real = holder.name if user is not holder else ""
            self._authorize(user, asked.attributes)
            if self.suffer is not None:
                await self.suffer(asked.attributes)
            response = await self._answer(Call(request, user, asked.attributes), asked)
            code = response.status
        except Refusal as refusal:
            code = refusal.code
            response = answer(refusal.status(), refusal.code)
            if pause := (refusal.details or {}).get("retryAfterSeconds"):
                response.headers["Retry-After"] = str(pause)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            # The boundary: a fault of ours must reach the client as Kubernetes' own 500, and our log.
            _LOG.exception("request failed")
            failed = Refusal(500, f"Internal error occurred: {type(error).__name__}")
            response = answer(failed.status(), 500)
        finally:
            # A stream's code is what its head said, however it ended.
            self._audit.write(user, asked.attributes, request.get(SENT, code), by=real)
        return response

    def _authenticate(self, request: web.Request) -> User:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return ANONYMOUS
        user = self._tokens.user(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise errors.unauthorized()
        return user

    def _impersonated(self, request: web.Request, holder: User) -> User:
        """The user named by Impersonate-User, when the holder may (k8s.io/apiserver filters/impersonation)."""
        name = request.headers.get("Impersonate-User")
        if not name:
            return holder
        groups = tuple(request.headers.getall("Impersonate-Group", []))
        parts = name.split(":")
        account = parts[:2] == ["system", "serviceaccount"] and len(parts) == 4
        if account:
            asked = Attributes("impersonate", "", "serviceaccounts", "", parts[2], parts[3])
        else:
            asked = Attributes("impersonate", "", "users", name=name)
        self._authorize(holder, asked)
        for group in groups:
            self._authorize(holder, Attributes("impersonate", "", "groups", name=group))
        if account and not groups:
            return service_account_user(parts[2], parts[3])
        return User(name, (*groups, "system:authenticated"))

    def _authorize(self, user: User, asked: Attributes) -> None:
        if self._authorizer.allows(user, asked):
            return
        if asked.path:
            raise Refusal(403, f"forbidden: {asked.denial(user)}", details={})
        unknown = Resource(asked.group, "", asked.resource, "")
        raise errors.forbidden(unknown, asked.name, asked.denial(user))

    async def _answer(self, call: Call, asked: Asked) -> web.StreamResponse:
        attributes = call.asked
        if attributes.path:
            return await self._plain(call)
        resource = self._registry.catalogue.find(attributes.group, asked.version, attributes.resource)
        if resource is None:
            raise errors.unknown_path()
        if attributes.subresource:
            return await self._subresource(call, resource)
        if attributes.verb not in resource.verbs:
            raise errors.method_not_allowed(resource, attributes.verb)
        if not resource.stored:
            body = await read_body(call.request)
            return answer(self._reviews.answer(resource, body, call.user), 201)
        action: Callable[[Call, Resource], Awaitable[web.StreamResponse]] = getattr(self, f"_{attributes.verb}")
        return await action(call, resource)

    async def _plain(self, call: Call) -> web.StreamResponse:
        path = call.asked.path
        if path in self.controls and call.request.method == "POST":
            return answer(await self.controls[path](call.request))
        if call.asked.verb not in ("get", "head"):
            raise Refusal(405, "the server does not allow this method on the requested resource")
        if path.rstrip("/") in _OPEN or path.startswith(tuple(f"{name}/" for name in _OPEN)):
            return web.Response(text="ok")
        catalogue = self._registry.catalogue
        if discovery.AGGREGATED in call.request.headers.get("Accept", "") and path in ("/api", "/apis"):
            response = answer(discovery.aggregated(catalogue, core=path == "/api"))
            response.headers["Content-Type"] = f"application/json;{discovery.AGGREGATED}"
            return response
        found = discovery.paths(catalogue) if path == "/" else None
        found = found or await asyncio.to_thread(discovery.answer, catalogue, path, call.request.host)
        if found is None:
            raise errors.unknown_path()
        return answer(found)

    async def _get(self, call: Call, resource: Resource) -> web.StreamResponse:
        obj = self._registry.get(resource, self._namespace(call, resource), call.asked.name)
        return self._show(call, resource, obj)

    async def _list(self, call: Call, resource: Resource) -> web.StreamResponse:
        query = call.request.query
        limit = requests.integer(query, "limit") or 0
        found = self._streams.listing.page(self._query(call, resource), limit, query.get("continue", ""))
        return answer(found)

    async def _watch(self, call: Call, resource: Resource) -> web.StreamResponse:
        options = requests.watch_options(call.request.query)
        query = self._query(call, resource)
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache"})
        call.request[SENT] = 200
        await response.prepare(call.request)
        async for line in self._streams.listing.watch(query, options):
            await response.write(line)
        return response

    async def _create(self, call: Call, resource: Resource) -> web.StreamResponse:
        if call.asked.name:
            raise errors.method_not_allowed(resource, "create")
        await fields.learn(resource)
        body = fields.check(resource, await read_body(call.request), call.request.query, call.told)
        namespace = self._namespace(call, resource)
        created = self._registry.create(resource, namespace, body, dry_run=call.dry_run, told=call.told)
        return self._show(call, resource, created, 201)

    async def _update(self, call: Call, resource: Resource) -> web.StreamResponse:
        await fields.learn(resource)
        body = await read_body(call.request)
        return self._change(call, resource, lambda _: body)

    async def _patch(self, call: Call, resource: Resource) -> web.StreamResponse:
        await fields.learn(resource)
        apply, patch = await _patch_of(call.request, resource)
        return self._change(call, resource, lambda old: apply(old, patch), patch)

    def _change(
        self, call: Call, resource: Resource, change: Callable[[Object], Object], patch: Any = None
    ) -> web.StreamResponse:
        namespace, name, sub = self._namespace(call, resource), call.asked.name, call.asked.subresource

        def checked(old: Object) -> Object:
            return fields.check(resource, change(old), call.request.query, call.told, patch)

        done = self._registry.update(
            resource, namespace, name, checked, subresource=sub, dry_run=call.dry_run, told=call.told
        )
        return self._show(call, resource, done)

    async def _delete(self, call: Call, resource: Resource) -> web.StreamResponse:
        options = await _delete_options(call.request)
        gone = self._registry.delete(resource, self._namespace(call, resource), call.asked.name, options)
        return answer(gone)

    async def _deletecollection(self, call: Call, resource: Resource) -> web.StreamResponse:
        options = await _delete_options(call.request)
        query = self._query(call, resource)
        objects = self._streams.listing.select(query)
        for obj in objects:
            self._registry.delete(resource, obj["metadata"].get("namespace", ""), name_of(obj), options)
        listing = {"resourceVersion": str(self._registry.store.revision)}
        return answer(query.view.many(resource, objects, listing))

    async def _subresource(self, call: Call, resource: Resource) -> web.StreamResponse:
        name, verb = call.asked.subresource, call.asked.verb
        known = resource.subresource(name)
        if known is None:
            raise errors.unknown_path()
        if verb not in known.verbs:
            raise errors.method_not_allowed(resource, verb)
        namespace = self._namespace(call, resource)
        if resource is PODS and name in ("attach", "exec", "log"):
            return await self._stream(call)
        obj = self._registry.get(resource, namespace, call.asked.name)
        if name == "scale":
            return await self._scale(call, resource, obj)
        if resource is SERVICE_ACCOUNTS:
            return answer(self._reviews.issue_token(obj, await read_body(call.request)), 201)
        if name == "eviction":
            return await self._evict(call)
        if verb == "get":
            return self._show(call, resource, obj)
        return await (self._patch(call, resource) if verb == "patch" else self._update(call, resource))

    async def _stream(self, call: Call) -> web.StreamResponse:
        asked = call.asked
        if asked.subresource == "log":
            return await self._streams.log(call.request, asked.namespace, asked.name)
        if self._streams.exec_needs_create and asked.verb == "get":
            needed = Attributes("create", "", "pods", asked.subresource, asked.namespace, asked.name)
            self._authorize(call.user, needed)
        return await self._streams.stream(asked.subresource, call.request, asked.namespace, asked.name)

    async def _scale(self, call: Call, resource: Resource, obj: Object) -> web.StreamResponse:
        if call.asked.verb != "get":
            patched = call.asked.verb == "patch"
            apply, body = (
                await _patch_of(call.request, resource) if patched else (_replace, await read_body(call.request))
            )
            obj = self._registry.update(
                resource,
                self._namespace(call, resource),
                call.asked.name,
                lambda old: write_scale(old, apply(read_scale(old), body)),
            )
        return answer(read_scale(obj))

    async def _evict(self, call: Call) -> web.StreamResponse:
        body = await read_body(call.request)
        options: DeleteOptions = requests.delete_options(body.get("deleteOptions") or {}, {})
        pod = self._registry.get(PODS, call.asked.namespace, call.asked.name)
        if not options.dry_run:
            mark_disrupted(self._registry, pod, "EvictionByEvictionAPI", "Eviction API: evicting")
        self._registry.delete(PODS, call.asked.namespace, call.asked.name, options)
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    def _namespace(self, call: Call, resource: Resource) -> str:
        """The namespace objects live in; a cluster-scoped one has none (Namespaces name themselves)."""
        if resource.namespaced and not call.asked.namespace and call.asked.name:
            raise errors.unknown_path()
        if resource.namespaced and not call.asked.namespace and call.asked.verb == "create":
            raise errors.method_not_allowed(resource, "create")
        if not resource.namespaced and call.asked.namespace and resource is not NAMESPACES:
            raise errors.unknown_path()
        return call.asked.namespace if resource.namespaced else ""

    def _query(self, call: Call, resource: Resource) -> Query:
        query = call.request.query
        labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
        return Query(
            resource,
            self._namespace(call, resource),
            selector(labels, fields, resource.kind),
            bool(labels or fields),
            requests.view(call.request.headers.get("Accept", ""), query),
        )

    def _show(self, call: Call, resource: Resource, obj: Object, code: int = 200) -> web.Response:
        view = requests.view(call.request.headers.get("Accept", ""), call.request.query)
        response = answer(view.one(resource, obj), code)
        for text in call.told:
            # RFC 7234 section 5.5, with the code and agent that Kubernetes uses.
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.add("Warning", f'299 - "{quoted}"')
        return response


def answer(body: Object, code: int = 200) -> web.Response:
    """A JSON answer."""
    content = json.dumps(body, separators=(",", ":")).encode() + b"\n"
    return web.Response(body=content, status=code, content_type="application/json")


async def _raw(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        text = f"Request entity too large: limit is {LARGEST_BODY}"
        raise Refusal(413, text, reason="RequestEntityTooLarge") from error


def _decode(content: bytes, media: str) -> Any:
    if media == protobuf.MEDIA_TYPE:
        return protobuf.decode(content)
    try:
        return yaml.safe_load(content) if media.endswith("yaml") else json.loads(content)
    except (ValueError, yaml.YAMLError) as error:
        raise errors.bad_request("the object provided is unrecognized: couldn't get version/kind") from error


async def read_body(request: web.Request) -> Object:
    """The object in the body. Raises Refusal 400, 413 or 415."""
    media = request.content_type
    content = await _raw(request)
    if media not in _BODIES and content and request.headers.get("Content-Type"):
        raise errors.unsupported_media(_BODIES)
    body = _decode(content, media) if content else {}
    if not isinstance(body, dict):
        raise errors.bad_request("the object provided is unrecognized: it is not an object")
    return body


async def _patch_of(request: web.Request, resource: Resource) -> tuple[Callable[[Object, Any], Object], Any]:
    """(how such a patch is applied to an object, the patch)."""
    media = request.content_type
    known = [name for name in _PATCHES if not (resource.custom and "strategic" in name)]
    if media not in known:
        raise errors.unsupported_media(tuple(known))
    apply, patch = _PATCHES[media], _decode(await _raw(request), media)
    if not isinstance(patch, list if apply is json_patch else dict):
        raise errors.bad_request("error decoding patch: it has the wrong shape for its media type")
    return apply, patch


def _replace(_: Object, body: Any) -> Object:
    found: Object = body
    return found


async def _delete_options(request: web.Request) -> DeleteOptions:
    return requests.delete_options(await read_body(request), request.query)
