"""Which containers a spec means, which one will do, and what people are told otherwise. All pure."""

from typing import Any

import pytest
from msgspec.structs import replace

from workers.capture.methods.inside import NET_RAW
from workers.capture.planner import Ranking, announcement, inside_suffices, rank
from workers.capture.plans import Equipment, Plan, Rejected, Right, Survey
from workers.capture.shapes import node_target
from workers.capture.targets import (
    DEFAULT_CONTAINER,
    SIDECAR,
    ContainerInfo,
    NodeInfo,
    PodInfo,
    Target,
    capped,
    choose,
    not_found,
)
from workers.capture.tcpdump import Probe
from workers.contract.errors import NotCapturable, TargetNotFound
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef

SPEC = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "cart"), "shop")
APP, SIDE = ContainerInfo("app", running=True), ContainerInfo("tcpdump", running=True)
ALL = Probe(frozenset("tcpdump timeout head tee sha256sum sleep cat chmod /dev/fd".split()), 0, NET_RAW)


def pod(name: str = "cart-1", *containers: ContainerInfo, **more: object) -> PodInfo:
    return replace(PodInfo("shop", name, phase="Running", containers=containers or (APP, SIDE)), **more)


def test_every_running_pod_by_name_and_its_containers_in_order() -> None:
    targets, notes = choose(SPEC, [pod("b"), pod("a")])
    assert [t.pod.name for t in targets] == ["a", "b"]
    assert targets[0].containers == ("app", "tcpdump")
    assert notes == []


def test_of_many_ended_pods_a_few_are_named() -> None:
    ended = ContainerInfo("app", waiting_reason="Completed")
    _, notes = choose(SPEC, [pod("web"), *(pod(f"job-{n}", ended, phase="Succeeded") for n in range(300))])
    assert notes[0] == "job-0 is Completed and was left out."
    assert notes[-1] == "295 more pods are not running either."
    assert len(notes) == 6


def test_the_default_container_is_tried_first() -> None:
    (target,), _ = choose(SPEC, [pod(annotations={DEFAULT_CONTAINER: "tcpdump"})])
    assert target.containers == ("tcpdump", "app")


def test_a_mesh_proxy_is_never_the_first_by_accident() -> None:
    proxy = ContainerInfo("istio-proxy", running=True)
    (target,), _ = choose(SPEC, [pod("cart-1", proxy, APP, SIDE)])
    assert target.containers == ("app", "tcpdump", "istio-proxy")
    (target,), _ = choose(SPEC, [pod("cart-1", proxy)])
    assert target.containers == ("istio-proxy",)


def test_the_sidecar_named_by_annotation_is_tried_second() -> None:
    other = ContainerInfo("other", running=True)
    (target,), _ = choose(SPEC, [pod("cart-1", APP, other, SIDE, annotations={SIDECAR: "tcpdump"})])
    assert target.containers == ("app", "tcpdump", "other")
    (target,), _ = choose(SPEC, [pod("cart-1", APP, annotations={SIDECAR: "none"})])
    assert target.containers == ("app",)


def test_a_named_container_is_the_only_one() -> None:
    (target,), _ = choose(replace(SPEC, container="tcpdump"), [pod()])
    assert target.containers == ("tcpdump",)


def test_an_unknown_container_gets_the_nearest_name() -> None:
    with pytest.raises(TargetNotFound, match=r"no container tcpdmp; it has app, tcpdump\. Did you mean tcpdump\?"):
        choose(replace(SPEC, container="tcpdmp"), [pod()])


def test_a_waiting_container_says_why() -> None:
    waiting = ContainerInfo("side", waiting_reason="ImagePullBackOff")
    with pytest.raises(TargetNotFound, match="side of pod cart-1 is ImagePullBackOff"):
        choose(replace(SPEC, container="side"), [pod("cart-1", APP, waiting)])


