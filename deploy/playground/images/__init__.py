"""The playground's container images: made from Debian packages of this machine, kept in a folder.

In: the files of the packages named in `packages.REQUIRED` and the scene's apps. Out: a store folder with
`catalog.json` (image name -> layers, config, digest) and `layers/<name>-<digest>/`, each a directory that
overlayfs takes as a lower one. No registry, no network. A layer is named by the digest of what it was made
from, so building again is quick and never changes a layer in use.
"""

from deploy.playground.images.catalog import CAPTURE_IMAGE
from deploy.playground.images.store import DEFAULT_STORE, ImageStoreError, build_store

__all__ = ["CAPTURE_IMAGE", "DEFAULT_STORE", "ImageStoreError", "build_store"]
