"""Who may capture what, for how long, and who may stop it."""

import pytest
from msgspec.structs import replace

from workers.contract.job import Job, Person, TargetProgress
from workers.contract.limits import Limits
from workers.contract.spec import RING_LEAST, CaptureSpec, Mode, TargetKind, TargetRef
from workers.policy import (
    Allowed,
    Denied,
    NeedsApproval,
    Rules,
    Stoppers,
    decide,
    longest,
    may_extend,
    may_grab,
    may_stop,
    preview,
)

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
    assert answer.notes[1] == "Size is limited to 1,000,000 bytes a pod; 5,000,000 were asked for."
    assert answer.notes[2] == "Packets are limited to 100 a pod; 1,000 were asked for."
    assert answer.notes[3] == "Snaplen is limited to 262,144 bytes; 999,999 were asked for."


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


def test_whoever_may_stop_may_extend() -> None:
    job = Job("abcd2345", SPEC, ALICE)
    assert may_extend(job, ALICE, Rules())
    assert may_extend(job, BOB, Rules(admins=(BOB.id,)))
    answer = may_extend(job, BOB, Rules())
    assert isinstance(answer, Denied)
    assert answer.reason == "Only alice, who asked for capture abcd2345, may extend it."
    assert longest(SPEC, Limits()) == 600.0
    assert longest(replace(SPEC, mode=Mode.RECORD), Limits()) == 28_800.0


def reason(answer: object) -> str:
    assert isinstance(answer, Denied)
    return answer.reason


@pytest.mark.parametrize(
    "others",
    [
        (TargetRef(TargetKind.POD, "dns", "kube-system"),),
        (TargetRef(TargetKind.NAMESPACE, "kube-system"),),
        (TargetRef(TargetKind.POD, "y"), TargetRef(TargetKind.SERVICE, "dns", "kube-system")),
    ],
)
def test_every_namespace_that_is_touched_must_be_allowed(others: tuple[TargetRef, ...]) -> None:
    asked = replace(SPEC, others=others)
    assert "kube-system" in reason(preview(asked, ALICE, Rules()))
    assert "kube-system" in reason(decide(asked, ALICE, targets(1), Rules()))
    assert preview(asked, ALICE, Rules(denied_namespaces=()))


def test_a_namespace_that_nothing_is_in_is_not_asked_about() -> None:
    elsewhere = replace(SPEC, target=TargetRef(TargetKind.NAMESPACE, "shop"), namespace="kube-system")
    assert preview(elsewhere, ALICE, Rules())


NODE = TargetRef(TargetKind.NODE, "n1")


def test_whole_nodes_need_a_rule_of_their_own() -> None:
    asked, resolved = replace(SPEC, target=NODE, namespace=""), [TargetProgress("", "", "", "n1")]
    for answer in (preview(asked, ALICE, Rules()), decide(asked, ALICE, resolved, Rules())):
        assert "The team that runs Threadcap can allow them" in reason(answer)
        assert "THREADCAP_WHOLE_NODES" in reason(answer)
    rules = Rules(namespaces=("shop",), whole_nodes=True)
    assert preview(asked, ALICE, rules)
    assert decide(asked, ALICE, resolved, rules)
    both = replace(SPEC, target=NODE, others=(TargetRef(TargetKind.POD, "x", "bank"),))
    assert "namespace bank" in reason(preview(both, ALICE, rules))


def test_what_is_resolved_to_a_whole_node_needs_the_rule_too() -> None:
    assert "whole node" in reason(decide(SPEC, ALICE, [TargetProgress("", "", "", "n1")], Rules()))
    assert "all namespaces" in reason(decide(SPEC, ALICE, [TargetProgress("", "x", "", "n1")], Rules(whole_nodes=True)))


def test_nodes_count_as_pods_do() -> None:
    nodes = [TargetProgress("", "", "", f"n{number}") for number in range(3)]
    rules = Rules(whole_nodes=True, limits=Limits(max_pods=2))
    assert "3 pods" in reason(decide(SPEC, ALICE, nodes, rules))


def test_between_needs_two() -> None:
    between = replace(SPEC, mode=Mode.BETWEEN)
    one, more = TargetRef(TargetKind.POD, "a"), TargetRef(TargetKind.POD, "b")
    assert "1 were named" in reason(preview(between, ALICE, Rules()))
    assert preview(replace(between, others=(one,)), ALICE, Rules())
    assert "3 were named" in reason(preview(replace(between, others=(one, more)), ALICE, Rules()))


