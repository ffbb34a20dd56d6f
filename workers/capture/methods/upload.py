"""Method `upload`: a static tcpdump of ours streamed into a container that has none, and removed afterwards.

For pods nobody may add anything to, whose container runs as root with NET_RAW (as most do that set nothing) and has a
folder to write to and run from. The capture is attached, as in every container of a customer.
"""

import contextlib
import time
from pathlib import Path

import structlog
from msgspec.structs import replace

from workers.capture import errands
from workers.capture.attached import AttachedCapture
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDERR
from workers.capture.methods import Capture, Ground
from workers.capture.methods.inside import NET_RAW, NOT_ASKED, attached_plan, no_container, wrapper
from workers.capture.plans import UPLOAD, Equipment, Plan, Rejected, Right, Survey
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.targets import Target
from workers.capture.tcpdump import NEEDED, Probe, marker
from workers.contract.errors import NotCapturable, TargetNotFound, ThreadcapError
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec

log = structlog.get_logger(__name__)

SECONDS = 60.0
"""How long the upload may take."""
PIECE = 32 << 10
"""Bytes a frame carries at most."""
TOOLS = ("chmod", *NEEDED)


def folder_name(job_id: str) -> str:
    """The name of the folder an upload makes; the program in it is called tcpdump, as it names itself in complaints."""
    return f"threadcap-{job_id}"


class Upload:
    """See the module."""

    name = UPLOAD

    def needs(self, target: Target, equipment: Equipment) -> tuple[Right, ...]:
        """See Method.needs."""
        return (Right("create", "pods", "exec", target.pod.namespace),)

    def plan(
        self, target: Target, survey: Survey, spec: CaptureSpec, equipment: Equipment, job_id: str
    ) -> Plan | Rejected:
        """See Method.plan."""
        if not target.containers:
            return Rejected(self.name, no_container(target))
        container = target.containers[0]
        probe = survey.probes.get(container, NOT_ASKED)
        if isinstance(probe, str):
            return Rejected(self.name, f"container {container}: {probe}")
        if why := self._unfit(probe, equipment):
            return Rejected(self.name, f"container {container}: {why}")
        folder = f"{probe.writable[0].rstrip('/')}/{folder_name(job_id)}"
        adds = f"folder {folder} with a tcpdump in container {container} of pod {target.pod.name}, removed afterwards"
        about = f"with a static tcpdump uploaded to container {container} and removed afterwards"
        plan = attached_plan(self.name, target, container, probe, about)
        return replace(plan, creates=(adds,), machine=probe.machine, folder=folder)

    def open(self, ground: Ground, plan: Plan, spool: Spool, *, resume: bool = False) -> Capture:
        """See Method.open."""
        return UploadCapture(ground, plan, spool, there=resume)

    def _unfit(self, probe: Probe, equipment: Equipment) -> str:
        if probe.machine not in equipment.machines:
            return f"there is no static tcpdump for its machine ({probe.machine or 'unknown'})"
        if missing := [tool for tool in TOOLS if tool not in probe.tools]:
            return f"it has no {', no '.join(missing)}"
        if probe.uid != 0:
            return "it does not run as root, and an uploaded program gets no capabilities"
        if probe.capabilities is not None and not probe.capabilities & NET_RAW:
            return "it runs without the capability NET_RAW"
        return "" if probe.writable else "it has no folder to write to"


class UploadCapture(AttachedCapture):
    """An attached capture whose program is brought first and removed at the end."""

    def __init__(self, ground: Ground, plan: Plan, spool: Spool, *, there: bool = False) -> None:
        argv = wrapper(ground, plan, f"{plan.folder}/tcpdump")
        super().__init__(ground.cluster, plan, ground.spec, ground.job_id, spool, argv)
        self._ground = ground
        self._upload = plan
        self._there = there

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        self._there = True
        folder, name = self._ground.static_tcpdump, self._ground.equipment.machines.get(self._upload.machine)
        if folder is None or name is None:
            raise NotCapturable(
                "There is no static tcpdump to upload. Tell the platform team (THREADCAP_STATIC_TCPDUMP)."
            )
        bring(self._ground.cluster, self._upload, folder / name, self._ground.job_id)
        return super().run(runner)

    def close(self) -> bool:
        """See Capture.close."""
        removed = not self._there or remove(self._ground.cluster, self._upload, self._ground.job_id)
        self._there = False
        return super().close() and removed


def bring(cluster: Cluster, plan: Plan, program: Path, job_id: str) -> None:
    """Stream `program` to plan.folder. Raises NotCapturable when it does not arrive whole or can't run there."""
    data = program.read_bytes()
    argv = ["sh", "-c", errands.UPLOAD, "threadcap-upload", marker(job_id), plan.folder, str(len(data))]
    opened = cluster.open_exec(plan.pod, plan.container, argv)
    said, deadline = bytearray(), time.monotonic() + SECONDS
    with contextlib.closing(opened):
        for start in range(0, len(data), PIECE):
            opened.send(data[start : start + PIECE])
        for channel, piece in opened.frames(tick=1.0):
            if channel == STDERR:
                said += piece[:400]
            if b"##uploaded" in said or time.monotonic() > deadline:
                break
    if b"##uploaded" not in said:
        why = said.decode(errors="replace").strip()[:160] or "it did not arrive in time"
        raise NotCapturable(
            f"tcpdump could not be uploaded to container {plan.container} of pod {plan.pod.name}: {why}."
        )


def remove(cluster: Cluster, plan: Plan, job_id: str) -> bool:
    """Delete what was uploaded; False when it could not be tried. Never raises."""
    argv = ["sh", "-c", errands.REMOVE, "threadcap-remove", marker(job_id), folder_name(job_id)]
    try:
        return cluster.run(plan.pod, plan.container, argv).status is not None
    except ThreadcapError as error:
        log.warning("upload not removed", pod=plan.pod.name, folder=folder_name(job_id), error=str(error))
        return isinstance(error, TargetNotFound)
