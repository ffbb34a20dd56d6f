"""The Pod Security Standards as checks: PodSpec -> Violation or None. Pure.

Levels, allowed values and wording: k8s.io/pod-security-admission/policy and the page "Pod Security Standards".
Checks run in the order of their upstream names, those of baseline first. Left out, since no node here knows
them: SELinux options, Windows host processes, the AppArmor and seccomp annotations of before 1.30.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .objects import Object

_FIELDS = ("initContainers", "containers", "ephemeralContainers")
_DEFAULT_CAPABILITIES = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID "
    "SYS_CHROOT".split()
)
_VOLUMES = frozenset(
    "configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret".split()
)
_SYSCTLS = frozenset(
    "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports "
    "net.ipv4.ip_unprivileged_port_start net.ipv4.ping_group_range net.ipv4.tcp_fin_timeout "
    "net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes net.ipv4.tcp_keepalive_time net.ipv4.tcp_rmem "
    "net.ipv4.tcp_syncookies net.ipv4.tcp_wmem".split()
)
_SECCOMP = ("RuntimeDefault", "Localhost")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")


@dataclass(frozen=True)
class Violation:
    """`reason` says which control, `detail` who breaks it and how."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})"


Check = Callable[[Object], Violation | None]


def _containers(spec: Object) -> Iterator[Object]:
    for field in _FIELDS:
        yield from spec.get(field) or ()


def _context(thing: Object) -> Object:
    return thing.get("securityContext") or {}


def _named(spec: Object, is_bad: Callable[[Object], bool]) -> list[str]:
    """Names of the containers whose securityContext (or {}) is bad."""
    return [str(c.get("name")) for c in _containers(spec) if is_bad(_context(c))]


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _many(noun: str, words: Sequence[object]) -> str:
    return noun if len(words) == 1 else f"{noun}s"


def _who(names: Sequence[str], noun: str = "container") -> str:
    return f"{_many(noun, names)} {_quoted(names)}"


def _uses(names: Sequence[str]) -> str:
    return "uses" if len(names) == 1 else "use"


def _setters(pod: bool, names: Sequence[str]) -> str:
    """`pod`, `container "a"` or `pod and containers "a", "b"`; empty when nobody."""
    return " and ".join((["pod"] if pod else []) + ([_who(names)] if names else []))


def _apparmor(spec: Object) -> Violation | None:
    def is_bad(context: Object) -> bool:
        return (context.get("appArmorProfile") or {}).get("type") == "Unconfined"

    if not (who := _setters(is_bad(_context(spec)), _named(spec, is_bad))):
        return None
    return Violation("forbidden AppArmor profile", f'{who} must not set AppArmor profile type to "Unconfined"')


def _added(context: Object) -> set[str]:
    return {str(name) for name in (context.get("capabilities") or {}).get("add") or ()}


def _forbidden_additions(spec: Object, allowed: frozenset[str]) -> str:
    names = _named(spec, lambda context: bool(_added(context) - allowed))
    found = {name for c in _containers(spec) for name in _added(_context(c)) - allowed}
    return (
        f"{_who(names)} must not include {_quoted(sorted(found))} in securityContext.capabilities.add" if names else ""
    )


def _capabilities_baseline(spec: Object) -> Violation | None:
    detail = _forbidden_additions(spec, _DEFAULT_CAPABILITIES)
    return Violation("non-default capabilities", detail) if detail else None


def _host_namespaces(spec: Object) -> Violation | None:
    shared = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    return Violation("host namespaces", ", ".join(shared)) if shared else None


def _host_paths(spec: Object) -> Violation | None:
    names = [str(volume.get("name")) for volume in spec.get("volumes") or () if "hostPath" in volume]
    return Violation("hostPath volumes", _who(names, "volume")) if names else None


def _host_ports(spec: Object) -> Violation | None:
    found = [
        (str(c.get("name")), p["hostPort"])
        for c in _containers(spec)
        for p in c.get("ports") or ()
        if p.get("hostPort")
    ]
    if not found:
        return None
    names = list(dict.fromkeys(name for name, _ in found))
    ports = sorted({str(port) for _, port in found})
    return Violation("hostPort", f"{_who(names)} {_uses(names)} {_many('hostPort', ports)} {', '.join(ports)}")


def _hosts(container: Object) -> set[str]:
    """Hosts that probes and lifecycle hooks name (forbidden since 1.34)."""
    hooks = container.get("lifecycle") or {}
    handlers = [container.get(probe) or {} for probe in _PROBES] + [hooks.get(hook) or {} for hook in _HOOKS]
    actions = [handler.get(kind) or {} for handler in handlers for kind in ("httpGet", "tcpSocket")]
    return {str(action["host"]) for action in actions if action.get("host")}


