"""By which methods a target can be recorded, why not by the others, and what is said before. All pure."""

from msgspec.structs import replace

from workers.capture.methods.inside import NET_RAW
from workers.capture.planner import Ranking, announcement, rank
from workers.capture.plans import EXEC_VERBS, Equipment, Right, Survey
from workers.capture.targets import ContainerInfo, PodInfo, Target
from workers.capture.tcpdump import Probe
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef

SPEC = CaptureSpec(TargetRef(TargetKind.POD, "cart-1"), "shop", mode=Mode.RECORD)
POD = PodInfo("shop", "cart-1", phase="Running", containers=(ContainerInfo("app", running=True),))
ALL = Probe(frozenset("tcpdump timeout head tee sha256sum sleep cat chmod /dev/fd".split()), 0, NET_RAW)
MAY_ADD = {
    Right("patch", "pods", "ephemeralcontainers", "shop"): True,
    Right("watch", "pods", "", "shop"): True,
    **{Right(verb, "pods", "exec", "shop"): True for verb in EXEC_VERBS},
}
EQUIPMENT = Equipment("example/it:1")


def asked(pod: PodInfo = POD, spec: CaptureSpec = SPEC) -> Ranking:
    """Rank for a container that has all that a capture needs."""
    return rank(Target(pod, ("app",)), Survey({"app": ALL}, MAY_ADD), spec, EQUIPMENT, "x")


def test_a_container_of_the_customers_never_records() -> None:
    ranking = asked()
    assert [plan.method for plan in ranking.plans] == ["ephemeral"]
    rejected = {one.method: one.reason for one in ranking.rejected}
    for method in ("exec", "sidecar", "upload"):
        assert rejected[method] == "a recording needs a disk of its own, so a container of ours"


def test_a_method_that_can_not_record_is_refused_with_the_reason_when_asked_for() -> None:
    ranking = asked(spec=replace(SPEC, method="exec"))
    assert not ranking.plans
    assert [(one.method, "disk of its own" in one.reason) for one in ranking.rejected] == [("exec", True)]


def test_a_pod_with_a_limited_disk_gets_no_ring() -> None:
    ranking = asked(replace(POD, disk_limited=True))
    assert not ranking.plans
    assert "a ring on it could evict the pod" in next(one.reason for one in ranking.rejected if "ring" in one.reason)


def test_why_a_container_is_added_is_told_as_it_is() -> None:
    told = " ".join(announcement(asked().plans, Mode.RECORD))
    assert told.startswith("A recording of cart-1 needs a container of its own, so the ephemeral container threadcap-x")
    assert "It ends with the recording" in told
