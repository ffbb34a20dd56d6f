"""What a dry run says: for each pod the method, what would be created, the exact argv, the limits, and why not others.

Pods with the same plan are said together, as the replicas of a deployment mostly are: it must be read on a phone.
"""

import shlex

from bot.messages.text import code, count, plain
from workers.contract.job import Job, PlannedTarget

MAX_GROUPS = 20
MAX_NAMED = 10
MAX_ARGV = 900


def tally(job: Job) -> str:
    """Return the plan in a sentence (plain), "" where there is none."""
    if not job.planned:
        return ""
    able, pods = sum(bool(one.method) for one in job.planned), len(job.planned)
    if able == pods:
        can = "It can be captured." if pods == 1 else f"All {pods} pods can be captured."
    else:
        can = f"{able or 'None'} of {count(pods, 'pod')} can be captured."
    return f"{can} Nothing was created or started."


def planned(job: Job) -> list[str]:
    """Return a paragraph for each plan, the pods it is for first (mrkdwn)."""
    groups: dict[object, list[PlannedTarget]] = {}
    for one in job.planned:
        shape = (one.method, one.container, one.creates, one.argv, one.limits, one.reasons, one.rejected)
        groups.setdefault(shape, []).append(one)
    said = [_group(alike) for alike in list(groups.values())[:MAX_GROUPS]]
    if len(groups) > MAX_GROUPS:
        said.append(f"and {len(groups) - MAX_GROUPS} more; `threadcap` in a terminal shows all with --json")
    return said


def _group(alike: list[PlannedTarget]) -> str:
    one = alike[0]
    lines = [", ".join(_pod(pod) for pod in alike[:MAX_NAMED])]
    if len(alike) > MAX_NAMED:
        lines[0] += f" and {len(alike) - MAX_NAMED} more"
    if one.method:
        where = f" in container {code(one.container, 63)}" if one.container else ""
        lines.append(f"*{plain(one.method, 40)}*{where}{_why(one.reasons)}")
        lines.append(f"Creates: {'; '.join(plain(made, 200) for made in one.creates) or 'nothing'}")
        if one.argv:
            lines.append(code(shlex.join(one.argv), MAX_ARGV))
        if one.limits:
            lines.append(f"Limits: {plain(one.limits, 300)}")
    else:
        lines.append(f"*No method can capture it*{_why(one.reasons)}")
    lines += [f"Not {code(method, 40)}: {plain(reason, 240)}" for method, reason in one.rejected[:8]]
    return "\n".join(lines)


def _pod(one: PlannedTarget) -> str:
    name, node = planned_name(one)
    return f"{code(name, 120)} on {plain(node, 63)}" if node else code(name, 120)


def planned_name(one: PlannedTarget) -> tuple[str, str]:
    """Return what a plan is for and the node it is on, raw; a whole node is in no namespace, and on no other."""
    if not one.namespace:
        return f"node/{one.pod.removeprefix('node/') or one.node}", ""
    return f"{one.namespace}/{one.pod}", one.node


def _why(reasons: tuple[str, ...]) -> str:
    return f": {'; '.join(plain(reason, 240) for reason in reasons[:4])}" if reasons else ""
