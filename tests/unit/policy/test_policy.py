"""Who may capture what, for how long, and who may stop it."""

from dataclasses import replace

import pytest

from workers.contract.job import Job, Person, TargetProgress
from workers.contract.spec import CaptureSpec, Limits, TargetKind, TargetRef
from workers.policy import Allowed, Denied, NeedsApproval, Rules, Stoppers, decide, may_stop, preview

ALICE, BOB = Person("U0ALICE", "alice"), Person("U0BOB", "bob")
SPEC = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "web"), "shop")


def targets(number: int, namespace: str = "shop") -> list[TargetProgress]:
    return [TargetProgress(namespace, f"web-{index}", "app") for index in range(number)]


def test_allowed_by_default_everywhere_but_kube_system() -> None:
    assert preview(SPEC, ALICE, Rules()) == Allowed(SPEC)
    answer = preview(replace(SPEC, namespace="kube-system"), ALICE, Rules())
    assert isinstance(answer, Denied)
    assert answer.reason == (
        "Captures in namespace kube-system are not allowed here. Allowed: all namespaces but kube-system."
    )


@pytest.mark.parametrize(
    ("namespace", "allowed"),
    [("team-a", True), ("team-b", True), ("team-secret", False), ("other", False), ("TEAM-a", False), ("", False)],
)
def test_namespace_patterns(namespace: str, allowed: bool) -> None:
    rules = Rules(namespaces=("team-*",), denied_namespaces=("*-secret",))
    answer = preview(replace(SPEC, namespace=namespace), ALICE, rules)
    assert bool(answer) is allowed
    assert allowed or (isinstance(answer, Denied) and "Allowed: namespaces team-* but *-secret." in answer.reason)


def test_all_namespaces_at_once_are_never_allowed() -> None:
    answer = preview(replace(SPEC, namespace=""), ALICE, Rules())
    assert isinstance(answer, Denied)
    assert "all namespaces at once" in answer.reason


def test_no_namespace_allowed() -> None:
    answer = preview(SPEC, ALICE, Rules(namespaces=()))
    assert isinstance(answer, Denied)
    assert "ask the team" in answer.reason


def test_a_resolved_target_elsewhere_is_denied() -> None:
    answer = decide(SPEC, ALICE, [*targets(1), *targets(1, "kube-system")], Rules())
    assert isinstance(answer, Denied)
    assert "kube-system" in answer.reason


def test_too_many_pods_are_denied_with_a_way_out() -> None:
    assert decide(SPEC, ALICE, targets(10), Rules()) == Allowed(SPEC)
    assert decide(SPEC, ALICE, targets(10) * 3, Rules()) == Allowed(SPEC)
    answer = decide(SPEC, ALICE, targets(11), Rules())
    assert isinstance(answer, Denied)
    assert "11 pods" in answer.reason
    assert "10 at most" in answer.reason
    assert "pod/web-0" in answer.reason


def test_ceilings_reduce_and_say_so() -> None:
    limits = Limits(max_duration=60.0, max_max_bytes=1_000_000, max_max_packets=100)
    asked = replace(SPEC, duration=90.0, max_bytes=5_000_000, max_packets=1000, snaplen=999_999)
    answer = decide(asked, ALICE, targets(1), Rules(limits=limits))
    assert isinstance(answer, Allowed)
    assert answer.spec == replace(SPEC, duration=60.0, max_bytes=1_000_000, max_packets=100, snaplen=262_144)
    assert len(answer.notes) == 4
    assert answer.notes[0] == "Time is limited to 60 s; 90 s were asked for."


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan"), float("inf")])
def test_senseless_durations_become_the_ceiling(duration: float) -> None:
    answer = preview(replace(SPEC, duration=duration), ALICE, Rules())
    assert isinstance(answer, Allowed)
    assert answer.spec.duration == 600.0


def test_who_may_stop() -> None:
    job = Job("abcd2345", SPEC, ALICE)
    assert may_stop(job, ALICE, Rules())
    assert may_stop(job, BOB, Rules(admins=(BOB.id,)))
    assert may_stop(job, BOB, Rules(stoppers=Stoppers.ANYONE))
    answer = may_stop(job, BOB, Rules())
    assert isinstance(answer, Denied)
    assert answer.reason == "Only alice, who asked for capture abcd2345, may stop it."
    answer = may_stop(job, BOB, Rules(admins=("U0CAROL",)))
    assert isinstance(answer, Denied)
    assert answer.reason == "Only alice, who asked for capture abcd2345, or an admin of Threadcap, may stop it."


def test_only_allowed_is_true() -> None:
    assert Allowed(SPEC)
    assert not Denied("no")
    assert not NeedsApproval(SPEC, "ask first")