def _probe_hosts(spec: Object) -> Violation | None:
    names = sorted(str(c.get("name")) for c in _containers(spec) if _hosts(c))
    hosts = sorted({host for c in _containers(spec) for host in _hosts(c)})
    if not names:
        return None
    what = _many("probe or lifecycle host", hosts)
    return Violation("probe or lifecycle host", f"{_who(names)} {_uses(names)} {what} {_quoted(hosts)}")


def _privileged(spec: Object) -> Violation | None:
    names = _named(spec, lambda context: bool(context.get("privileged")))
    detail = f"{_who(names)} must not set securityContext.privileged=true"
    return Violation("privileged", detail) if names else None


def _proc_mount(spec: Object) -> Violation | None:
    names = _named(spec, lambda context: context.get("procMount", "Default") != "Default")
    detail = f'{_who(names)} must not set securityContext.procMount to "Unmasked"'
    return Violation("procMount", detail) if names else None


def _sysctls(spec: Object) -> Violation | None:
    names = [str(entry.get("name")) for entry in _context(spec).get("sysctls") or ()]
    bad = [name for name in names if name not in _SYSCTLS]
    return Violation("forbidden sysctls", ", ".join(bad)) if bad else None


def _seccomp_type(context: Object) -> str | None:
    found = (context.get("seccompProfile") or {}).get("type")
    return None if found is None else str(found)


def _bad_seccomp(spec: Object) -> Violation | None:
    """Someone says outright that there shall be no profile."""

    def is_bad(context: Object) -> bool:
        return _seccomp_type(context) not in (None, *_SECCOMP)

    if not (who := _setters(is_bad(_context(spec)), _named(spec, is_bad))):
        return None
    return Violation("seccompProfile", f'{who} must not set securityContext.seccompProfile.type to "Unconfined"')


def _seccomp_restricted(spec: Object) -> Violation | None:
    if found := _bad_seccomp(spec):
        return found
    if _seccomp_type(_context(spec)) in _SECCOMP:
        return None
    names = _named(spec, lambda context: _seccomp_type(context) is None)
    text = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Violation("seccompProfile", f"pod or {_who(names)} {text}") if names else None


def _escalation(spec: Object) -> Violation | None:
    names = _named(spec, lambda context: context.get("allowPrivilegeEscalation") is not False)
    detail = f"{_who(names)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", detail) if names else None


def _capabilities_restricted(spec: Object) -> Violation | None:
    def keeps(context: Object) -> bool:
        return "ALL" not in ((context.get("capabilities") or {}).get("drop") or ())

    names = _named(spec, keeps)
    details = [f'{_who(names)} must set securityContext.capabilities.drop=["ALL"]'] if names else []
    if added := _forbidden_additions(spec, frozenset(["NET_BIND_SERVICE"])):
        details.append(added)
    return Violation("unrestricted capabilities", "; ".join(details)) if details else None


def _volumes(spec: Object) -> Violation | None:
    kinds = [(str(v.get("name")), next((k for k in v if k != "name"), "emptyDir")) for v in spec.get("volumes") or ()]
    bad = [(name, kind) for name, kind in kinds if kind not in _VOLUMES]
    if not bad:
        return None
    names, types = [name for name, _ in bad], sorted({kind for _, kind in bad})
    what = f"{_uses(names)} {_many('restricted volume type', types)} {_quoted(types)}"
    return Violation("restricted volume types", f"{_who(names, 'volume')} {what}")


def _non_root(spec: Object) -> Violation | None:
    pod = _context(spec).get("runAsNonRoot")
    names = _named(spec, lambda context: context.get("runAsNonRoot") is False)
    if who := _setters(pod is False, names):
        return Violation("runAsNonRoot != true", f"{who} must not set securityContext.runAsNonRoot=false")
    silent = [] if pod else _named(spec, lambda context: context.get("runAsNonRoot") is None)
    detail = f"pod or {_who(silent)} must set securityContext.runAsNonRoot=true"
    return Violation("runAsNonRoot != true", detail) if silent else None


def _user(spec: Object) -> Violation | None:
    def is_root(context: Object) -> bool:
        return context.get("runAsUser") == 0

    who = _setters(is_root(_context(spec)), _named(spec, is_root))
    return Violation("runAsUser=0", f"{who} must not set runAsUser=0") if who else None


_COMMON_BEFORE: tuple[Check, ...] = (_host_ports, _probe_hosts, _privileged, _proc_mount)
CHECKS: dict[str, tuple[Check, ...]] = {
    "privileged": (),
    "baseline": (
        *(_apparmor, _capabilities_baseline, _host_namespaces, _host_paths, *_COMMON_BEFORE),
        *(_bad_seccomp, _sysctls),
    ),
    # Where restricted says more about the same thing, it speaks instead of baseline.
    "restricted": (
        *(_apparmor, _host_namespaces, *_COMMON_BEFORE, _sysctls),
        *(_escalation, _capabilities_restricted, _volumes, _non_root, _user, _seccomp_restricted),
    ),
}
