"""One suite, two backends: what RedisJobStore promises, InMemoryJobStore keeps."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import structs

from tests.support import jobs
from workers.contract.errors import IllegalTransition, JobNotFound, StaleEpoch
from workers.contract.job import Job, JobState, Person
from workers.contract.ports import Debt, JobStore, Lease
from workers.memory import InMemoryJobStore
from workers.state import RedisJobStore

BOB = Person("U2", "bob")


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[JobStore]:
    if request.param == "memory":
        yield InMemoryJobStore()
        return
    real = RedisJobStore(request.getfixturevalue("redis_url"))
    yield real
    real.close()


def new(store: JobStore, job_id: str = "a", created: float = 1.0) -> Job:
    assert store.create(jobs.job(job_id, created=created))
    return store.get(job_id)


def to(store: JobStore, job_id: str, *states: JobState) -> Job:
    for state in states:
        job = store.change(job_id, lambda old, state=state: old.to(state))  # type: ignore[misc]
    return job


def lapse(seconds: float) -> None:
    """Let a lease run out: its time is the server's, which no test can move."""
    time.sleep(seconds)


def test_an_id_is_taken_once(store: JobStore) -> None:
    first = new(store)
    assert not store.create(jobs.job("a"))
    assert store.get("a") == first
    assert (first.version, first.epoch, first.state) == (0, 0, JobState.REQUESTED)


def test_unknown_jobs(store: JobStore) -> None:
    for call in (
        lambda: store.get("x"),
        lambda: store.change("x", lambda job: job),
        lambda: store.acquire("x", "w", 1),
    ):
        with pytest.raises(JobNotFound):
            call()
    assert store.posted("x") == {}


def test_debts_stand_until_they_are_forgiven(store: JobStore) -> None:
    first = Debt("a", "shop", "web-0", "u1", "app", "exec", 2.0)
    older = Debt("b", "shop", "web-0", "u1", "app", "exec", 1.0)
    for debt in (first, older, structs.replace(first, since=9.0)):
        store.owe(debt)
    assert store.debts() == [older, first]
    store.forgive(older)
    store.forgive(older)
    assert store.debts() == [first]


def test_recent_is_newest_first_and_unfinished_is_what_goes_on(store: JobStore) -> None:
    for n, job_id in enumerate("abc"):
        new(store, job_id, created=float(n + 1))
    to(store, "b", JobState.CANCELLED)
    assert [job.id for job in store.recent(2)] == ["c", "b"]
    assert [job.id for job in store.unfinished()] == ["a", "c"]


def test_change_counts_versions_and_refuses_what_the_table_refuses(store: JobStore) -> None:
    new(store)
    assert to(store, "a", JobState.QUEUED, JobState.RESOLVING).version == 2
    with pytest.raises(IllegalTransition):
        to(store, "a", JobState.DELIVERING)
    assert store.get("a").version == 2
    assert store.change("a", lambda job: job).version == 2


def test_concurrent_changes_all_count(store: JobStore) -> None:
    new(store)

    def work() -> None:
        for _ in range(10):
            store.change("a", lambda job: job.evolve(attempts=job.attempts + 1))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("a").attempts == 30


def test_lease_is_exclusive_and_old_epochs_are_refused(store: JobStore) -> None:
    new(store)
    first = store.acquire("a", "w1", 0.2)
    assert first == Lease("a", "w1", 1)
    assert store.acquire("a", "w2", 10) is None
    assert store.get("a").epoch == 1
    store.change("a", lambda job: job.evolve(attempts=1), epoch=1)
    lapse(0.25)
    assert store.lapsed() == ["a"]
    second = store.acquire("a", "w2", 10)
    assert second is not None
    assert second.epoch == 2
    assert store.renew([first, second], 10) == [first]
    with pytest.raises(StaleEpoch):
        store.change("a", lambda job: job.evolve(attempts=2), epoch=1)
    store.release(first)
    assert store.acquire("a", "w3", 10) is None
    store.release(second)
    assert store.lapsed() == []
    assert store.acquire("a", "w3", 10) is not None


def test_first_stop_stands_and_a_waiting_job_ends_at_once(store: JobStore) -> None:
    new(store, "a")
    new(store, "b")
    to(store, "a", JobState.RESOLVING, JobState.CAPTURING)
    assert store.wishes(0.01) == []
    assert store.request_stop("a", jobs.ALICE).stop_by == jobs.ALICE
    assert store.request_stop("a", BOB, discard=True).stop_by == jobs.ALICE
    assert not store.get("a").discard
    assert store.request_stop("b", BOB).state is JobState.CANCELLED
    assert set(store.wishes(2)) == {"a", "b"}


def test_an_extension_moves_the_end_up_to_the_ceiling_and_is_heard_of(store: JobStore) -> None:
    new(store)
    with pytest.raises(IllegalTransition):
        store.request_extension("a", BOB, 30, most=600)
    to(store, "a", JobState.RESOLVING)
    store.change("a", lambda job: job.to(JobState.CAPTURING, started=100.0, deadline=130.0))
    assert store.wishes(0.01) == []
    job = store.request_extension("a", BOB, 30, most=600)
    assert (job.deadline, job.extended_by) == (160.0, BOB)
    assert store.request_extension("a", jobs.ALICE, 3_600, most=600).deadline == 700.0
    assert set(store.wishes(2)) == {"a"}
    store.request_stop("a", BOB)
    with pytest.raises(IllegalTransition):
        store.request_extension("a", BOB, 30, most=600)
    assert store.get("a").deadline == 700.0


LIMITS = {"all": 3, "node:n1": 2}


