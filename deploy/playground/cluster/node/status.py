"""Pure: container records -> PodStatus, as a kubelet reports it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

from .limits import EVICTED, Ending
from .process import Json

Kind = Literal["init", "app", "ephemeral"]


@dataclass
class ContainerRecord:
    """What is known of one container; JSON on disk, so that it survives a restart of the agent."""

    name: str
    image: str
    kind: Kind
    state: Json = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Json = field(default_factory=dict)
    restarts: int = 0
    attempt: int = -1
    container_id: str = ""
    image_id: str = ""
    pid: int = 0
    since: float = 0.0
    passed: bool = False
    sidecar: bool = False

    @property
    def running(self) -> bool:
        return "running" in self.state

    @property
    def ready(self) -> bool:
        if self.kind == "init" and not self.sidecar:
            return bool(self.state.get("terminated", {}).get("exitCode") == 0)
        return self.running and self.passed and self.kind != "ephemeral"

    def to_json(self) -> Json:
        return asdict(self)


@dataclass(frozen=True)
class PodFacts:
    """What the status is made of, beside the pod's own spec."""

    records: list[ContainerRecord]
    pod_ips: tuple[str, ...]
    host_ip: str
    start_time: str
    restart_policy: str
    ending: Ending


def pod_status(facts: PodFacts, before: Json, now: str) -> Json:
    """The PodStatus; conditions keep the transition times of the status before."""
    groups = {kind: [r for r in facts.records if r.kind == kind] for kind in ("init", "app", "ephemeral")}
    phase = _phase(facts, groups["init"], groups["app"])
    over = bool(facts.ending.reason) and not any(record.running for record in facts.records)
    phase = "Failed" if over else phase
    status: Json = {
        "phase": phase,
        "conditions": _conditions(phase, groups, bool(facts.pod_ips), before.get("conditions", []), now),
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
        "startTime": facts.start_time,
        "containerStatuses": [_container_status(record) for record in groups["app"]],
    }
    if over:
        status |= asdict(facts.ending)
    if over and facts.ending.reason == EVICTED:
        status["conditions"].append(_disrupted(facts.ending.message, before.get("conditions", []), now))
    if facts.pod_ips:
        status |= {"podIP": facts.pod_ips[0], "podIPs": [{"ip": ip} for ip in facts.pod_ips]}
    for kind in ("init", "ephemeral"):
        if groups[kind]:
            status[f"{kind}ContainerStatuses"] = [_container_status(record) for record in groups[kind]]
    return status


def should_restart(kind: Kind, policy: str, exit_code: int, sidecar: bool = False) -> bool:
    """Whether a container that ended is started again."""
    if kind == "ephemeral":
        return False
    if sidecar:
        return True
    if kind == "init":
        return exit_code != 0 and policy != "Never"
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _phase(facts: PodFacts, inits: list[ContainerRecord], apps: list[ContainerRecord]) -> str:
    policy = facts.restart_policy
    for record in inits:
        ended = record.state.get("terminated")
        if ended and ended["exitCode"] != 0 and policy == "Never":
            return "Failed"
    ends = [record.state.get("terminated") for record in apps]
    codes = [end["exitCode"] for end in ends if end is not None]
    if len(codes) == len(apps) and not any(should_restart("app", policy, code) for code in codes):
        return "Failed" if any(codes) else "Succeeded"
    begun = any(record.running or record.last_state or "terminated" in record.state for record in apps)
    return "Running" if begun else "Pending"


def _conditions(
    phase: str, groups: dict[str, list[ContainerRecord]], sandbox: bool, before: list[Json], now: str
) -> list[Json]:
    done = phase in ("Succeeded", "Failed")
    unready = [record.name for record in groups["app"] if not record.ready]
    unready += [record.name for record in groups["init"] if record.sidecar and not record.ready]
    waiting = [r.name for r in groups["init"] if not (r.ready or (r.sidecar and r.running))]
    not_ready: Json = {}
    if unready:
        not_ready = {"reason": "ContainersNotReady", "message": f"containers with unready status: {_names(unready)}"}
    if done:
        not_ready = {"reason": "PodCompleted" if phase == "Succeeded" else "PodFailed"}
    incomplete: Json = {}
    if waiting and not done:
        incomplete = {
            "reason": "ContainersNotInitialized",
            "message": f"containers with incomplete status: {_names(waiting)}",
        }
    wanted: list[tuple[str, bool, Json]] = [
        ("PodReadyToStartContainers", sandbox and not done, {}),
        ("Initialized", not incomplete, incomplete),
        ("Ready", not not_ready, not_ready),
        ("ContainersReady", not not_ready, not_ready),
        ("PodScheduled", True, {}),
    ]
    return [_condition(kind, value, why, before, now) for kind, value, why in wanted]


def _disrupted(message: str, before: list[Json], now: str) -> Json:
    why = {"reason": "TerminationByKubelet", "message": message}
    return _condition("DisruptionTarget", True, why, before, now)


def _condition(kind: str, value: bool, why: Json, before: list[Json], now: str) -> Json:
    word = "True" if value else "False"
    old = next((c for c in before if c["type"] == kind and c["status"] == word), None)
    since = old["lastTransitionTime"] if old else now
    return {"type": kind, "status": word, "lastProbeTime": None, "lastTransitionTime": since, **why}


def _names(names: list[str]) -> str:
    return "[" + " ".join(names) + "]"


def _container_status(record: ContainerRecord) -> Json:
    status: Json = {
        "name": record.name,
        "image": record.image,
        "imageID": record.image_id,
        "state": record.state,
        "lastState": record.last_state,
        "ready": record.ready,
        "restartCount": record.restarts,
        "started": record.running,
    }
    if record.container_id:
        status["containerID"] = f"containerd://{record.container_id}"
    return status
