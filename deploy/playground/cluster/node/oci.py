"""Pure: a Pod's container -> runc's config.json and the process of an exec (OCI runtime spec 1.0.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .process import Json
from .security import ConfigError, User
from .volumes import quantity

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MASKED = "acpi asound kcore keys latency_stats timer_list timer_stats sched_debug scsi".split()
_READONLY = "bus fs irq sys sysrq-trigger".split()
_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")


@dataclass(frozen=True)
class Place:
    """What the node decided for one container: paths, namespaces (None = the node's own) and identity."""

    container_id: str
    cgroup: str
    rootfs: Path
    hostname: str
    user: User
    capabilities: list[str]
    netns: str | None
    pidns: str | None
    host_pid: bool
    mounts: list[Json]
    pod_ips: tuple[str, ...]
    host_ip: str


def config(pod: Json, container: Json, image: Json, place: Place) -> Json:
    """The whole config.json of a container."""
    context = container.get("securityContext") or {}
    privileged = bool(context.get("privileged"))
    return {
        "ociVersion": "1.0.2",
        "process": process(pod, container, image, place),
        "root": {"path": str(place.rootfs), "readonly": bool(context.get("readOnlyRootFilesystem"))},
        "hostname": place.hostname,
        "mounts": [*_mounts(privileged), *place.mounts],
        "linux": {
            "namespaces": _namespaces(place),
            "cgroupsPath": "/" + place.cgroup,
            "resources": _resources(container, privileged),
            **({} if privileged else _hidden()),
        },
    }


def process(pod: Json, container: Json, image: Json, place: Place) -> Json:
    """The container's first process; an exec takes it with other args."""
    context = container.get("securityContext") or {}
    sets = ("bounding", "effective", "permitted")
    environment = _environment(pod, container, image, place)
    return {
        "terminal": bool(container.get("tty")),
        "user": {
            "uid": place.user.uid,
            "gid": place.user.gid,
            "additionalGids": list(place.user.groups),
        },
        "args": _arguments(container, image, dict(word.split("=", 1) for word in environment)),
        "env": environment,
        "cwd": container.get("workingDir") or image.get("WorkingDir") or "/",
        "capabilities": dict.fromkeys(sets, place.capabilities),
        "noNewPrivileges": context.get("allowPrivilegeEscalation") is False,
    }


def expand(text: str, known: Mapping[str, str]) -> str:
    """Kubernetes' $(NAME) references; $$ is a dollar, unknown names stay as they are."""

    def one(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return known.get(found[1], found[0])

    return _REFERENCE.sub(one, text)


def _arguments(container: Json, image: Json, known: Mapping[str, str]) -> list[str]:
    """command replaces Entrypoint and Cmd; args replaces Cmd."""
    command, arguments = container.get("command"), container.get("args")
    if command:
        words = [*command, *(arguments or [])]
    else:
        words = [*(image.get("Entrypoint") or []), *(arguments or image.get("Cmd") or [])]
    if not words:
        raise ConfigError("no command specified")
    return [expand(word, known) for word in words]


def _environment(pod: Json, container: Json, image: Json, place: Place) -> list[str]:
    known = dict(word.split("=", 1) for word in [_PATH, *(image.get("Env") or [])])
    known["HOSTNAME"] = place.hostname
    for entry in container.get("env") or []:
        if "valueFrom" in entry:
            known[entry["name"]] = _value_from(pod, entry["valueFrom"], place)
        else:
            known[entry["name"]] = expand(entry.get("value") or "", known)
    return [f"{name}={value}" for name, value in known.items()]


def _value_from(pod: Json, source: Json, place: Place) -> str:
    path = (source.get("fieldRef") or {}).get("fieldPath")
    if path is None:
        raise ConfigError(f"env valueFrom {', '.join(source)} is not in this playground (fieldRef is)")
    meta, spec = pod["metadata"], pod.get("spec") or {}
    fields = {
        "metadata.name": meta.get("name"),
        "metadata.namespace": meta.get("namespace"),
        "metadata.uid": meta.get("uid"),
        "spec.nodeName": spec.get("nodeName"),
        "spec.serviceAccountName": spec.get("serviceAccountName"),
        "status.podIP": place.pod_ips[0] if place.pod_ips else "",
        "status.podIPs": ",".join(place.pod_ips),
        "status.hostIP": place.host_ip,
    }
    entry = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if entry:
        return str((meta.get(entry[1]) or {}).get(entry[2], ""))
    if path not in fields:
        raise ConfigError(f"env fieldPath {path!r} is not supported")
    return str(fields[path] or "")


def _namespaces(place: Place) -> list[Json]:
    found: list[Json] = [{"type": kind} for kind in ("mount", "uts", "ipc")]
    if place.netns is not None:
        found.append({"type": "network", "path": place.netns})
    if place.pidns is not None:
        found.append({"type": "pid", "path": place.pidns})
    elif not place.host_pid:
        found.append({"type": "pid"})
    return found


def _mount(target: str, kind: str, source: str, options: Iterable[str]) -> Json:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def _mounts(privileged: bool) -> list[Json]:
    common = ["nosuid", "noexec", "nodev"]
    return [
        _mount("/proc", "proc", "proc", common),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount(
            "/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
        ),
        _mount("/dev/shm", "tmpfs", "shm", [*common, "mode=1777", "size=65536k"]),
        _mount("/dev/mqueue", "mqueue", "mqueue", common),
        _mount("/sys", "sysfs", "sysfs", [*common, "rw" if privileged else "ro"]),
    ]


def _hidden() -> Json:
    return {
        "maskedPaths": [*(f"/proc/{name}" for name in _MASKED), "/sys/firmware"],
        "readonlyPaths": [f"/proc/{name}" for name in _READONLY],
    }


def _resources(container: Json, privileged: bool) -> Json:
    wish = container.get("resources") or {}
    limits, requests = wish.get("limits") or {}, wish.get("requests") or {}
    found: Json = {"devices": [{"allow": privileged, "access": "rwm"}]}
    if "memory" in limits:
        found["memory"] = {"limit": int(quantity(limits["memory"]))}
    shares = max(2, int(quantity(requests.get("cpu", limits.get("cpu", 0))) * 1024))
    found["cpu"] = {"shares": shares}
    if "cpu" in limits:
        found["cpu"] |= {"period": 100_000, "quota": max(1000, int(quantity(limits["cpu"]) * 100_000))}
    return found
