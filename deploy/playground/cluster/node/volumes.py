"""A pod's volumes: emptyDir (on disk, or a tmpfs in memory), configMap and secret inline."""

from __future__ import annotations

import base64
import os
from pathlib import Path, PurePosixPath

from . import mounts, small_disk
from .process import Json
from .security import ConfigError

_SUFFIXES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def quantity(text: str | int | float) -> float:
    """A Kubernetes quantity ("64Mi", "250m", 2) as a number; ConfigError if it is none."""
    word = str(text).strip()
    try:
        for suffix, factor in _SUFFIXES.items():
            if word.endswith(suffix):
                return float(word.removesuffix(suffix)) * factor
        return float(word[:-1]) / 1000 if word.endswith("m") else float(word)
    except ValueError as wrong:
        raise ConfigError(f"{word!r} is no quantity") from wrong


def set_up(volume: Json, home: Path, fs_group: int | None, room: int = 0) -> Path:
    """Make one volume's directory under `home` and fill it; returns the directory. `room`: see small_disk."""
    path: Path = home / volume["name"]
    path.mkdir(parents=True, exist_ok=True)
    if "emptyDir" in volume:
        _empty_dir(volume["emptyDir"] or {}, path, room)
    elif "configMap" in volume:
        _files(volume["configMap"], "configmap", volume["configMap"].get("name", ""), path)
    elif "secret" in volume:
        _files(volume["secret"], "secret", volume["secret"].get("secretName", ""), path)
    else:
        raise ConfigError(f"volume {volume['name']!r}: this playground has emptyDir, configMap and secret only")
    if fs_group is not None:
        os.chown(path, -1, fs_group)
        path.chmod(0o2777 if "emptyDir" in volume else 0o2755)
    return path


def tear_down(home: Path) -> None:
    """Unmount the volumes under `home`; the files go with the pod's directory."""
    for path in home.iterdir() if home.is_dir() else []:
        mounts.unmount(path)


def bind_mounts(container: Json, volumes: dict[str, Path]) -> list[Json]:
    """OCI mounts for a container's volumeMounts."""
    found = []
    for wish in container.get("volumeMounts") or []:
        source = volumes.get(wish["name"])
        if source is None:
            raise ConfigError(f"volumeMount {wish['name']!r} names no volume of the pod")
        if wish.get("subPath"):
            source = _sub_path(source, wish["subPath"]).resolve()
            if not source.is_relative_to(volumes[wish["name"]].resolve()):
                raise ConfigError(f"subPath {wish['subPath']!r} leads out of its volume")
            if not source.exists():
                source.mkdir(parents=True)
        mode = "ro" if wish.get("readOnly") else "rw"
        found.append(
            {
                "destination": wish["mountPath"],
                "type": "bind",
                "source": str(source),
                "options": ["rbind", "rprivate", mode],
            }
        )
    return found


def _empty_dir(spec: Json, path: Path, room: int) -> None:
    limit = spec.get("sizeLimit")
    if spec.get("medium") == "Memory":
        size = f",size={int(quantity(limit))}" if limit is not None else ""
        mounts.mount("tmpfs", path, "tmpfs", mounts.NOSUID | mounts.NODEV, f"mode=777{size}")
    elif room:
        small_disk.make(path, room)
    path.chmod(0o777)


def _files(spec: Json, kind: str, name: str, path: Path) -> None:
    if "data" not in spec and not spec.get("optional"):
        raise ConfigError(f'{kind} "{name}" not found')
    data = spec.get("data") or {}
    wanted = {item["key"]: item["path"] for item in spec.get("items") or []} or {key: key for key in data}
    for key, place in wanted.items():
        content = base64.b64decode(data[key]) if kind == "secret" else str(data[key]).encode()
        file = _sub_path(path, place)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(spec.get("defaultMode", 0o644))


def _sub_path(base: Path, word: str) -> Path:
    parts = PurePosixPath(word).parts
    if word.startswith("/") or ".." in parts:
        raise ConfigError(f"{word!r} must be a relative path without '..'")
    return base.joinpath(*parts)
