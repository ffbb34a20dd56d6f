"""The client's errors in our words: what failed, why, what to do next. Causes are kept for the log, payloads never."""

import ast
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import urllib3
from kubernetes import client

from workers.capture.exec_stream import ExecRefused
from workers.capture.targets import PodInfo
from workers.contract.errors import ClusterForbidden, ClusterUnavailable, NotCapturable, TargetNotFound, ThreadcapError


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the client's errors into ours; the cause is kept, its text capped, payloads never included."""
    try:
        yield
    except client.ApiException as error:
        raise _translate(error, doing) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _unreachable(f"{doing}: {type(error).__name__}: {str(error)[:200]}") from error
    except ValueError as error:  # the client's models check what they read; the values stay out of the log
        raise ClusterUnavailable(
            "The cluster's API answered something this version of Threadcap can't read. Tell the platform team.",
            detail=f"{doing}: {type(error).__name__} at {_fields(error)}",
        ) from error


def _fields(error: ValueError) -> str:
    """Name the model and fields that did not fit (pydantic's ValidationError), never their values."""
    errors = getattr(error, "errors", None)
    places = [".".join(map(str, one["loc"])) for one in errors(include_input=False)] if callable(errors) else []
    return " ".join([str(getattr(error, "title", "the answer")), *places])[:200]


def _translate(error: Any, doing: str) -> ThreadcapError:
    code, message = code_and_message(error)
    detail = f"{doing}: {code} {message[:300]}"
    if code in (401, 403):
        missing = re.search(r'cannot (\w+) resource "([^"]+)".*?(?: in the namespace "([^"]+)")?$', message)
        where = f" in namespace {missing[3]}" if missing and missing[3] else ""
        what = f" It needs `{missing[1]}` on `{missing[2]}`{where}." if missing else ""
        return ClusterForbidden(
            f"The cluster does not let Threadcap do this.{what} Ask whoever installed Threadcap to grant it.",
            detail=detail,
        )
    if code == 404:
        return TargetNotFound("It is gone: the cluster no longer knows it.", detail=detail)
    if "error dialing backend" in message:  # the API server is there, the kubelet it asks is not
        return ClusterUnavailable(
            "The pod's node does not answer the cluster. Try again in a minute; `kubectl get nodes` shows its state.",
            detail=detail,
        )
    if "container not found" in message:  # how 1.34 refuses a container that is not running, with code 500
        return ExecRefused(
            "That container is not running. Try again when it runs, or name another with `-c NAME`.", detail=detail
        )
    if code == 0 or code >= 500 or code == 429:
        return _unreachable(detail)
    return ExecRefused(_plain(message), detail=detail)


def code_and_message(error: Any) -> tuple[int, str]:
    """Status code and message of an ApiException; a refused WebSocket handshake hides both in `reason`."""
    if error.status:
        return int(error.status), str(_json(error.body or "").get("message") or error.reason or "")
    reason = str(error.reason or "")
    found = re.match(r"Handshake status (\d{3})", reason)
    body = reason.rsplit(" -+-+- ", 1)[-1]
    if body.startswith(("b'", 'b"')):
        with contextlib.suppress(ValueError, SyntaxError):
            body = ast.literal_eval(body).decode(errors="replace")
    return int(found[1]) if found else 0, str(_json(body).get("message") or body)


def _json(text: str | bytes) -> Mapping[str, Any]:
    with contextlib.suppress(ValueError):
        value = json.loads(text)
        if isinstance(value, dict):
            return value
    return {}


def _plain(message: str) -> str:
    return f"The cluster refused: {' '.join(message.split())[:200]}."


def _unreachable(detail: str) -> ClusterUnavailable:
    return ClusterUnavailable("The cluster's API cannot be reached right now. Try again in a minute.", detail=detail)


def not_admitted(pod: PodInfo, message: str) -> NotCapturable:
    if "PodSecurity" in message:
        return NotCapturable(
            f"Pod {pod.name} can't be captured: none of its containers can capture, and the Pod Security level of "
            f"namespace {pod.namespace} forbids the one Threadcap would add (root, NET_RAW). Add tcpdump to an image "
            "of the pod, or ask the platform team.",
            detail=message[:300],
        )
    return NotCapturable(
        f"The cluster did not accept a container for capturing in pod {pod.name}: {' '.join(message.split())[:200]}.",
        detail=message[:300],
    )


def refused_pod(namespace: str, code: int, message: str) -> NotCapturable | None:
    """The error for a pod of ours that quota, Pod Security or a webhook refuses; None for any other answer."""
    plain = " ".join(message.split())[:200]
    if code == 403 and "exceeded quota" in message:
        what = "the namespace's quota leaves no room"
    elif "PodSecurity" in message or "admission webhook" in message or (code == 403 and "cannot create" not in message):
        what = "the cluster's rules forbid it"
    elif code in (400, 422):
        what = "the cluster finds it invalid"
    else:
        return None
    return NotCapturable(
        f"Threadcap's capturing pod may not run in namespace {namespace}: {what} ({plain}). Ask the platform team.",
        detail=plain,
    )
