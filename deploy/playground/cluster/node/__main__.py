"""`python -m deploy.playground.cluster.node`: init by default; `--role agent` is what init starts."""

from __future__ import annotations

import sys

from . import init, settings


def main() -> int:
    """Run the role asked for; the agent's imports are left to the agent, so that init stays small."""
    role, node = settings.parse(sys.argv[1:])
    if role == "init":
        return init.run(node)
    from .agent import run_agent

    return run_agent(node)


if __name__ == "__main__":
    raise SystemExit(main())
