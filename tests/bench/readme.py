"""`python -m tests.bench.readme`: README's performance table, from build/bench.json."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.bench.processes import ROOT
from tests.bench.table import lines

BEGIN, END = "<!-- bench: made by python -m tests.bench.readme -->", "<!-- /bench -->"
HEADER = ("| bold: on comparable facts | asked for | all facts | TCP facts alone |", "| --- | --- | --- | --- |")


def table(told: Mapping[str, Any]) -> str:
    """The table with where, when and of which commit, as Markdown between its marks."""
    day = datetime.fromtimestamp(told["at"], UTC).date()
    where = f"{told['cpus']} cores of {told['machine']}, load {told['load']:.1f}, {day}, commit {told['commit']}"
    rows = [f"| {' | '.join(row)} |" for row in lines(told["found"])]
    return "\n".join([BEGIN, f"Measured by `make bench ONLY=analysis` on {where}:", "", *HEADER, *rows, END])


def replaced(readme: str, new: str) -> str:
    """README with another table. Raises ValueError where the marks are missing."""
    before, mark, rest = readme.partition(BEGIN)
    _, other, after = rest.partition(END)
    if not mark or not other:
        raise ValueError(f"README.md has no {BEGIN} ... {END}")
    return before + new + after


def main() -> int:
    """Write it."""
    path = ROOT / "README.md"
    told = json.loads((ROOT / "build" / "bench.json").read_text())
    path.write_text(replaced(path.read_text(), table(told)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