def test_pods_that_do_not_run_are_named_and_left_out() -> None:
    waiting = pod("z", ContainerInfo("app", waiting_reason="ImagePullBackOff"), phase="Pending")
    targets, notes = choose(SPEC, [pod("a"), waiting, pod("going", deleting=True)])
    assert [t.pod.name for t in targets] == ["a"]
    assert notes == ["z is ImagePullBackOff and was left out.", "going is being deleted and was left out."]


def test_a_pod_between_two_starts_is_captured_from_outside_of_its_containers() -> None:
    crashed = pod("z", ContainerInfo("app", waiting_reason="CrashLoopBackOff"), uid="u-z", node="n1")
    (target,), notes = choose(SPEC, [crashed])
    assert (target.containers, notes) == ((), [])
    ranking = asked(target, Survey({}, {**MAY_ADD, **AGENT}), on=TOOLED)
    assert [plan.method for plan in ranking.plans] == ["ephemeral", "node"]
    assert ranking.plans[1].where == "pod:u-z"
    assert ranking.rejected[0] == Rejected("exec", "no container of the pod runs right now (app is CrashLoopBackOff)")
    with pytest.raises(TargetNotFound, match="leave `-c` out to capture its pod from outside"):
        choose(replace(SPEC, container="app"), [crashed])


def test_a_container_that_keeps_ending_is_the_last_choice() -> None:
    now = 1_790_000_000.0
    fresh = ContainerInfo("app", running=True, id="containerd://" + "ab" * 32, restarts=3, started=now - 5)
    target = Target(pod("cart-1", fresh, node="n1", uid="u-1"), ("app",))
    ranking = asked(target, Survey({"app": replace(ALL, time=now)}, MAY_ADD), image="example/it:1")
    assert [plan.method for plan in ranking.plans] == ["ephemeral", "exec"]
    assert not inside_suffices(ranking)
    assert "container app keeps ending (3 restarts, the last one 5 s ago)" in ranking.plans[1].reasons[0]
    settled = asked(target, Survey({"app": replace(ALL, time=now + 700)}, MAY_ADD), image="example/it:1")
    assert settled.best().method == "exec"
    entered = asked(target, Survey({}, AGENT), on=replace(TOOLED, methods=("node",)))
    assert entered.best().where == "pid:" + "ab" * 32 + ":u-1"


def test_no_running_pod_is_an_error_with_the_reasons() -> None:
    with pytest.raises(TargetNotFound, match=r"No pod of deploy/cart .* a is being deleted"):
        choose(SPEC, [pod("a", deleting=True)])
    with pytest.raises(TargetNotFound, match="has no pods right now"):
        choose(SPEC, [])


def test_too_many_pods_are_cut_and_said() -> None:
    targets, _ = choose(SPEC, [pod(f"p{i}") for i in range(5)])
    kept, notes = capped(targets, 2)
    assert [t.pod.name for t in kept] == ["p0", "p1"]
    assert notes == ["5 pods match; the first 2 by name are captured."]
    assert capped(targets, 5) == (targets, [])


def test_of_two_ends_both_are_kept_when_pods_are_cut() -> None:
    one, _ = choose(SPEC, [pod(f"a{i}") for i in range(5)])
    other, _ = choose(SPEC, [pod("b0"), pod("b1"), pod("a0")], 1)
    kept, _ = capped([*one, *other], 3)
    assert sorted(t.pod.name for t in kept) == ["a0", "a1", "b0"]  # a0 is one pod, whoever else names it


def test_a_name_that_is_not_there_gets_near_ones() -> None:
    assert "Did you mean cart?" in not_found(SPEC, ["cart", "web"]).user_message.replace("There is no", "")
    missing = replace(SPEC, target=TargetRef(TargetKind.SELECTOR, "app=nope"))
    assert "has the labels app=nope" in not_found(missing, []).user_message


BARE = Equipment()
TOOLED = Equipment(image="example/it:1", agent_namespace="tools")


