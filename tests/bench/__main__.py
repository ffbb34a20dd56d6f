"""`make bench`: every benchmark, each a ratio against a peer in the same run."""

import importlib
import pkgutil
import sys
from pathlib import Path


def main() -> int:
    """Run `main()` of each bench_*.py beside this file."""
    for module in sorted(info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)])):
        if module.startswith("bench_"):
            print(f"== {module}", flush=True)
            importlib.import_module(f"tests.bench.{module}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
