"""On any cluster: pods of ours that nobody needs any more are found and removed, those of a running capture are not."""

from msgspec.structs import replace

from tests.conformance.conftest import Place, until
from tests.conformance.shapes import IDLE, MAY_NOT, container, pod
from tests.support import jobs
from workers.capture.cluster import Cluster
from workers.capture.shapes import AgentPod
from workers.contract.job import JobState, new_job_id
from workers.contract.spec import TargetKind
from workers.memory import InMemoryJobStore
from workers.sweeper import Sweeper

INSTALLATION = "conformance"


def test_what_is_left_of_captures_is_found_and_removed(place: Place, cluster: Cluster) -> None:
    place.core.create_namespaced_pod(place.namespace, pod("near", container("app", place.test_image, IDLE, MAY_NOT)))
    place.until_ready("app=near")
    node = cluster.pods(place.spec(TargetKind.POD, "near"))[0].node
    store, running = InMemoryJobStore(), replace(jobs.job(), id=new_job_id(), state=JobState.CAPTURING)
    store.create(running)
    left, needed = (_agent(place, node, job_id, seconds) for job_id, seconds in ((new_job_id(), 1), (running.id, 600)))
    for agent in (left, needed):
        cluster.create_agent(agent)
    sweeper = Sweeper(cluster, store, place.agents, INSTALLATION)
    try:
        until(lambda: {one.pod for one in sweeper.pods() if one.why} == {left.name}, "the pod's expiry")
        (leftover,) = [one for one in sweeper.pods() if one.why]
        assert sweeper.end(leftover)
        until(lambda: {one.pod for one in sweeper.pods()} == {needed.name}, "the end of what was left")
    finally:
        for agent in (left, needed):
            cluster.delete_pod(place.agents, agent.name)
        place.core.delete_namespaced_pod("near", place.namespace, grace_period_seconds=0)


def _agent(place: Place, node: str, job_id: str, seconds: int) -> AgentPod:
    argv = ("sleep", "600")
    name = f"threadcap-{job_id}-sweep"
    return AgentPod(
        name, place.agents, node, place.capture_image, argv, job_id, seconds, 1 << 20, True, False, INSTALLATION
    )
