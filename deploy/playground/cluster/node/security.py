"""Who a container's processes are: users, groups and capabilities, as kubelet and containerd decide."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .process import Json

# containerd's default set (pkg/oci defaultUnixCaps).
DEFAULT = tuple(
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
    "SYS_CHROOT KILL AUDIT_WRITE".split()
)
# capabilities(7), by number.
ALL = tuple(
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT "
    "SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE "
    "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ "
    "PERFMON BPF CHECKPOINT_RESTORE".split()
)


class ConfigError(ValueError):
    """The container can't be made as asked (CreateContainerConfigError); the text is the reason."""


@dataclass(frozen=True)
class User:
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


def available() -> frozenset[str]:
    """The capabilities this process may hand on (its bounding set)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            mask = int(line.split()[1], 16)
            return frozenset(name for number, name in enumerate(ALL) if mask >> number & 1)
    return frozenset(ALL)


def capabilities(context: Json, may: frozenset[str]) -> list[str]:
    """CAP_ names for a container's securityContext; adding wins over dropping ALL."""
    if context.get("privileged"):
        return sorted(f"CAP_{name}" for name in may)
    wish = context.get("capabilities") or {}
    drop = {_plain(name) for name in wish.get("drop") or []}
    add = {_plain(name) for name in wish.get("add") or []}
    chosen = set() if "ALL" in drop else set(DEFAULT) - drop
    chosen |= set(ALL) if "ALL" in add else add
    unknown = chosen - set(ALL)
    if unknown:
        raise ConfigError(f"unknown capabilities: {', '.join(sorted(unknown))}")
    return sorted(f"CAP_{name}" for name in chosen & may)


def resolve_user(rootfs: Path, image_user: str, pod: Json, container: Json) -> User:
    """The user of a container: its own securityContext, then the pod's, then the image's."""
    asked = container.get("runAsUser", pod.get("runAsUser"))
    name, _, group = image_user.partition(":")
    word = str(asked) if asked is not None else name or "0"
    entry = _passwd(rootfs, word)
    if entry is None and not word.isdigit():
        raise ConfigError(f"unable to find user {word}: no matching entries in passwd file")
    uid = int(entry[2]) if entry else int(word)
    _check_non_root(uid, asked, name, pod, container)
    gid = container.get("runAsGroup", pod.get("runAsGroup"))
    if gid is None:
        gid = _group_id(rootfs, group) if group and asked is None else int(entry[3]) if entry else 0
    extra = set(pod.get("supplementalGroups") or [])
    extra |= {pod["fsGroup"]} if pod.get("fsGroup") is not None else set()
    extra |= _memberships(rootfs, entry[0]) if entry else set()
    return User(uid, int(gid), tuple(sorted(extra | {int(gid)})))


def _check_non_root(uid: int, asked: int | None, name: str, pod: Json, container: Json) -> None:
    if not container.get("runAsNonRoot", pod.get("runAsNonRoot")):
        return
    if uid == 0:
        what = "container's runAsUser breaks non-root policy" if asked is not None else None
        raise ConfigError(what or "container has runAsNonRoot and image will run as root")
    if asked is None and not name.isdigit():
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root"
        )


def _plain(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _table(rootfs: Path, name: str) -> list[list[str]]:
    path = rootfs / "etc" / name
    if path.is_symlink() or not path.is_file():  # a link could lead out of the root filesystem
        return []
    return [line.split(":") for line in path.read_text(errors="replace").splitlines() if line.count(":") >= 3]


def _passwd(rootfs: Path, word: str) -> list[str] | None:
    column = 2 if word.isdigit() else 0
    return next((row for row in _table(rootfs, "passwd") if row[column] == word), None)


def _group_id(rootfs: Path, word: str) -> int:
    if word.isdigit():
        return int(word)
    for row in _table(rootfs, "group"):
        if row[0] == word:
            return int(row[2])
    raise ConfigError(f"unable to find group {word}: no matching entries in group file")


def _memberships(rootfs: Path, user: str) -> set[int]:
    return {int(row[2]) for row in _table(rootfs, "group") if user in row[3].split(",")}
