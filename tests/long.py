"""`make test-long`: the property tests and every fault of tests/chaos with many seeds, then the soak tests.

Each seed is a run of the property tests with THREADCAP_EXAMPLES times the examples, and a trial of each fault. What
passed is kept in `.tools/long/seeds`, so an interrupted run goes on where it was; what failed is named and tried again
next time.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DONE = ROOT / ".tools" / "long" / "seeds"
CHAOS_SEED = "THREADCAP_CHAOS_SEED"


def main() -> int:
    """Run what is left; 1 when a seed or the soak failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--examples", type=int, default=20, help="times the examples of `make test`")
    parser.add_argument("--again", action="store_true", help="forget which seeds passed")
    options = parser.parse_args()
    DONE.parent.mkdir(parents=True, exist_ok=True)
    if options.again:
        DONE.unlink(missing_ok=True)
    passed = set(DONE.read_text().split()) if DONE.exists() else set()
    failed = [seed for seed in range(options.seeds) if str(seed) not in passed and not _seed(seed, options.examples)]
    broken = [seed for seed in range(options.seeds) if f"chaos-{seed}" not in passed and not _chaos(seed)]
    for seed in failed:
        print(f"seed {seed} failed: THREADCAP_EXAMPLES={options.examples} pytest --hypothesis-seed={seed} tests/unit")
    for seed in broken:
        print(f"seed {seed} failed: {CHAOS_SEED}={seed} pytest tests/chaos")
    soak = _pytest("-m", "long", "--timeout", "3600")
    return 1 if failed or broken or soak not in (0, 5) else 0


def _seed(seed: int, examples: int) -> bool:
    print(f"seed {seed}", flush=True)
    words = ("-n", "2", "-k", "any or property or properties or exactly_once or machine", f"--hypothesis-seed={seed}")
    return _noted(str(seed), _pytest(*words, "--timeout", "1800", "tests/unit", THREADCAP_EXAMPLES=str(examples)))


def _chaos(seed: int) -> bool:
    print(f"chaos, seed {seed}", flush=True)
    return _noted(f"chaos-{seed}", _pytest("-n", "2", "--dist", "loadfile", "tests/chaos", **{CHAOS_SEED: str(seed)}))


def _noted(what: str, code: int) -> bool:
    """Whether it passed, which is remembered."""
    if code == 0:
        with DONE.open("a") as file:
            file.write(f"{what}\n")
    return code == 0


def _pytest(*words: str, **variables: str) -> int:
    env = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *words], cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
