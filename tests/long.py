"""`make test-long`: the property tests with many seeds, then the soak tests; resumes by seed.

Each seed is a run of the property tests with THREADCAP_EXAMPLES times the examples. Seeds that passed are kept in
`.tools/long/seeds`, so an interrupted run goes on where it was; a failed seed is named and tried again next time.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DONE = ROOT / ".tools" / "long" / "seeds"


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
    for seed in failed:
        print(f"seed {seed} failed: THREADCAP_EXAMPLES={options.examples} pytest --hypothesis-seed={seed} tests/unit")
    soak = _pytest("-m", "long", "--timeout", "3600")
    return 1 if failed or soak not in (0, 5) else 0


def _seed(seed: int, examples: int) -> bool:
    print(f"seed {seed}", flush=True)
    words = ("-n", "2", "-k", "any or property or properties or exactly_once or machine", f"--hypothesis-seed={seed}")
    code = _pytest(*words, "--timeout", "1800", "tests/unit", examples=examples)
    if code == 0:
        with DONE.open("a") as file:
            file.write(f"{seed}\n")
    return code == 0


def _pytest(*words: str, examples: int = 1) -> int:
    env = {**os.environ, "THREADCAP_EXAMPLES": str(examples)}
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *words], cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
