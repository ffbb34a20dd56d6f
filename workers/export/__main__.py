"""The merge in a process of its own: captures are hostile bytes and meet no credentials (decision 10).

In on stdin: `{"sources": [Source, …], "out": path, "names": {address: name}}`. Out on stdout: Merged, as JSON. Runs
without an environment and with bounded memory; workers.merging starts it.
"""

import json
import resource
import sys
from pathlib import Path

from workers.contract import codec
from workers.contract.report import CaptureOutcome
from workers.export.merge import merged
from workers.export.timebase import Source

MEMORY = 1 << 30


def main() -> int:
    """Merge once; an exception ends the process with its kind alone on stderr."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    asked = json.load(sys.stdin)
    try:
        done = merged([_source(one) for one in asked["sources"]], Path(asked["out"]), asked["names"])
    except Exception as error:  # the boundary of the process: what was read is never quoted
        print(type(error).__name__, file=sys.stderr)
        return 1
    json.dump(
        {"notes": done.notes, "size": done.size, "clocks": {k: c.seconds for k, c in done.clocks.items()}}, sys.stdout
    )
    return 0


def _source(one: dict[str, object]) -> Source:
    outcome = codec.decode(CaptureOutcome, one["outcome"])
    path, words = Path(str(one["path"])), {key: str(one[key]) for key in ("name", "node", "method", "filter")}
    return Source(path, outcome=outcome, **words)


if __name__ == "__main__":
    sys.exit(main())
