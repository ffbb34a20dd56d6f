"""How many examples a property test tries: as written in `make test`, many times more in `make test-long`."""

import os

SCALE = int(os.environ.get("THREADCAP_EXAMPLES", "1"))


def examples(count: int) -> int:
    """Return `count`, scaled for the long run."""
    return count * SCALE
