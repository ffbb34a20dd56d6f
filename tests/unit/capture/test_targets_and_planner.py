"""Which containers a spec means, which one will do, and what people are told otherwise. All pure."""

from dataclasses import replace

import pytest

from workers.capture.planner import NET_RAW, plan
from workers.capture.targets import DEFAULT_CONTAINER, ContainerInfo, PodInfo, Target, choose, not_found
from workers.capture.tcpdump import Probe
from workers.contract.errors import NotCapturable, TargetNotFound
from workers.contract.spec import CaptureSpec, Limits, TargetKind, TargetRef

SPEC = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "cart"), "shop")
APP, SIDE = ContainerInfo("app", running=True), ContainerInfo("tcpdump", running=True)
ALL = Probe(frozenset("tcpdump timeout head tee sha256sum".split()), 0, NET_RAW)


def pod(name: str = "cart-1", *containers: ContainerInfo, **more: object) -> PodInfo:
    return replace(PodInfo("shop", name, phase="Running", containers=containers or (APP, SIDE)), **more)  # type: ignore[arg-type]


def test_every_running_pod_by_name_and_its_containers_in_order() -> None:
    targets, notes = choose(SPEC, [pod("b"), pod("a")], Limits())
    assert [t.pod.name for t in targets] == ["a", "b"]
    assert targets[0].containers == ("app", "tcpdump")
    assert notes == []


def test_of_many_ended_pods_a_few_are_named() -> None:
    ended = ContainerInfo("app", waiting_reason="Completed")
    _, notes = choose(SPEC, [pod("web"), *(pod(f"job-{n}", ended, phase="Succeeded") for n in range(300))], Limits())
    assert notes[0] == "job-0 is Completed and was left out."
    assert notes[-1] == "295 more pods are not running either."
    assert len(notes) == 6


def test_the_default_container_is_tried_first() -> None:
    (target,), _ = choose(SPEC, [pod(annotations={DEFAULT_CONTAINER: "tcpdump"})], Limits())
    assert target.containers == ("tcpdump", "app")


def test_a_named_container_is_the_only_one() -> None:
    (target,), _ = choose(replace(SPEC, container="tcpdump"), [pod()], Limits())
    assert target.containers == ("tcpdump",)


def test_an_unknown_container_gets_the_nearest_name() -> None:
    with pytest.raises(TargetNotFound, match=r"no container tcpdmp; it has app, tcpdump\. Did you mean tcpdump\?"):
        choose(replace(SPEC, container="tcpdmp"), [pod()], Limits())


def test_a_waiting_container_says_why() -> None:
    waiting = ContainerInfo("side", waiting_reason="ImagePullBackOff")
    with pytest.raises(TargetNotFound, match="side of pod cart-1 is ImagePullBackOff"):
        choose(replace(SPEC, container="side"), [pod("cart-1", APP, waiting)], Limits())


def test_pods_that_do_not_run_are_named_and_left_out() -> None:
    crashed = pod("z", ContainerInfo("app", waiting_reason="CrashLoopBackOff"))
    targets, notes = choose(SPEC, [pod("a"), crashed, pod("going", deleting=True)], Limits())
    assert [t.pod.name for t in targets] == ["a"]
    assert notes == ["z is CrashLoopBackOff and was left out.", "going is being deleted and was left out."]


def test_no_running_pod_is_an_error_with_the_reasons() -> None:
    with pytest.raises(TargetNotFound, match=r"No pod of deploy/cart .* a is being deleted"):
        choose(SPEC, [pod("a", deleting=True)], Limits())
    with pytest.raises(TargetNotFound, match="has no pods right now"):
        choose(SPEC, [], Limits())


def test_too_many_pods_are_cut_and_said() -> None:
    targets, notes = choose(SPEC, [pod(f"p{i}") for i in range(5)], Limits(max_pods=2))
    assert [t.pod.name for t in targets] == ["p0", "p1"]
    assert notes == ["5 pods match; the first 2 by name are captured."]


def test_a_name_that_is_not_there_gets_near_ones() -> None:
    assert "Did you mean cart?" in not_found(SPEC, ["cart", "web"]).user_message.replace("There is no", "")
    missing = replace(SPEC, target=TargetRef(TargetKind.SELECTOR, "app=nope"))
    assert "has the labels app=nope" in not_found(missing, []).user_message


def test_the_plan_passes_over_what_lacks_tools_and_says_so() -> None:
    made = plan(Target(pod(), ("app", "tcpdump")), {"app": "it has no sh", "tcpdump": ALL})
    assert made.container == "tcpdump"
    assert "container app: it has no sh" in made.reasons[0]


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (Probe(ALL.tools - {"tcpdump", "tee"}, 0, NET_RAW), "It has no tcpdump, no tee|it has no tcpdump, no tee"),
        (replace(ALL, capabilities=0), "NET_RAW"),
        ("it has no sh", "it has no sh"),
    ],
)
def test_no_container_will_do(probe: Probe | str, words: str) -> None:
    with pytest.raises(NotCapturable, match=words):
        plan(Target(pod(), ("app",)), {"app": probe})


def test_unreadable_capabilities_are_no_reason_to_refuse() -> None:
    assert plan(Target(pod(), ("app",)), {"app": replace(ALL, capabilities=None)}).container == "app"
