"""Which pods of ours must go, and how the sweeper tries again where it could not reach."""

import itertools
from pathlib import Path
from typing import cast

import pytest
from msgspec.structs import replace

from tests.support import jobs
from tests.support.cluster import MemoryCluster
from workers.capture.cluster import Cluster
from workers.capture.shapes import INSTALLATION_LABEL, JOB_LABEL, FoundAgent
from workers.capture.targets import ContainerInfo, PodInfo
from workers.contract.errors import ClusterUnavailable
from workers.contract.job import Job, JobState
from workers.contract.ports import Debt
from workers.memory import InMemoryJobStore
from workers.sweeper import GRACE, UNKNOWN, Leftover, Sweeper, SweepLoop, judge

NOW = 100_000.0
OURS = "here"
JOB = replace(jobs.job(), updated=NOW - GRACE - 1)
DEBT = Debt("x", "shop", "web-0", "u1", "app", "exec", NOW)


def _agent(*, age: float = 0.0, expires_in: float = 600.0, installation: str = OURS) -> FoundAgent:
    labels = {JOB_LABEL: JOB.id, INSTALLATION_LABEL: installation}
    return FoundAgent(PodInfo("tools", "threadcap-x", labels=labels), NOW - age, NOW + expires_in)


@pytest.mark.parametrize(
    ("agent", "job", "why", "kept"),
    [
        (_agent(expires_in=-5), JOB, "it expired 5 s ago", ""),
        (_agent(expires_in=-5, installation="other"), None, "it expired 5 s ago", ""),
        (_agent(), JOB, "", f"capture {JOB.id} is requested"),
        (_agent(), JOB.to(JobState.CANCELLED), f"capture {JOB.id} is over (cancelled)", ""),
        (_agent(), replace(JOB.to(JobState.CANCELLED), updated=NOW), "", f"capture {JOB.id} has just ended"),
        (_agent(), None, "", "its capture is not known yet"),
        (_agent(age=UNKNOWN), None, "nobody knows its capture", ""),
        (_agent(age=UNKNOWN, installation="other"), None, "", "its capture is none of this Threadcap's"),
        (_agent(age=UNKNOWN, installation=""), None, "", "its capture is none of this Threadcap's"),
    ],
)
def test_a_pod_goes_for_a_reason_and_stays_for_one(agent: FoundAgent, job: Job | None, why: str, kept: str) -> None:
    assert judge(agent, job, OURS, NOW) == (why, kept)


class Away:
    """A cluster that is not there."""

    def pod(self, namespace: str, name: str) -> PodInfo | None:
        """See Cluster.pod."""
        raise ClusterUnavailable("away")


def _leftover(debt: Debt) -> Leftover:
    return Leftover(debt.job_id, debt.namespace, debt.pod, "", debt.container, debt.since, 0.0, "why", debt=debt)


def test_a_debt_stands_while_nobody_can_look() -> None:
    store = InMemoryJobStore()
    store.owe(DEBT)
    assert not Sweeper(cast(Cluster, Away()), store, "", OURS).end(_leftover(DEBT))
    assert store.debts() == [DEBT]


def test_a_debt_is_paid_by_the_pods_end_or_the_containers(tmp_path: Path) -> None:
    ended = ContainerInfo("app", id="containerd://1", waiting_reason="Completed")
    with MemoryCluster(tmp_path) as cluster:
        cluster.add(PodInfo("shop", "web-0", "u1", containers=(ended,)))
        cluster.add(PodInfo("shop", "web-1", "u2", containers=(ContainerInfo("app", running=True),)))
        for debt in (DEBT, replace(DEBT, pod="web-1", uid="u-old"), replace(DEBT, pod="gone")):
            store = InMemoryJobStore()
            store.owe(debt)
            assert Sweeper(cluster.real, store, "", OURS).end(_leftover(debt))
            assert store.debts() == []


def test_a_container_whose_image_may_still_arrive_is_waited_for(tmp_path: Path) -> None:
    waiting = ContainerInfo("threadcap-x", waiting_reason="ImagePullBackOff", ephemeral=True)
    debt = replace(DEBT, container="threadcap-x", method="ephemeral")
    with MemoryCluster(tmp_path) as cluster:
        cluster.add(PodInfo("shop", "web-0", "u1", containers=(waiting,)))
        store = InMemoryJobStore()
        store.owe(debt)
        assert not Sweeper(cluster.real, store, "", OURS).end(_leftover(debt))
        assert store.debts() == [debt]


class Counting(Sweeper):
    """Counts what it is told to end."""

    tried = 0

    def end(self, one: Leftover) -> bool:
        """See Sweeper.end."""
        self.tried += 1
        return False


def test_the_older_a_debt_the_rarer_it_is_tried() -> None:
    now = NOW
    store = InMemoryJobStore()
    store.owe(DEBT)
    counting = Counting(cast(Cluster, Away()), store, "", OURS)
    loop = SweepLoop(counting, lambda: True, lambda: now)
    times = []
    for now in (NOW + 5.0 * step for step in range(721)):
        before = counting.tried
        loop.once()
        times += [now - NOW] * (counting.tried - before)
    assert times[:4] == [0.0, 5.0, 10.0, 15.0]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses == sorted(pauses)
    assert 295 <= pauses[-1] <= 305


def test_a_place_that_is_forgiven_and_owed_again_is_tried_at_once() -> None:
    now, store = NOW, InMemoryJobStore()
    counting = Counting(cast(Cluster, Away()), store, "", OURS)
    loop = SweepLoop(counting, lambda: True, lambda: now)
    store.owe(DEBT)
    loop.once()
    for again in (now + 3_000.0, now + 3_010.0):
        now = again
        store.owe(DEBT)
        loop.once()
        store.forgive(DEBT)
        loop.once()
    assert counting.tried == 3