def asked(target: Target, survey: Survey, spec: CaptureSpec = SPEC, *, on: Equipment = BARE, **more: Any) -> Ranking:
    return rank(target, survey, spec, replace(on, **more), "x")


def test_the_plan_passes_over_what_lacks_tools_and_says_so() -> None:
    ranking = asked(Target(pod(), ("app", "tcpdump")), Survey({"app": "it has no sh", "tcpdump": ALL}))
    made = ranking.best()
    assert (made.container, made.method) == ("tcpdump", "sidecar")
    assert ranking.rejected[0] == Rejected("exec", "container app: it has no sh")
    assert inside_suffices(ranking)


def test_the_first_container_that_will_do_needs_no_words() -> None:
    made = asked(Target(pod(), ("app", "tcpdump")), Survey({"app": ALL})).best()
    assert made == Plan(pod(), "app", may_change_user=False)


LACKING = [
    (replace(ALL, tools=ALL.tools - {"tcpdump", "tee"}), "exec: container app: it has no tcpdump, no tee."),
    (replace(ALL, capabilities=0), "NET_RAW"),
    ("it has no sh", "exec: container app: it has no sh."),
]


@pytest.mark.parametrize(("probe", "words"), LACKING)
def test_where_nothing_will_do_every_method_says_why(probe: Probe | str, words: str) -> None:
    ranking = asked(Target(pod(), ("app",)), Survey({"app": probe}))
    assert [one.method for one in ranking.rejected] == ["exec", "sidecar", "ephemeral", "node", "veth", "upload"]
    with pytest.raises(NotCapturable) as refused:
        ranking.best()
    assert words in refused.value.user_message
    assert "ephemeral: no image is configured for it (THREADCAP_CAPTURE_IMAGE)." in refused.value.user_message


def test_missing_tools_that_prove_or_bound_mean_less_and_not_another_method() -> None:
    poor = replace(ALL, tools=ALL.tools - {"sha256sum", "timeout"})
    made = asked(Target(pod(), ("app",)), Survey({"app": poor})).best()
    assert (made.method, made.digest, made.bounded) == ("exec", "wc -c", False)
    assert "proved by their number alone" in made.reasons[0]
    assert "no timeout" in made.reasons[1]


MAY_ADD = {
    Right("patch", "pods", "ephemeralcontainers", "shop"): True,
    Right("watch", "pods", "", "shop"): True,
    **{Right(verb, "pods", "exec", "shop"): True for verb in ("get", "create")},
}
AGENT = {
    **{Right(verb, "pods", "", "tools"): True for verb in ("create", "delete", "get", "list", "watch")},
    **{Right(verb, "pods", "exec", "tools"): True for verb in ("get", "create")},
}
RUNNING = ContainerInfo("app", running=True, id="containerd://" + "ab" * 32)


def test_an_ephemeral_container_is_added_where_that_is_allowed() -> None:
    made = asked(Target(pod(), ("app",)), Survey({"app": "it has no sh"}, MAY_ADD), image="example/it:1").best()
    assert (made.method, made.container, made.image) == ("ephemeral", "threadcap-x", "example/it:1")
    assert "stays in the pod's spec" in made.reasons[0]
    assert made.creates == ("ephemeral container threadcap-x (example/it:1) in pod shop/cart-1",)


def test_a_pod_with_a_limited_disk_is_streamed_from() -> None:
    small = pod(disk_limited=True)
    made = asked(Target(small, ("app",)), Survey({"app": "no sh"}, MAY_ADD), image="example/it:1").best()
    assert made.where.startswith("stream:")
    assert "would evict the pod" in made.reasons[1]


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_pod_security_leaves_the_node(level: str) -> None:
    survey = Survey({"app": "it has no sh"}, {**MAY_ADD, **AGENT}, {"shop": level})
    ranking = asked(
        Target(pod("v", RUNNING, node="n1"), ("app",)), survey, image="example/it:1", agent_namespace="tools"
    )
    assert f"the Pod Security level of namespace shop is {level}" in {one.reason for one in ranking.rejected}
    made = ranking.best()
    assert (made.method, made.where) == ("node", "pid:" + "ab" * 32)
    assert "privileged" in made.creates[0]