def test_ceilings_of_waiting_and_pods() -> None:
    limits = Limits(max_pods=10, max_wait=900.0)
    for fine in (replace(SPEC, wait=900.0, max_pods=10), replace(SPEC, wait=0.0, max_pods=0)):
        assert preview(fine, ALICE, Rules(limits=limits)) == Allowed(fine)
    answer = preview(replace(SPEC, wait=1000.0, max_pods=50), ALICE, Rules(limits=limits))
    assert answer == Allowed(
        replace(SPEC, wait=900.0, max_pods=10),
        (
            "Pods are limited to 10; 50 were asked for.",
            "Waiting is limited to 900 s; 1000 s were asked for.",
        ),
    )
    for nonsense in (replace(SPEC, wait=-1.0), replace(SPEC, wait=float("nan"))):
        answer = preview(nonsense, ALICE, Rules(limits=limits))
        assert isinstance(answer, Allowed)
        assert answer.spec.wait == 900.0


def test_ceilings_of_a_recording_are_its_own() -> None:
    limits = Limits(max_duration=600.0, max_record=7_200.0, max_keep=1_800.0, max_max_bytes=5_000_000)
    fine = replace(SPEC, mode=Mode.RECORD, duration=7_200.0, keep=1_800.0, max_bytes=5_000_000)
    assert preview(fine, ALICE, Rules(limits=limits)) == Allowed(fine)
    more = replace(fine, duration=9_000.0, keep=3_600.0, max_bytes=6_000_000)
    assert preview(more, ALICE, Rules(limits=limits)) == Allowed(
        fine,
        (
            "A recording is limited to 7200 s; 9000 s were asked for.",
            "What a recording keeps is limited to 1800 s; 3600 s were asked for.",
            "The recording's ring is limited to 5,000,000 bytes a pod; 6,000,000 were asked for.",
        ),
    )


@pytest.mark.parametrize("most", [5_000_000, 1_000])
def test_a_ring_is_not_smaller_than_it_can_be(most: int) -> None:
    small = replace(SPEC, mode=Mode.RECORD, duration=60.0, keep=60.0, max_bytes=1_000)
    answer = preview(small, ALICE, Rules(limits=Limits(max_max_bytes=most)))
    assert answer == Allowed(
        replace(small, max_bytes=RING_LEAST),
        ("The recording's ring takes 4,000,000 bytes a pod at least; 1,000 were asked for.",),
    )
    assert preview(answer.spec, ALICE, Rules(limits=Limits(max_max_bytes=most))) == Allowed(answer.spec)


RECORDING = Job("reca2345", replace(SPEC, mode=Mode.RECORD, duration=20_000.0, keep=300.0), ALICE)


def test_a_grab_takes_what_is_there() -> None:
    grab = replace(RECORDING.spec, mode=Mode.GRAB, recording=RECORDING.id)
    assert preview(grab, ALICE, Rules()) == Allowed(grab)  # how long its recording goes on is no matter
    assert preview(replace(grab, last=120.0), ALICE, Rules())
    answer = preview(replace(grab, last=99_999.0), ALICE, Rules())
    assert isinstance(answer, Allowed)
    assert answer.spec.last == 1_800.0
    assert "id of a recording" in reason(preview(replace(grab, recording=""), ALICE, Rules()))


def test_whoever_may_capture_what_is_recorded_may_grab_it() -> None:
    assert may_grab(RECORDING, BOB, Rules())
    assert "namespace shop" in reason(may_grab(RECORDING, ALICE, Rules(denied_namespaces=("shop",))))
    of_node = replace(RECORDING, spec=replace(RECORDING.spec, target=NODE))
    assert "whole node" in reason(may_grab(of_node, ALICE, Rules()))
    assert "no recording" in reason(may_grab(Job("abcd2345", SPEC, ALICE), ALICE, Rules()))
    assert "no recording" in reason(
        may_grab(replace(RECORDING, spec=replace(RECORDING.spec, dry_run=True)), ALICE, Rules())
    )


def test_only_allowed_is_true() -> None:
    assert Allowed(SPEC)
    assert not Denied("no")
    assert not NeedsApproval(SPEC, "ask first")
