"""Several targets, both ends, recordings, grabs and extensions, and the options that came with them."""

import sys
from typing import Any

import pytest
from msgspec import structs

from bot.grammar import Capture, Command, Extend, Grab, Help, parse, parse_words
from bot.grammar.vocabulary import FINDINGS
from workers.contract.limits import Limits
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef, Until, UntilKind
from workers.findings.rules import RULES

LIMITS = Limits()
A, B = TargetRef(TargetKind.DEPLOYMENT, "a"), TargetRef(TargetKind.SERVICE, "b")


def spec_of(text: str, implied: str = "") -> CaptureSpec:
    command = parse(text, LIMITS, implied=implied)
    assert isinstance(command, Capture), command
    return command.spec


@pytest.mark.parametrize(
    ("word", "target"),
    [
        *((f"{short}/x", TargetRef(TargetKind.JOB, "x")) for short in ("job", "jobs", "Job", "job.batch")),
        *((f"{short}/x", TargetRef(TargetKind.CRONJOB, "x")) for short in ("cj", "cronjob", "cronjobs")),
        *((f"{short}/x.io", TargetRef(TargetKind.INGRESS, "x.io")) for short in ("ing", "ingress", "ingresses")),
        ("ingress/*.shop.io", TargetRef(TargetKind.INGRESS, "*.shop.io")),
        *((f"{short}/n1", TargetRef(TargetKind.NODE, "n1")) for short in ("no", "node", "nodes")),
        *((f"{short}/shop", TargetRef(TargetKind.NAMESPACE, "shop")) for short in ("ns", "namespace", "namespaces")),
    ],
)
def test_further_kinds(word: str, target: TargetRef) -> None:
    assert spec_of(f"capture {word}").target == target


def test_several_targets_before_the_filter() -> None:
    spec = spec_of("capture deploy/a -n shop svc/b job/c port 443 for 5s")
    assert (spec.target, spec.others) == (A, (B, TargetRef(TargetKind.JOB, "c")))
    assert (spec.namespace, spec.filter, spec.duration) == ("shop", "port 443", 5.0)
    assert spec_of("capture web svc/b").target == TargetRef(TargetKind.ANY, "web")


def test_of_several_namespaces_each_is_for_the_targets_before_it() -> None:
    spec = spec_of("capture deploy/a sts/c -n shop svc/b in pay port 443")
    assert (spec.namespace, spec.target) == ("shop", A)
    assert spec.others == (TargetRef(TargetKind.STATEFULSET, "c"), TargetRef(TargetKind.SERVICE, "b", "pay"))
    assert spec.namespaces == ("shop", "pay")


@pytest.mark.parametrize(
    "text",
    [
        "between deploy/a -n shop and svc/b -n pay port 8080",
        "capture between deploy/a -n shop and svc/b in pay port 8080",
        "Between deploy/a in shop AND svc/b -n pay -- port 8080",
    ],
)
def test_both_ends_with_their_namespaces(text: str) -> None:
    for spec in (spec_of(text), spec_of(text, "capture")):
        assert (spec.mode, spec.namespace, spec.target) == (Mode.BETWEEN, "shop", A)
        assert spec.others == (TargetRef(TargetKind.SERVICE, "b", "pay"),)
        assert spec.filter == "port 8080"


