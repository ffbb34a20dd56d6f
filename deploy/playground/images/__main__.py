"""`python -m deploy.playground.images [--store DIR] [--prune]`: make the image store, or bring it up to date."""

import argparse
import sys
from pathlib import Path

from deploy.playground.images.store import DEFAULT_STORE, ImageStoreError, build_store, prune_store


def main(argv: list[str] | None = None) -> int:
    """Build and say what was made; 1 when the machine lacks something."""
    parser = argparse.ArgumentParser(prog="python -m deploy.playground.images", description=__doc__)
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help=f"folder (default {DEFAULT_STORE})")
    parser.add_argument("--prune", action="store_true", help="remove layers no image names any more")
    arguments = parser.parse_args(argv)
    try:
        built = build_store(arguments.store)
    except ImageStoreError as error:
        print(error, file=sys.stderr)
        return 1
    made = f"{len(built)} layers made: {', '.join(built)}" if built else "nothing to do"
    print(f"images in {arguments.store}: {made}")
    if arguments.prune:
        print(f"removed: {', '.join(prune_store(arguments.store)) or 'nothing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
