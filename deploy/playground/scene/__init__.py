"""The scene: a small shop whose pods talk all the time, so that a capture has something to show.

`manifests/` holds plain Kubernetes manifests, valid on any cluster that has the images; `apps/` the programs
inside the images, one file each, standard library only (they run on the image's own Python 3.11).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

MANIFESTS = Path(__file__).with_name("manifests")
RBAC = Path(__file__).resolve().parents[2] / "rbac"

Manifest = dict[str, Any]


def load_manifests(folder: Path = MANIFESTS) -> list[Manifest]:
    """All objects of the folder's YAML files, in file order: namespaces come first by their file's name."""
    return list(_objects(sorted(folder.glob("*.yaml"))))


def _objects(paths: list[Path]) -> Iterator[Manifest]:
    for path in paths:
        yield from (document for document in yaml.safe_load_all(path.read_text()) if document)
