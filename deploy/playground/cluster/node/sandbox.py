"""What containers of a pod share beside the network: etc files, fault control, a PID namespace."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from . import cgroups, clock
from .network import CLUSTER_DNS
from .process import Json, ToolError
from .runtime import kill

_DOMAIN = "cluster.local"
_HOLD_SECONDS = 3.0


def hostname(pod: Json, node: str) -> str:
    """The pod's host name: spec.hostname, else its name (63 characters at most), else the node's."""
    if pod["spec"].get("hostNetwork"):
        return node
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return name[:63].rstrip("-.")


def write_files(home: Path, pod: Json, node: str, ips: tuple[str, ...]) -> None:
    """hosts, hostname, resolv.conf and the control directory under the pod's home."""
    etc = home / "etc"
    etc.mkdir(exist_ok=True)
    name = hostname(pod, node)
    (etc / "hostname").write_text(f"{name}\n")
    lines = ["# Kubernetes-managed hosts file.", "127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost"]
    lines += [f"{ip}\t{name}" for ip in ips]
    for alias in pod["spec"].get("hostAliases") or []:
        lines.append("\t".join([alias["ip"], *alias.get("hostnames", [])]))
    (etc / "hosts").write_text("\n".join(lines) + "\n")
    (etc / "resolv.conf").write_text(resolv_conf(pod))
    for name in ("dns", "clock"):
        (home / "control" / name).mkdir(parents=True, exist_ok=True)
    write_fault(home, {"kind": "none", "delayMs": 0})


def resolv_conf(pod: Json) -> str:
    """resolv.conf(5) by the pod's dnsPolicy and dnsConfig."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    extra = spec.get("dnsConfig") or {}
    servers, searches, options = list(extra.get("nameservers") or []), list(extra.get("searches") or []), []
    cluster = policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not spec.get("hostNetwork"))
    if cluster:
        namespace = pod["metadata"].get("namespace", "default")
        servers.insert(0, CLUSTER_DNS)
        searches = [f"{namespace}.svc.{_DOMAIN}", f"svc.{_DOMAIN}", _DOMAIN, *searches]
        options = ["ndots:5"]
    for option in extra.get("options") or []:
        options.append(option["name"] + (f":{option['value']}" if option.get("value") else ""))
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {server}" for server in servers]
    lines += [f"options {' '.join(options)}"] if options else []
    return "".join(f"{line}\n" for line in lines)


def container_mounts(home: Path, dns: Path, shim: Path) -> list[Json]:
    """The files every container gets; /run/threadcap is read-only and holds fault.json, dns/hosts and clock."""
    read_only = ["rbind", "rprivate", "ro"]
    found = [_bind(f"/etc/{name}", home / "etc" / name, ["rbind", "rprivate", "rw"]) for name in _ETC]
    found.append(_bind("/run/threadcap", home / "control", read_only))
    found += [_bind("/run/threadcap/dns", dns, read_only), _bind(clock.INSIDE, shim, read_only)]
    return found


def write_fault(home: Path, fault: Json) -> None:
    """fault.json for the app, replaced in one step."""
    directory = home / "control"
    aside = directory / ".fault.json"
    delay = fault["delayMs"] if fault["kind"] == "delay" else 0
    aside.write_text(json.dumps({"kind": fault["kind"], "delayMs": delay}))
    aside.chmod(0o644)
    aside.rename(directory / "fault.json")


async def hold_pids() -> int:
    """A PID namespace for shareProcessNamespace, held by a process that reaps; returns its PID."""
    words = ["--pid", "--fork", "--kill-child", "env", "--ignore-signal=CHLD", "sleep", "infinity"]
    null = asyncio.subprocess.DEVNULL
    holder = await asyncio.create_subprocess_exec("unshare", *words, stdin=null, stdout=null, stderr=null)
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    async with asyncio.timeout(_HOLD_SECONDS):
        while holder.returncode is None:
            found = children.read_text().split()  # noqa: ASYNC240 - procfs does not block
            if found:
                return int(found[0])
            await asyncio.sleep(0.002)
    raise ToolError("the pod's PID namespace could not be made")


def release_pids(pid: int) -> None:
    """End a PID namespace of hold_pids; 0 is none."""
    if pid:
        kill(pid, signal.SIGKILL)


def remove_cgroup(relative: str) -> None:
    """Remove the pod's own cgroup; what is still busy is left to the node's end."""
    cgroups.remove(relative, 0.0)


_ETC = ("hosts", "hostname", "resolv.conf")


def _bind(target: str, source: Path, options: list[str]) -> Json:
    return {"destination": target, "type": "bind", "source": str(source), "options": options}
