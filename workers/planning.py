"""One job's plans: what the planner (pure) is asked with, what it answers, and the next best when a plan fails."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog
from msgspec.structs import replace

from workers.capture.methods import Capture, Ground
from workers.capture.methods.agent import INTERFACE
from workers.capture.planner import EVERY, Ranking, inside_suffices, rank
from workers.capture.plans import VETH, Plan, Rejected, Survey
from workers.capture.recording import Recording, house
from workers.capture.spool import Spool
from workers.capture.survey import Surveyor
from workers.capture.targets import Target
from workers.capture.tcpdump import tcpdump_argv
from workers.contract.errors import ClusterForbidden, ClusterUnavailable, ThreadcapError
from workers.contract.job import Job, PlannedTarget
from workers.contract.spec import CaptureSpec, Mode
from workers.delivery import Tools
from workers.policy import longest

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Targets asked at once."""


class Planning:
    """Plans for the targets of one job. Safe to use from many threads."""

    def __init__(self, job: Job, tools: Tools) -> None:
        self._job = job
        self._tools = tools
        self._surveyor = Surveyor(tools.cluster, job.spec, tools.equipment, tools.probes)
        self._surveys: dict[tuple[str, str], Survey] = {}
        self._failed: dict[tuple[str, str], list[Rejected]] = {}
        self._lock = threading.Lock()

    def first(self, target: Target) -> Plan:
        """Return the best plan. Raises NotCapturable, ClusterForbidden, … when there is none."""
        survey = self._surveyor.containers(target)
        ranking = self._rank(target, survey)
        if not inside_suffices(ranking):
            ranking = self._whole(target, survey)
        error = self._surveyor.errors.get(target.pod.name)
        if not ranking.plans and not ranking.blocked and isinstance(error, ClusterForbidden | ClusterUnavailable):
            raise error
        return ranking.best()

    def after(self, target: Target, plan: Plan, error: ThreadcapError) -> Plan | None:
        """Return the next best plan once one could not start; None when there is none left."""
        with self._lock:
            self._failed.setdefault(target.key, []).append(Rejected(plan.method, error.user_message.rstrip(".")))
        try:
            plans = self._whole(target, self._surveys.get(target.key, Survey())).plans
        except ThreadcapError as other:
            log.info("no other plan", job=self._job.id, pod=target.pod.name, error=str(other))
            return None
        if not plans:
            return None
        because = f"{plan.method} did not work: {error.user_message.rstrip('.')}"
        return replace(plans[0], reasons=(*plans[0].reasons, because))

    def preview(self, targets: Sequence[Target]) -> list[PlannedTarget]:
        """Return what would be done for each target, every method asked."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"plan-{self._job.id}") as pool:
            return list(pool.map(self._previewed, targets))

    def open(self, target: Target, plan: Plan, spool: Spool, *, resume: bool = False) -> Capture:
        """Return the capture of a plan; nothing has begun."""
        where = ground(self._job, target.filter, self._tools)
        if self._job.spec.mode is Mode.RECORD:
            return Recording(where, plan, spool, house(where, plan), resume=resume)
        return EVERY[plan.method].open(where, plan, spool, resume=resume)

    def _rank(self, target: Target, survey: Survey) -> Ranking:
        with self._lock:
            self._surveys[target.key] = survey
            failed = list(self._failed.get(target.key, ()))
        ranking = rank(target, survey, self._job.spec, self._tools.equipment, self._job.id)
        spent = {one.method for one in failed}
        plans = tuple(plan for plan in ranking.plans if plan.method not in spent)
        rejected = (*failed, *(one for one in ranking.rejected if one.method not in spent))
        return replace(ranking, plans=plans, rejected=rejected)

    def _whole(self, target: Target, survey: Survey) -> Ranking:
        return self._rank(target, self._surveyor.everything(target, survey))

    def _previewed(self, target: Target) -> PlannedTarget:
        ranking = self._whole(target, self._surveyor.containers(target, every=True))
        pod, spec = target.pod, replace(self._job.spec, filter=target.filter)
        rejected = tuple((one.method, one.reason) for one in ranking.rejected)
        others = tuple((one.method, "it would do, too, but comes later") for one in ranking.plans[1:])
        seen = PlannedTarget(pod.namespace, pod.name, pod.node, rejected=(*rejected, *others))
        if not ranking.plans:
            return seen
        plan = ranking.plans[0]
        argv = planned_argv(plan, tcpdump_argv(spec, as_root=plan.may_change_user))
        return replace(
            seen,
            method=plan.method,
            container=plan.container,
            creates=plan.creates,
            argv=argv,
            limits=bounds(spec),
            reasons=plan.reasons,
        )


def ground(job: Job, expression: str, tools: Tools) -> Ground:
    """Return what a method works with, for a target with this filter."""
    spec = replace(job.spec, filter=expression)
    equipment = replace(tools.equipment, ceiling=longest(spec, tools.rules.limits))
    return Ground(tools.cluster, equipment, spec, job.id, tools.static_tcpdump)


def planned_argv(plan: Plan, argv: Sequence[str]) -> tuple[str, ...]:
    """Return tcpdump's argv as it will be there: an uploaded program, an interface that is found on the node."""
    program = f"{plan.folder}/tcpdump" if plan.folder else argv[0]
    seen = f"<the node's side of {INTERFACE}>" if plan.method == VETH else argv[2]
    return program, argv[1], seen, *argv[3:]


def bounds(spec: CaptureSpec) -> str:
    """Say what ends a capture in the pod by itself."""
    packets = f", {spec.max_packets:,} packets" if spec.max_packets else ""
    return f"{spec.duration:g} s, {spec.max_bytes:,} bytes{packets}, first {spec.snaplen:,} bytes of each packet"
