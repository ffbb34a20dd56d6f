"""Of what a capture takes a place, and what is said when there is none."""

from msgspec.structs import replace

from workers.contract.job import Job, Person, TargetProgress
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef
from workers.policy import Concurrency, Rules, full_words, places

JOB = Job("abcd2345", CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "web"), "shop"), Person("U1", "alice"))
RULES = Rules(at_once=Concurrency(node=8, namespace=20, person=5, all=300))
PODS = [
    TargetProgress("shop", "web-0", "app", "n1"),
    TargetProgress("shop", "web-1", "app", "n1"),
    TargetProgress("bank", "ledger", "app", "n2"),
    TargetProgress("bank", "pending", "app"),
]


def test_one_place_of_everything_that_is_touched() -> None:
    assert places(JOB, PODS, RULES) == {
        "all": 300,
        "person:U1": 5,
        "namespace:shop": 20,
        "namespace:bank": 20,
        "node:n1": 8,
        "node:n2": 8,
    }


def test_a_whole_node_is_in_no_namespace() -> None:
    assert places(JOB, [TargetProgress("", "", "", "n1")], RULES) == {"all": 300, "person:U1": 5, "node:n1": 8}


def test_only_what_is_limited_is_counted() -> None:
    assert places(JOB, PODS, Rules()) == {"all": 1_000}
    assert places(JOB, PODS, Rules(at_once=Concurrency(namespace=3, all=0))) == {
        "namespace:shop": 3,
        "namespace:bank": 3,
    }


def test_who_captures_nothing_needs_little() -> None:
    dry = replace(JOB, spec=replace(JOB.spec, dry_run=True))
    grab = replace(JOB, spec=replace(JOB.spec, mode=Mode.GRAB, recording="reca2345"))
    assert places(dry, PODS, RULES) == {}
    assert places(grab, PODS, RULES) == {"all": 300, "person:U1": 5}


def test_words_for_what_is_full() -> None:
    assert full_words("node:n1", RULES) == "8 captures are already running on node n1, which is the limit"
    assert (
        full_words("namespace:shop", RULES) == "20 captures are already running in namespace shop, which is the limit"
    )
    assert full_words("person:U1", RULES) == "5 captures you asked for are already running, which is the limit"
    assert full_words("all", RULES) == "300 captures are already running, which is the limit"
    one = Rules(at_once=Concurrency(node=1))
    assert full_words("node:n1", one) == "1 capture is already running on node n1, which is the limit"
