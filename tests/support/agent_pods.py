"""Pods of our own on a node, as the capture methods make them, for tests of what a cluster lets them see."""

from typing import Any

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.scene import Manifest

HOME = "threadcap"
PRIVILEGED = {"privileged": True}
# `tcpdump -Z root` sets its groups and user, root's own as they are.
RAW_ONLY = {"capabilities": {"drop": ["ALL"], "add": ["NET_RAW", "SETGID", "SETUID"]}}
INTO = 'pid=$(grep -lE "$1" /proc/[0-9]*/cgroup | head -n 1 | cut -d / -f 3); exec nsenter -t "$pid" -n'
DUMP = "timeout -s INT 20 tcpdump -n -U --immediate-mode -Z root"


def agent(name: str, node: str, context: dict[str, Any], command: str = "exec sleep 600", **spec: Any) -> Manifest:
    """A capture pod as the product makes it."""
    limits = {"cpu": "500m", "memory": "64Mi", "ephemeral-storage": "64Mi"}
    container = {
        "name": "capture",
        "image": CAPTURE_IMAGE,
        "command": ["sh", "-c", command],
        "securityContext": context,
        "resources": {"limits": limits},
        "volumeMounts": [{"name": "spool", "mountPath": "/spool"}],
    }
    whole = {
        "nodeName": node,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": 600,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": "spool", "emptyDir": {"sizeLimit": "32Mi"}}],
        **spec,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": HOME}, "spec": whole}
