"""On any cluster: what a target means, what a watch shows, and how refusals are told."""

from pathlib import Path

import pytest

from tests.conformance.conftest import Place, until
from tests.conformance.shapes import IDLE, MAY_NOT, container, pod
from workers.capture.cluster import Cluster
from workers.capture.plans import Right
from workers.capture.targets import PodInfo
from workers.contract.errors import ClusterForbidden, TargetNotFound, ThreadcapError
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (TargetKind.SELECTOR, "app=talker"),
        (TargetKind.SELECTOR, "app in (talker)"),
        (TargetKind.DEPLOYMENT, "talker"),
        (TargetKind.SERVICE, "talker"),
        (TargetKind.ANY, "talker"),
    ],
)
def test_both_pods_are_found_by_label_owner_and_service(
    place: Place, cluster: Cluster, kind: TargetKind, name: str
) -> None:
    pods = cluster.pods(place.spec(kind, name))
    assert len(pods) == 2
    assert all(one.running and one.ips and one.node and one.uid for one in pods)
    assert {one.labels["app"] for one in pods} == {"talker"}
    assert {each.name for one in pods for each in one.containers} == {"app"}


def test_a_pod_is_found_by_its_name(place: Place, cluster: Cluster) -> None:
    for kind in (TargetKind.POD, TargetKind.ANY):
        (one,) = cluster.pods(place.spec(kind, "plain"))
        assert [each.name for each in one.containers if not each.ephemeral] == ["app", "traffic"]
    assert cluster.pod(place.namespace, "no-such-pod") is None


def test_what_is_not_there_is_told_with_what_is(place: Place, cluster: Cluster) -> None:
    with pytest.raises(TargetNotFound, match=r"no deployment talkr in namespace .*Did you mean talker"):
        cluster.pods(place.spec(TargetKind.DEPLOYMENT, "talkr"))
    with pytest.raises(TargetNotFound, match="has the labels app=nobody"):
        cluster.pods(place.spec(TargetKind.SELECTOR, "app=nobody"))


def test_an_unknown_container_is_refused(place: Place, cluster: Cluster) -> None:
    (plain,) = cluster.pods(place.spec(TargetKind.POD, "plain"))
    with pytest.raises(ThreadcapError, match="container nope"):
        cluster.run(plain, "nope", ["true"])


def test_a_pod_that_is_gone_is_not_found(place: Place, cluster: Cluster) -> None:
    with pytest.raises(TargetNotFound):
        cluster.run(PodInfo(place.namespace, "no-such-pod"), "app", ["true"])


def test_addresses_are_named_within_our_rights(place: Place, cluster: Cluster) -> None:
    pods, services = cluster.inventory(place.namespace)
    assert {"plain"} <= {one.name for one in pods}
    assert {"talker"} <= {one.name for one in services}


def test_rights_are_asked_for_and_missing_ones_are_named(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.may(Right("patch", "pods", "ephemeralcontainers", place.namespace))
    assert not cluster.may(Right("delete", "pods", "", place.namespace))
    nobody = Cluster(str(place.account("nobody", [], tmp_path / "nobody.kubeconfig")))
    with pytest.raises(ClusterForbidden) as told:
        nobody.pods(place.spec(TargetKind.POD, "plain"))
    assert f"`get` on `pods` in namespace {place.namespace}" in told.value.user_message
    with pytest.raises(ClusterForbidden) as told:
        nobody.run(PodInfo(place.namespace, "plain"), "app", ["true"])
    assert "on `pods/exec`" in told.value.user_message
    nobody.close()


def test_a_watch_sees_a_container_start_and_its_pod_go(place: Place, cluster: Cluster) -> None:
    body = pod("brief", container("app", place.test_image, IDLE, MAY_NOT))
    place.core.create_namespaced_pod(place.namespace, body)
    made = until(lambda: cluster.pod(place.namespace, "brief"), "the pod")
    seen = []
    for state in cluster.follow_container(made, "app", 120):
        seen.append(state.running)
        if state.running and seen.count(True) == 1:
            place.core.delete_namespaced_pod("brief", place.namespace, grace_period_seconds=0)
    assert True in seen
    until(lambda: cluster.pod(place.namespace, "brief") is None, "the pod's end")


def test_events_of_a_pod_are_told_as_they_come(place: Place, cluster: Cluster) -> None:
    events = cluster.follow_events(place.namespace, 120)
    assert next(events).reason == ""  # from now on
    place.core.create_namespaced_pod(
        place.namespace, pod("eventful", container("app", place.test_image, IDLE, MAY_NOT))
    )
    assert any((event.kind, event.name, event.reason) == ("Pod", "eventful", "Started") for event in events)
    place.core.delete_namespaced_pod("eventful", place.namespace, grace_period_seconds=0)


def test_a_namespace_that_is_not_there_is_an_empty_one_to_a_role_of_one_namespace(cluster: Cluster) -> None:
    """Who may not look elsewhere is told that, not that it doesn't exist."""
    with pytest.raises(ThreadcapError) as told:
        cluster.pods(CaptureSpec(TargetRef(TargetKind.POD, "x"), "threadcap-nowhere"))
    assert isinstance(told.value, ClusterForbidden | TargetNotFound)
