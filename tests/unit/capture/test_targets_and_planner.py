"""Which containers a spec means, which one will do, and what people are told otherwise. All pure."""

from dataclasses import replace

import pytest

from workers.capture.planner import NET_RAW, Offer, Plan, announcement, through_ephemeral, through_exec
from workers.capture.targets import DEFAULT_CONTAINER, SIDECAR, ContainerInfo, PodInfo, Target, choose, not_found
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


def test_a_mesh_proxy_is_never_the_first_by_accident() -> None:
    proxy = ContainerInfo("istio-proxy", running=True)
    (target,), _ = choose(SPEC, [pod("cart-1", proxy, APP, SIDE)], Limits())
    assert target.containers == ("app", "tcpdump", "istio-proxy")
    (target,), _ = choose(SPEC, [pod("cart-1", proxy)], Limits())
    assert target.containers == ("istio-proxy",)


def test_the_sidecar_named_by_annotation_is_tried_second() -> None:
    other = ContainerInfo("other", running=True)
    (target,), _ = choose(SPEC, [pod("cart-1", APP, other, SIDE, annotations={SIDECAR: "tcpdump"})], Limits())
    assert target.containers == ("app", "tcpdump", "other")
    (target,), _ = choose(SPEC, [pod("cart-1", APP, annotations={SIDECAR: "none"})], Limits())
    assert target.containers == ("app",)


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
    made = through_exec(Target(pod(), ("app", "tcpdump")), {"app": "it has no sh", "tcpdump": ALL})
    assert made is not None
    assert (made.container, made.method) == ("tcpdump", "sidecar")
    assert "container app: it has no sh" in made.reasons[0]


def test_the_first_container_that_will_do_needs_no_words() -> None:
    made = through_exec(Target(pod(), ("app", "tcpdump")), {"app": ALL})
    assert made == Plan(pod(), "app", may_change_user=False)


LACKING = [
    (Probe(ALL.tools - {"tcpdump", "tee"}, 0, NET_RAW), "Container app: it has no tcpdump, no tee."),
    (replace(ALL, capabilities=0), "NET_RAW"),
    ("it has no sh", "Container app: it has no sh."),
]


@pytest.mark.parametrize(("probe", "words"), LACKING)
def test_where_no_container_will_do_and_none_may_be_added_both_are_said(probe: Probe | str, words: str) -> None:
    target = Target(pod(), ("app",))
    assert through_exec(target, {"app": probe}) is None
    with pytest.raises(NotCapturable) as refused:
        through_ephemeral(target, {"app": probe}, Offer(refusal="there is no image"), "threadcap-x")
    assert words in refused.value.user_message
    assert "An ephemeral container can't be added: there is no image." in refused.value.user_message


def test_an_ephemeral_container_is_added_where_that_is_allowed() -> None:
    made = through_ephemeral(Target(pod(), ("app",)), {"app": "it has no sh"}, Offer("example/it:1"), "threadcap-x")
    assert (made.method, made.container, made.image) == ("ephemeral", "threadcap-x", "example/it:1")
    assert "stays in the pod's spec" in made.reasons[0]


def test_what_is_added_is_announced_once_for_all_pods() -> None:
    added = [through_ephemeral(Target(pod(f"web-{n}"), ()), {}, Offer("example/it:1"), "threadcap-x") for n in range(5)]
    text = " ".join(announcement([Plan(pod("cart-1"), "app"), *added]))
    assert "No container of web-0, web-1, web-2 and 2 more can capture" in text
    assert "threadcap-x" in text
    assert "its entry stays in the pod's spec" in text
    assert announcement([Plan(pod("cart-1"), "app")]) == []


def test_unreadable_capabilities_are_no_reason_to_refuse() -> None:
    made = through_exec(Target(pod(), ("app",)), {"app": replace(ALL, capabilities=None)})
    assert made is not None
    assert made.container == "app"