def test_one_namespace_is_for_both_ends_and_labels_may_be_one() -> None:
    spec = spec_of("between deploy/a and -l app=b,tier=db -n shop for 1m")
    assert spec.others == (TargetRef(TargetKind.SELECTOR, "app=b,tier=db"),)
    assert (spec.namespace, spec.namespaces, spec.duration) == ("shop", ("shop",), 60.0)
    assert spec_of("between -l app=a and -l app=b").target == TargetRef(TargetKind.SELECTOR, "app=a")
    assert spec_of("between checkout and payments").others == (TargetRef(TargetKind.ANY, "payments"),)


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("--max-pods 3", {"max_pods": 3}),
        ("--method veth", {"method": "veth"}),
        ("--method=Node", {"method": "node"}),
        ("--dry-run", {"dry_run": True}),
        ("--wait", {"wait": 300.0}),
        ("--wait 90s port 80", {"wait": 90.0, "filter": "port 80"}),
        ("--wait port 80", {"wait": 300.0, "filter": "port 80"}),
        ("--wait=2m", {"wait": 120.0}),
        ("until finding any", {"until": Until(UntilKind.FINDING, "any")}),
        ("--until finding Reset", {"until": Until(UntilKind.FINDING, "reset")}),
        ("until event Unhealthy for 2m", {"until": Until(UntilKind.EVENT, "Unhealthy"), "duration": 120.0}),
        (
            "port 80 until packet tcp[tcpflags] & tcp-rst != 0 for 2m",
            {"until": Until(UntilKind.PACKET, "tcp[tcpflags] & tcp-rst != 0"), "filter": "port 80", "duration": 120.0},
        ),
        (
            "until packet tcp[13] & -4 != 0 --wait 5s -- port 80",
            {"until": Until(UntilKind.PACKET, "tcp[13] & -4 != 0"), "filter": "port 80", "wait": 5.0},
        ),
        ('--until "packet tcp port 80" udp', {"until": Until(UntilKind.PACKET, "tcp port 80"), "filter": "udp"}),
    ],
)
def test_options(words: str, changed: dict[str, Any]) -> None:
    spec = spec_of(f"capture deploy/a {words}")
    assert spec == structs.replace(spec_of("capture deploy/a"), **changed)


def test_wait_is_never_longer_than_allowed() -> None:
    command = parse("capture a --wait", Limits(max_wait=60.0))
    assert isinstance(command, Capture)
    assert command.spec.wait == 60.0


def test_anyway_is_about_the_command_and_not_the_spec() -> None:
    plain, anyway = parse("capture a", LIMITS), parse("capture a --anyway", LIMITS)
    assert isinstance(plain, Capture)
    assert isinstance(anyway, Capture)
    assert (plain.anyway, anyway.anyway) == (False, True)
    assert plain.spec == anyway.spec


@pytest.mark.parametrize("words", ["keep 2m for 2h port 80", "--keep 2m --for 2h port 80", "for 2h keep 2 min port 80"])
def test_recordings(words: str) -> None:
    spec = spec_of(f"record deploy/a {words}")
    assert (spec.mode, spec.keep, spec.duration, spec.filter) == (Mode.RECORD, 120.0, 7200.0, "port 80")
    usual = spec_of("record deploy/a")
    assert (usual.keep, usual.duration) == (LIMITS.keep, LIMITS.record)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("grab abcd2345", Grab("abcd2345")),
        ("grab abcd2345 --last 2m", Grab("abcd2345", 120.0)),
        ("grab abcd2345 --last=90s", Grab("abcd2345", 90.0)),
        ("Grab ABCD2345 last 2 minutes", Grab("abcd2345", 120.0)),
        ("extend abcd2345 30s", Extend("abcd2345", 30.0)),
        ("extend abcd2345 by 5m", Extend("abcd2345", 300.0)),
        ("extend abcd2345 --for 5m", Extend("abcd2345", 300.0)),
        ("extend abcd2345 by +30 seconds", Extend("abcd2345", 30.0)),
        ("grab --help", Help("grab")),
        ("record help", Help("record")),
        ("between -h", Help("between")),
        ("help dry-run", Help("dry-run")),
        ("help targets", Help("targets")),
    ],
)
def test_commands_about_recordings_and_running_jobs(text: str, command: Command) -> None:
    assert parse(text, LIMITS) == parse(text, LIMITS, implied="capture") == command
    assert parse_words(text.split(), LIMITS) == command


def test_the_grammar_knows_every_rule_of_trouble() -> None:
    assert {vars(sys.modules[rule.__module__])["RULE"] for rule in RULES} == FINDINGS
