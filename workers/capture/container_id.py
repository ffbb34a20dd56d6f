"""Which process belongs to a container: its id (status.containerStatuses[].containerID) -> a PID on its node.

Pure: the text of `/proc/*/cgroup` in, numbers out. Every runtime writes the container's id into its cgroup's path,
each in its way (cgroups(7); containerd pkg/cri, CRI-O internal/config/cgmgr, moby daemon/oci_linux):

    cgroupfs          /kubepods/burstable/pod<uid>/<id>
    systemd           /kubepods.slice/…-pod<uid>.slice/cri-containerd-<id>.scope (crio-<id>, docker-<id>)
    drivers at odds   /system.slice/containerd.service/kubepods-pod<uid>.slice:cri-containerd:<id>

With cgroup v1 a process has a line for each hierarchy, with v2 one, on hybrid machines both; read from a cgroup
namespace a path begins with `/../..`. CRI-O's monitor (crio-conmon-<id>) is on the node and not in the container.
"""

import re
from collections.abc import Mapping

_ID = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"(?:(?:cri-containerd|crio|docker)[-:])?([0-9a-f]{64})(?:\.scope)?")
_LISTED = re.compile(r"/proc/(\d+)/cgroup:(.*)")


def parse_id(text: str) -> str:
    """`containerd://<id>` (cri-o, docker) or a bare id -> the id. Raises ValueError when it is none."""
    bare = text.rpartition("://")[2]
    if not _ID.fullmatch(bare):
        raise ValueError(f"{text[:100]!r} is no container id")
    return bare


def parse_listing(text: str) -> dict[int, str]:
    """The output of `grep -H '' /proc/[0-9]*/cgroup` -> each PID's lines; what is no such line is left out."""
    found: dict[int, list[str]] = {}
    for line in text.splitlines():
        if listed := _LISTED.fullmatch(line):
            found.setdefault(int(listed[1]), []).append(listed[2])
    return {pid: "\n".join(lines) for pid, lines in found.items()}


def maybe_pid(container: str, cgroups: Mapping[int, str]) -> int | None:
    """The lowest PID in the container with this (bare) id, None when none is; any will do to enter its namespaces.

    `cgroups`: PID -> text of its cgroup file. Processes of containers within the container don't count.
    """
    return min((pid for pid, text in cgroups.items() if _is_in(container, text)), default=None)


def _is_in(container: str, cgroup: str) -> bool:
    paths = [_ids(line.split(":", 2)[2]) for line in cgroup.splitlines() if line.count(":") >= 2]
    holding = [ids for ids in paths if container in ids]
    return bool(holding) and all(ids[-1] == container for ids in holding)


def _ids(path: str) -> list[str]:
    """The container ids a path goes through, outermost first."""
    # A slice before the colon is the pod's; what is after it names the container as its own component would.
    names = [name.partition(".slice:")[2] or name for name in path.split("/")]
    return [match[1] for name in names if (match := _NAME.fullmatch(name))]
