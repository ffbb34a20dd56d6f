"""Reading through the client: one object or none, whole lists page by page."""

import contextlib
import ipaddress
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from kubernetes import client
from kubernetes.watch.watch import iter_resp_lines

T = TypeVar("T")
TIMEOUT = (5, 20)
"""Seconds to connect and to wait for an answer."""
PAGE = 500


def address_towards(url: str) -> str:
    """Return the address we speak to a server from; "" when there is no way to it, or it is on this machine."""
    where = urlsplit(url)
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(where.hostname, where.port or 443, type=socket.SOCK_DGRAM)
        family, kind, _, _, server = found[0]
        with socket.socket(family, kind) as probe:
            probe.connect(server)  # of a datagram socket: nothing is sent
            own = ipaddress.ip_address(probe.getsockname()[0].partition("%")[0])
            return "" if own.is_loopback else str(own)
    return ""


def none_if_absent(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise


def pages(listing: Callable[..., Any], *args: Any, **options: Any) -> Iterator[Any]:
    token = None
    while True:
        answer = listing(*args, limit=PAGE, _continue=token, _request_timeout=TIMEOUT, **options)
        yield from answer.items
        token = answer.metadata.var_continue
        if not token:
            return


def raw_items(listing: Callable[..., Any], *args: Any) -> Iterator[Mapping[str, Any]]:
    """As _pages, but plain JSON: see workers.capture.directory."""
    token = None
    while True:
        answer = listing(*args, limit=PAGE, _continue=token, _request_timeout=TIMEOUT, _preload_content=False)
        page = json.loads(answer.data)
        yield from page.get("items") or ()
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return


def position(listing: Callable[..., Any], *args: Any) -> str:
    """Return the mark of a list as it is now: a watch from there on misses nothing that comes."""
    answer = listing(*args, limit=1, _preload_content=False, _request_timeout=TIMEOUT)
    return str(json.loads(answer.data)["metadata"]["resourceVersion"])


def changes(
    listing: Callable[..., Any], *args: Any, seconds: float, mark: str
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yield (type, object, mark) of every change after `mark`, for `seconds` at most.

    Plain JSON: a watch of a busy namespace is mostly what nobody asked for. Raises ApiException, 410 when `mark` is
    too old.
    """
    answer = listing(
        *args,
        watch=True,
        resource_version=mark,
        allow_watch_bookmarks=True,
        timeout_seconds=max(1, round(seconds)),
        _preload_content=False,
        _request_timeout=(TIMEOUT[0], seconds + TIMEOUT[1]),
    )
    with contextlib.closing(answer):
        for line in iter_resp_lines(answer):
            if not line.strip():
                continue
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise client.ApiException(status=event["object"].get("code", 500), reason=event["object"].get("reason"))
            yield event["type"], event["object"], str(event["object"]["metadata"]["resourceVersion"])
