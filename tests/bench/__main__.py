"""`make bench [ONLY=…]`: every benchmark, each a ratio against a peer in the same run; numbers in build/bench.json."""

import importlib
import pkgutil
import sys
from pathlib import Path

from tests.bench import results

OUT = Path("build/bench.json")


def main(only: str = "") -> int:
    """Run `main()` of each bench_*.py beside this file whose name holds `only`."""
    results.begin()
    for module in sorted(info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)])):
        if module.startswith("bench_") and only in module:
            print(f"== {module}", flush=True)
            importlib.import_module(f"tests.bench.{module}").main()
            results.write(OUT)
    print(f"numbers: {OUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
