"""What conformance tests put on a cluster, as plain objects. Pure.

The test image needs `sh` and `sleep`; the capture image `sh`, tcpdump and busybox, as deploy/image/Dockerfile makes
it. Traffic is short connections on the pod's loopback, made by a container of the capture image.
"""

from typing import Any

Object = dict[str, Any]

PORT = 8099
_BUSYBOX = "bb=; command -v busybox >/dev/null 2>&1 && bb=busybox\n"
TALK = (
    _BUSYBOX
    + f"""
while :; do echo hello | $bb nc -l -p {PORT} >/dev/null 2>&1 || sleep 1; done &
while :; do
  echo hello | $bb nc -w 5 127.0.0.1 {PORT} >/dev/null 2>&1 || bash -c ': </dev/tcp/127.0.0.1/{PORT}' 2>/dev/null
  sleep 0.1
done
"""
)
POUR = (
    _BUSYBOX
    + f"""
big=$(command -v busybox)
if [ -n "$big" ] && $bb httpd -p {PORT} -h "${{big%/*}}" 2>/dev/null; then
  while :; do $bb wget -q -O /dev/null "http://127.0.0.1:{PORT}/${{big##*/}}"; sleep 0.01; done
fi
while :; do $bb nc -l -p {PORT} >/dev/null; done &
while :; do $bb dd if=/dev/zero bs=65536 count=400 2>/dev/null | $bb nc -w 5 127.0.0.1 {PORT}; done
"""
)
"""Megabytes a second: large segments by HTTP where busybox has a server, else small ones."""
CALL = (
    _BUSYBOX
    + f"""
while :; do for address in "$@"; do echo hello | $bb nc -w 2 "$address" {PORT} >/dev/null 2>&1; done; sleep 0.2; done
"""
)
"""Short connections to other pods' addresses, its parameters: heard on their interfaces, whoever answers."""
IDLE = "sleep 86400"
MAY_CAPTURE: Object = {"runAsUser": 0, "capabilities": {"add": ["NET_RAW"]}}
"""NET_RAW is said: not every runtime grants it by default."""
MAY_NOT: Object = {"runAsUser": 0, "capabilities": {"drop": ["ALL"]}}


def container(name: str, image: str, script: str, context: Object, *words: str) -> Object:
    """A container that runs a shell script with parameters."""
    command = ["sh", "-c", script, "sh", *words] if words else ["sh", "-c", script]
    return {"name": name, "image": image, "command": command, "securityContext": context}


def pod_spec(*containers: Object) -> Object:
    """A pod's spec; shells as first processes ignore SIGTERM, so it is not waited for."""
    return {"containers": list(containers), "terminationGracePeriodSeconds": 1}


def pod(name: str, *containers: Object) -> Object:
    """A pod labelled with its name."""
    return {"metadata": {"name": name, "labels": {"app": name}}, "spec": pod_spec(*containers)}


def deployment(name: str, replicas: int, *containers: Object) -> Object:
    """A deployment whose pods are labelled with its name."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(*containers)}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name}, "spec": spec}


def service(name: str) -> Object:
    """A service in front of a deployment of the same name."""
    return {"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": [{"port": PORT}]}}
