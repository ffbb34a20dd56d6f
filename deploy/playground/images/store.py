"""The image store on disk: layers named by digest, made aside and renamed, one catalogue replaced at once."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.playground.images.catalog import IMAGES
from deploy.playground.images.layers import LAYERS, Layer
from deploy.playground.images.packages import MissingPackagesError, check_packages, versions

DEFAULT_STORE = Path(os.environ.get("THREADCAP_IMAGE_STORE", "/var/cache/threadcap/images"))
_BUILDER = tuple(Path(__file__).with_name(name) for name in ("layers.py", "packages.py"))


class ImageStoreError(RuntimeError):
    """The store could not be made; the message says what lacks and what to do."""


def build_store(store: Path) -> list[str]:
    """Make every layer that lacks and the catalogue; return the names of layers made (none: up to date).

    Several processes may call it at once: one builds, the others wait. Raises ImageStoreError.
    """
    try:
        check_packages()
        store.mkdir(parents=True, exist_ok=True)
        with _locked(store):
            return _build_locked(store)
    except MissingPackagesError as error:
        raise ImageStoreError(str(error)) from error
    except subprocess.CalledProcessError as error:
        tail = bytes(error.stderr or b"").decode(errors="replace")[-500:]
        raise ImageStoreError(f"Making an image failed: {error}. {tail}".strip()) from error
    except PermissionError as error:
        raise ImageStoreError(f"Making the images needs root: {error}") from error


def prune_store(store: Path) -> list[str]:
    """Remove layers that no image names any more; not while a playground runs on an older build."""
    with _locked(store):
        catalog = json.loads((store / "catalog.json").read_text())
        used = {layer for image in catalog.values() for layer in image["layers"]}
        unused = sorted(path.name for path in (store / "layers").iterdir() if path.name not in used)
        for name in unused:
            shutil.rmtree(store / "layers" / name)
        return unused


def layer_name(kind: str) -> str:
    """`<kind>-<digest of all that the layer is made from>`."""
    layer = LAYERS[kind]
    digest = hashlib.sha256(kind.encode())
    digest.update(json.dumps(_package_inputs(layer), sort_keys=True).encode())
    for source in (*_BUILDER, *layer.sources):
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return f"{kind}-{digest.hexdigest()[:16]}"


def _package_inputs(layer: Layer) -> dict[str, str]:
    # A layer made from our own files alone does not change with a package.
    return {} if layer.sources else versions()


def _build_locked(store: Path) -> list[str]:
    (store / "layers").mkdir(exist_ok=True)
    names = {kind: layer_name(kind) for image in IMAGES.values() for kind in image.layers}
    built = [kind for kind, name in names.items() if _make_layer(store, kind, name)]
    catalog = {image: _entry(image, names) for image in IMAGES}
    _replace(store / "catalog.json", json.dumps(catalog, indent=1) + "\n")
    return built


def _entry(image: str, names: dict[str, str]) -> dict[str, object]:
    layers = [names[kind] for kind in IMAGES[image].layers]
    config = IMAGES[image].config()
    digest = hashlib.sha256(json.dumps([layers, config]).encode()).hexdigest()
    return {"layers": layers, "config": config, "digest": f"sha256:{digest}"}


def _make_layer(store: Path, kind: str, name: str) -> bool:
    """Fill the layer in a folder aside and rename it; False when it is there already."""
    target = store / "layers" / name
    if target.exists():
        return False
    aside = Path(tempfile.mkdtemp(prefix=".building-", dir=store))
    try:
        aside.chmod(0o755)
        LAYERS[kind].fill(aside)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return True


def _replace(path: Path, text: str) -> None:
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.replace(path)


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    """Hold the store's lock; leftovers of a build that was killed are removed under it."""
    with (store / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in store.glob(".building-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
