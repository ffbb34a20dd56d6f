"""The compiled core, `workers.core.core` (see `core.pyx`).

Where it could not be built, for want of a C compiler, the plain Python stages do its work, some twenty times slower.
"""

from importlib.util import find_spec

BUILT = find_spec("workers.core.core") is not None
"""Whether it is there."""
