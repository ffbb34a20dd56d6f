"""The local image catalogue: names to layers and config (see the playground's images package)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from . import mounts
from .process import Json


class ImageMissing(LookupError):
    """The catalogue has no such image; the text is what a kubelet would report."""


@dataclass(frozen=True)
class Image:
    """One image: its layers as directories (lowest first), OCI config and id (sha256:…)."""

    name: str
    layers: list[Path]
    config: Json
    id: str

    def mount(self, home: Path, room: int = 0) -> Path:
        """A root filesystem under `home`, writable for `room` bytes (see small_disk); returns where it is mounted."""
        target, upper = home / "rootfs", home
        if room:
            upper = home / "disk"
            upper.mkdir(parents=True, exist_ok=True)
            mounts.mount("tmpfs", upper, "tmpfs", mounts.NOSUID | mounts.NODEV, f"size={room}")
        mounts.overlay(self.layers, upper / "upper", upper / "work", target)
        return target


class Catalogue:
    """catalog.json of an image store, read again whenever it changed."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._read_at = -1
        self._images: Json = {}

    def find(self, name: str) -> Image:
        """The image of that name (`:latest` may be left out); ImageMissing if there is none."""
        entries = self._entries()
        entry = entries.get(name) or entries.get(f"{name}:latest")
        if entry is None:
            raise ImageMissing(
                f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": {name}: not found'
            )
        digest = hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
        layers = [self._store / "layers" / layer for layer in entry["layers"]]
        return Image(name, layers, entry.get("config") or {}, f"sha256:{digest}")

    def _entries(self) -> Json:
        path = self._store / "catalog.json"
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if changed != self._read_at:
            self._images = json.loads(path.read_text())
            self._read_at = changed
        return self._images