def test_places_are_taken_all_or_none(store: JobStore) -> None:
    assert store.admit("a", LIMITS, 10) == ""
    assert store.admit("b", LIMITS, 10) == ""
    assert store.admit("c", LIMITS, 10) == "node:n1"
    assert store.admit("d", {"all": 3, "node:n2": 2}, 10) == ""  # c took no place of all
    assert store.admit("e", {"all": 3, "node:n2": 2}, 10) == "all"


def test_asked_again_a_place_is_renewed_and_not_taken_twice(store: JobStore) -> None:
    assert store.admit("a", {"all": 2}, 0.3) == ""
    for _ in range(3):
        assert store.admit("a", {"all": 2}, 10) == ""
    assert store.admit("b", {"all": 2}, 10) == ""
    lapse(0.35)
    assert store.admit("c", {"all": 2}, 10) == "all"
    assert store.admit("a", {"all": 1}, 10) == ""  # who is in stays in, though fewer are let in now


def test_places_of_the_dead_lapse(store: JobStore) -> None:
    assert store.admit("dead", LIMITS, 0.2) == ""
    assert store.admit("a", {"all": 3, "node:n1": 1}, 10) == "node:n1"
    lapse(0.25)
    assert store.admit("a", {"all": 3, "node:n1": 1}, 10) == ""


def test_dismissed_places_are_free_at_once(store: JobStore) -> None:
    assert store.admit("a", {"all": 1, "node:n1": 1}, 10) == ""
    store.dismiss("b", ["all", "node:n1"])  # it has none
    assert store.admit("b", {"all": 1}, 10) == "all"
    store.dismiss("a", ["all"])
    assert store.admit("b", {"all": 1}, 10) == ""
    assert store.admit("b", {"node:n1": 1}, 10) == "node:n1"
    store.dismiss("a", [])


def test_a_limit_of_nought_is_no_limit(store: JobStore) -> None:
    for job_id in "abc":
        assert store.admit(job_id, {"all": 0, "person:U1": -1}, 10) == ""
    assert store.admit("d", {}, 10) == ""
    assert store.admit("d", {"all": 1}, 10) == ""  # nobody was counted


def test_many_who_race_for_few_places_get_just_those(store: JobStore) -> None:
    limits = {"all": 7, "node:n1": 5, "namespace:shop": 6}
    start = threading.Barrier(16)

    def race(number: int) -> list[str]:
        start.wait()
        return [store.admit(f"{number}-{again}", limits, 30) for again in range(5)]

    with ThreadPoolExecutor(16) as pool:
        answers = [answer for some in pool.map(race, range(16)) for answer in some]
    assert answers.count("") == 5
    assert set(answers) == {"", "node:n1"}
    assert [store.admit(f"rest-{n}", {"all": 7}, 30) for n in range(3)] == ["", "", "all"]  # the losers took nothing


def test_dirty_jobs_are_claimed_once_and_stay_until_settled(store: JobStore) -> None:
    new(store, "a")
    new(store, "b")
    claims = store.claim_dirty("bot1", 10)
    assert [claim.job_id for claim in claims] == ["a", "b"]
    assert store.claim_dirty("bot2", 10) == []
    store.settle(claims[0], "bot2")  # not bot2's to settle
    assert store.claim_dirty("bot2", 10) == []
    for claim in claims:
        store.settle(claim, "bot1")
    assert store.claim_dirty("bot2", 10) == []


def test_a_change_while_claimed_leaves_it_dirty(store: JobStore) -> None:
    new(store)
    [claim] = store.claim_dirty("bot1", 10)
    store.change("a", lambda job: job.evolve(attempts=1))
    store.settle(claim, "bot1")
    [again] = store.claim_dirty("bot1", 10)
    assert again.mark > claim.mark
    store.settle(again, "bot1")
    assert store.claim_dirty("bot1", 10) == []


def test_what_was_posted_does_not_make_it_dirty(store: JobStore) -> None:
    new(store)
    [claim] = store.claim_dirty("bot1", 10)
    store.record_posted("a", card="1.2")
    store.record_posted("a", **{"verdict.try": "3"})
    store.settle(claim, "bot1")
    assert store.posted("a") == {"card": "1.2", "verdict.try": "3"}
    assert store.claim_dirty("bot1", 10) == []


def test_a_lost_claim_lapses_and_another_look_can_be_asked_for(store: JobStore) -> None:
    new(store)
    [lost] = store.claim_dirty("dead", 0.2)
    lapse(0.25)
    [claim] = store.claim_dirty("bot1", 10)
    store.settle(lost, "dead")
    assert store.claim_dirty("bot2", 10) == []
    store.settle(claim, "bot1", again_in=0.3)
    assert store.claim_dirty("bot1", 10) == []
    lapse(0.35)
    assert len(store.claim_dirty("bot1", 10)) == 1


def test_wait_dirty_wakes_on_a_change(store: JobStore) -> None:
    store.wait_dirty(0.01)
    timer = threading.Timer(0.1, lambda: new(store))
    timer.start()
    assert store.wait_dirty(5)
    timer.join()
    assert not store.wait_dirty(0.01)


def test_once(store: JobStore) -> None:
    assert store.once("k", 0.2)
    assert not store.once("k", 10)
    assert store.once("other", 10)
    lapse(0.25)
    assert store.once("k", 10)


def test_bucket_leaves_its_reserve_to_those_who_need_it_more(store: JobStore) -> None:
    takes = [store.take("b", per_second=0.5, burst=3, reserve=2) for _ in range(2)]
    assert takes[0] == 0
    assert 1.5 < takes[1] <= 2.0
    assert [store.take("b", per_second=0.5, burst=3) for _ in range(2)] == [0, 0]
    assert 1.5 < store.take("b", per_second=0.5, burst=3) <= 2.0


def test_small_things(store: JobStore) -> None:
    store.ping()
    store.audit("capture_requested", {"by": "U1", "discard": False})
