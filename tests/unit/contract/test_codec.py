"""Records cross processes as JSON: what is written is read back, what does not fit is refused with its place."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.contract import codec
from workers.contract.facts import Facts
from workers.contract.job import Artifact, Job, JobState, Origin, Person, PlannedTarget, TargetProgress
from workers.contract.report import CaptureOutcome, Confidence, Finding, FrameRef, Named, Report, Severity, TargetResult
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef, Until, UntilKind

finite = st.floats(allow_nan=False, allow_infinity=False)
SLOW = settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)


def _there_and_back(value: Any) -> None:
    text = json.dumps(codec.encode(value))
    assert codec.decode(type(value), json.loads(text)) == value


words = st.lists(st.text(), max_size=3).map(tuple)
targets = st.builds(TargetRef, kind=st.sampled_from(TargetKind), name=st.text(), namespace=st.text())
planned = st.builds(
    PlannedTarget,
    namespace=st.text(),
    pod=st.text(),
    method=st.text(),
    argv=words,
    rejected=st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
)
jobs = st.builds(
    Job,
    id=st.text(min_size=1, max_size=8),
    spec=st.builds(
        CaptureSpec,
        target=targets,
        others=st.lists(targets, max_size=2).map(tuple),
        mode=st.sampled_from(Mode),
        until=st.none() | st.builds(Until, kind=st.sampled_from(UntilKind), value=st.text()),
        dry_run=st.booleans(),
        wait=finite,
        keep=finite,
        last=finite,
        recording=st.text(),
        method=st.text(),
        max_pods=st.integers(),
        namespace=st.text(),
        container=st.none() | st.text(),
        filter=st.text(),
        duration=finite,
        max_packets=st.integers(),
    ),
    requester=st.builds(Person, id=st.text(), name=st.text()),
    origin=st.builds(Origin, channel=st.text(), thread_ts=st.text(), source=st.text()),
    state=st.sampled_from(JobState),
    started=st.none() | finite,
    targets=st.lists(
        st.builds(TargetProgress, namespace=st.text(), pod=st.text(), container=st.text(), packets=st.integers(0))
    ).map(tuple),
    stop_by=st.none() | st.builds(Person, id=st.text()),
    extended_by=st.none() | st.builds(Person, id=st.text()),
    planned=st.lists(planned, max_size=2).map(tuple),
    report=st.none() | st.builds(Artifact, *(st.text() for _ in range(3)), size=st.integers(0), sha256=st.text()),
)


@SLOW
@given(jobs)
def test_any_job(job: Job) -> None:
    _there_and_back(job)


def test_a_record_of_before_the_newest_fields_is_read() -> None:
    old = {
        "id": "abcd2345",
        "spec": {"target": {"kind": "deployment", "name": "checkout"}, "namespace": "shop", "filter": "port 53"},
        "requester": {"id": "U1", "name": "alice"},
        "state": "capturing",
        "schema": 1,
        "deadline": 130.0,
    }
    job = codec.decode(Job, old)
    assert job.spec == CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "checkout"), "shop", filter="port 53")
    assert (job.spec.mode, job.spec.others, job.spec.until) == (Mode.CAPTURE, (), None)
    assert (job.deadline, job.extended_by, job.planned) == (130.0, None, ())


def test_a_report_with_facts() -> None:
    result = TargetResult(
        "shop", "pod", "app", pod_ips=("192.0.2.1",), outcome=CaptureOutcome(proved=True, captured=3), facts=Facts(),
        other_ports={"tcp/443": 7},
    )  # fmt: skip
    spec = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "checkout"), "shop")
    finding = Finding("r", Severity.WARNING, Confidence.HIGH, "It fails.", frames=(FrameRef(0, 4),))
    report = Report("abcd2345", spec, findings=(finding,), targets=(result,), names={"192.0.2.1": Named("pod", "x")})
    text = json.dumps(codec.encode(report))
    again = codec.decode(Report, json.loads(text))
    assert codec.encode(again) == codec.encode(report)
    assert again.targets[0].facts == Facts()


def test_unknown_keys_are_ignored_so_that_older_processes_read_on() -> None:
    assert codec.decode(Person, {"id": "U1", "shoe_size": 43}) == Person("U1")


def test_an_int_is_a_float_and_a_bool_is_no_int() -> None:
    data = codec.encode(CaptureSpec(TargetRef(TargetKind.POD, "x"), "shop")) | {"duration": 5}
    assert codec.decode(CaptureSpec, data).duration == 5.0
    with pytest.raises(ValueError, match="max_packets"):
        codec.decode(CaptureSpec, data | {"max_packets": True})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"namespace": 7}, "CaptureSpec.namespace"),
        ({"namespace": None}, "CaptureSpec.namespace"),
        ({"target": "x"}, "CaptureSpec.target"),
        ({"target": {"kind": "pod"}}, "name"),
        ({"target": {"kind": "moon", "name": "x"}}, "moon"),
        ({"others": [{"kind": "pod", "name": "y"}, {"kind": "pod", "name": 3}]}, r"CaptureSpec\.others\[1\]\.name"),
        ({"duration": "5"}, "CaptureSpec.duration"),
        ({"duration": True}, "CaptureSpec.duration"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(change: dict[str, Any], place: str) -> None:
    data = codec.encode(CaptureSpec(TargetRef(TargetKind.POD, "x"), "shop")) | change
    with pytest.raises(ValueError, match=place):
        codec.decode(CaptureSpec, data)


@pytest.mark.parametrize("data", [None, [], "x", 3, {"id": "x"}])
def test_nonsense_is_no_job(data: Any) -> None:
    with pytest.raises(ValueError, match="Job"):
        codec.decode(Job, data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@SLOW
@given(st.dictionaries(st.sampled_from(["id", "spec", "requester", "state", "targets", "created"]), json_values))
def test_any_json_is_a_job_or_a_value_error(data: dict[str, Any]) -> None:
    with suppress(ValueError):
        codec.decode(Job, data)
