"""A dry run's answer as plain text for a terminal."""

import shlex

from bot.messages.planned import planned_name, tally
from bot.messages.text import visible
from workers.contract.job import Job, PlannedTarget


def plan_text(job: Job) -> str:
    """Return the plan, one paragraph a pod; the command line is as a shell would take it."""
    return "\n\n".join(filter(None, [tally(job), visible(job.message), *map(_target, job.planned)]))


def _target(one: PlannedTarget) -> str:
    where = f" in container {one.container}" if one.container else ""
    rows = [("method", f"{one.method}{where}" if one.method else "none can capture it")]
    rows += [("because", reason) for reason in one.reasons]
    if one.method:
        rows += [("creates", made) for made in one.creates or ("nothing",)]
        rows += [("runs", shlex.join(one.argv)), ("limits", one.limits)]
    rows += [("not", f"{method}: {reason}") for method, reason in one.rejected]
    name, node = planned_name(one)
    head = f"{name} on {node}" if node else name
    return "\n".join([visible(head), *(f"  {label:8} {visible(text)}" for label, text in rows if text)])