def test_the_interface_on_the_node_is_known_by_index_or_by_route() -> None:
    outside = replace(TOOLED, methods=("veth",))
    target = Target(pod("v", RUNNING, node="n1", ips=("198.18.3.4",)), ("app",))
    made = asked(target, Survey({"app": replace(ALL, links={"eth0": 17})}, AGENT), on=outside).best()
    assert made.where == "link:17"
    assert "on lo is missing" in made.reasons[1]
    unknown = Survey({"app": "it has no sh"}, AGENT)
    assert asked(target, unknown, on=outside).best().where == "route:040312C6:198.18.3.4"
    (other,) = asked(target, unknown, replace(SPEC, interface="lo"), on=outside).rejected
    assert other.reason == "from outside only eth0 is seen, and lo was asked for"


def test_a_pod_on_the_nodes_network_and_a_node_need_no_entering() -> None:
    for target in (pod("v", RUNNING, node="n1", host_network=True), node_target(NodeInfo("n1"))):
        ranking = asked(Target(target), Survey({}, AGENT), on=TOOLED)
        assert (ranking.best().method, ranking.best().where) == ("node", "here")
        assert "privileged" not in ranking.best().creates[0]


def test_a_node_that_is_not_ready_gets_nothing_added() -> None:
    survey = Survey({"app": ALL}, {**MAY_ADD, **AGENT}, node=NodeInfo("n1", ready=False))
    target = Target(pod("v", RUNNING, node="n1"), ("app",))
    ranking = asked(target, survey, on=TOOLED)
    assert {one.method for one in ranking.rejected if one.reason == "node n1 is not ready"} == {
        "ephemeral",
        "node",
        "veth",
    }
    assert ranking.best().method == "exec"  # its kubelet answered all the same


def test_where_a_dead_node_does_not_answer_nothing_else_is_said() -> None:
    survey = Survey({"app": "it could not be asked"}, {**MAY_ADD, **AGENT}, node=NodeInfo("n1", ready=False))
    ranking = asked(Target(pod("v", RUNNING, node="n1"), ("app",)), survey, on=TOOLED)
    assert {one.reason for one in ranking.rejected} == {"node n1 is not ready"}
    with pytest.raises(NotCapturable) as refused:
        ranking.best()
    assert refused.value.user_message == "Pod v can't be captured: node n1 is not ready. Try again once that is over."


def test_a_named_container_is_the_one_that_is_looked_at() -> None:
    target, survey = Target(pod(), ("tcpdump",)), Survey({"tcpdump": ALL})
    named = replace(SPEC, container="tcpdump")
    ranking = asked(target, survey, named)
    assert (ranking.best().method, ranking.best().container) == ("exec", "tcpdump")
    assert Rejected("sidecar", "container tcpdump was named") in ranking.rejected
    made = asked(target, survey, replace(named, method="sidecar")).best()
    assert (made.method, made.container) == ("sidecar", "tcpdump")


def test_a_recording_needs_a_container_of_ours_and_a_disk_that_is_not_limited() -> None:
    recording = replace(SPEC, mode=Mode.RECORD, keep=60)
    target = Target(pod("v", RUNNING, node="n1", disk_limited=True), ("app",))
    survey = Survey({"app": ALL}, {**MAY_ADD, **AGENT})
    ranking = asked(target, survey, recording, on=TOOLED)
    refused = {one.method: one.reason for one in ranking.rejected}
    assert list(refused) == ["ephemeral", "veth", "exec", "sidecar", "upload"]
    assert "a ring on it could evict the pod" in refused["ephemeral"]
    assert refused["exec"] == "a recording needs a disk of its own, so a container of ours"
    assert ranking.best().method == "node"
    (only,) = asked(target, survey, replace(recording, method="exec"), on=TOOLED).rejected
    assert only == Rejected("exec", refused["exec"])


@pytest.mark.parametrize("pressure", ["DiskPressure", "MemoryPressure"])
def test_nothing_is_written_to_the_disk_of_a_node_that_runs_short(pressure: str) -> None:
    survey = Survey({"app": "no sh"}, {**MAY_ADD, **AGENT}, node=NodeInfo("n1", pressures=(pressure,)))
    ranking = asked(
        Target(pod("v", RUNNING, node="n1"), ("app",)), survey, image="example/it:1", agent_namespace="tools"
    )
    refused = f"node n1 reports {pressure}, and it would write to the node's disk"
    assert {Rejected("node", refused), Rejected("veth", refused)} <= set(ranking.rejected)
    made = ranking.best()
    assert (made.method, made.where, made.spools) == ("ephemeral", f"stream:node n1 reports {pressure}", False)
    assert made.reasons[1].startswith(f"streamed, not spooled: node n1 reports {pressure}")


def test_a_node_short_of_processes_is_captured_on() -> None:
    survey = Survey({}, AGENT, node=NodeInfo("n1", pressures=("PIDPressure",)))
    assert asked(Target(pod("v", RUNNING, node="n1"), ("app",)), survey, on=TOOLED).best().spools


def test_what_is_known_of_a_target_is_said_with_every_plan() -> None:
    target = Target(pod("v", RUNNING, node="n1"), ("app",), notes=("left out: this",))
    ranking = asked(target, Survey({}, AGENT), on=TOOLED)
    assert ranking.plans
    assert all(plan.reasons[-1] == "left out: this" for plan in ranking.plans)


def test_uploading_needs_root_a_folder_and_a_tcpdump_for_the_machine() -> None:
    bare = replace(ALL, tools=ALL.tools - {"tcpdump"}, writable=("/tmp", "/"), machine="x86_64")
    target, brings = Target(pod(), ("app",)), Equipment(machines={"x86_64": "tcpdump-amd64"})
    made = asked(target, Survey({"app": bare}), on=brings).best()
    assert (made.method, made.folder, made.machine) == ("upload", "/tmp/threadcap-x", "x86_64")
    for unfit, why in (
        (replace(bare, uid=1000), "root"),
        (replace(bare, writable=()), "folder"),
        (replace(bare, machine="s390x"), "s390x"),
    ):
        assert why in asked(target, Survey({"app": unfit}), on=brings).rejected[-1].reason


def test_one_method_can_be_asked_for_and_only_allowed_ones_are_used() -> None:
    target = Target(pod(), ("app", "tcpdump"))
    survey = Survey({"app": ALL, "tcpdump": ALL})
    assert asked(target, survey, replace(SPEC, method="sidecar")).best().container == "tcpdump"
    (only,) = asked(target, survey, replace(SPEC, method="sidecar"), methods=("exec",)).rejected
    assert only.reason == "it is not among the allowed ones (exec)"


def test_what_is_added_is_announced_once_for_all_pods() -> None:
    added = [asked(Target(pod(f"web-{n}"), ()), Survey({}, MAY_ADD), image="example/it:1").best() for n in range(5)]
    text = " ".join(announcement([Plan(pod("cart-1"), "app"), *added]))
    assert "No container of web-0, web-1, web-2 and 2 more can capture" in text
    assert "threadcap-x" in text
    assert "its entry stays in the pod's spec" in text
    assert announcement([Plan(pod("cart-1"), "app")]) == []


def test_unreadable_capabilities_are_no_reason_to_refuse() -> None:
    assert asked(Target(pod(), ("app",)), Survey({"app": replace(ALL, capabilities=None)})).best().container == "app"
