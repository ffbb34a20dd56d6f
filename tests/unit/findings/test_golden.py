"""Every rule on captures: bytes to facts to finding. One capture that fires each rule, one like it that must not."""

import dataclasses
import functools
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import structs

from tests.unit.findings.cases import SPEC, alarms
from tests.unit.findings.golden import (
    capture,
    connections,
    datagrams,
    dns,
    h2,
    http,
    mtu,
    resets,
    services,
    tls,
    transport,
    windows,
)
from tests.unit.findings.golden.traffic import (
    GOLDEN,
    LEDGER,
    NODE,
    PAYMENTS,
    PAYMENTS_POD,
    RESOLVER,
    VAULT,
    Golden,
    Made,
    Scene,
)
from workers.contract.codec import encode
from workers.contract.report import Confidence, Finding, Named, TargetResult
from workers.findings import Case, find, rules
from workers.findings.find import ABOUT_CAPTURE

FAMILIES = (capture, connections, datagrams, dns, h2, http, mtu, resets, services, tls, transport, windows)
NAMES = {
    PAYMENTS: Named("service", "payments", "shop"),
    LEDGER: Named("service", "ledger", "shop"),
    VAULT: Named("service", "vault", "shop"),
    PAYMENTS_POD: Named("pod", "payments-6c4d", "shop"),
    RESOLVER: Named("service", "kube-dns", "kube-system"),
    NODE: Named("node", "n1"),
}
FIRING, QUIET = [g for g in GOLDEN if g.fires], [g for g in GOLDEN if not g.fires]
SURE = list(Confidence)[::-1]
SEEN = {"nothing-captured", "dns-search-list", "certificate"}
"""What these rules speak of was seen, whatever else was not."""


def scenes(made: Made) -> list[Scene]:
    many = [made] if isinstance(made, Scene) else made
    return [one for one in many if isinstance(one, Scene)]


def targets(made: Made) -> list[TargetResult]:
    many: Sequence[Scene | TargetResult] = [made] if isinstance(made, Scene) else list(made)
    return [one.target() if isinstance(one, Scene) else one for one in many]


def judge(golden: Golden, seen: Sequence[TargetResult]) -> tuple[Finding, ...]:
    return find(Case(tuple(seen), NAMES, structs.replace(SPEC, filter=golden.filter)))


@functools.cache
def golden_findings(golden: Golden) -> tuple[tuple[TargetResult, ...], tuple[Finding, ...]]:
    seen = targets(golden.make())
    return tuple(seen), judge(golden, seen)


def of_rule(golden: Golden, found: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.rule == golden.rule]


def test_every_rule_has_a_capture_that_fires_it_and_one_that_must_not() -> None:
    files = [path for path in Path(rules.__file__).parent.glob("*.py") if path.stem != "__init__"]
    named = {path.stem: re.findall(r'^RULE = "([\w-]+)"$', path.read_text(), re.MULTILINE) for path in files}
    assert {name: ids for name, ids in named.items() if len(ids) != 1} == {}, "one rule a file"
    every = {ids[0] for ids in named.values()}
    assert len(every) == len(files) >= 30
    assert {g.rule for g in FIRING} == every
    assert {g.rule for g in QUIET} == every


@pytest.mark.parametrize("golden", FIRING, ids=str)
def test_it_fires(golden: Golden) -> None:
    _, found = golden_findings(golden)
    mine = of_rule(golden, found)
    assert mine, [(f.rule, f.sentence) for f in found]
    assert any(golden.says in finding.sentence for finding in mine), [f.sentence for f in mine]
    if golden.first:
        assert found[0].rule == golden.rule, [(f.rule, f.severity, f.sentence) for f in found]


@pytest.mark.parametrize("golden", FIRING, ids=str)
def test_it_shows_its_evidence(golden: Golden) -> None:
    """Frames, figures, a next step, and links that lead to facts of the report."""
    seen, found = golden_findings(golden)
    report = json.loads(json.dumps(encode({"targets": seen})))
    for finding in of_rule(golden, found):
        assert finding.next_step.endswith(".")
        assert finding.sentence.endswith(".")
        assert finding.figures or finding.rule == "analysis-failed"
        assert all(isinstance(value, int | float) for value in finding.figures.values())
        assert finding.facts or finding.rule == "analysis-failed"
        for pointer in finding.facts:
            place = report
            for step in pointer.split("/")[1:]:
                place = place[int(step)] if isinstance(place, list) else place[step]
        if finding.rule not in ABOUT_CAPTURE | {"healthy", "nothing-captured"}:
            assert finding.frames
            assert finding.display_filter
            last = [target.facts.packets for target in seen if target.facts]
            assert all(0 < ref.frame <= last[ref.target] for ref in finding.frames)


def test_wireshark_takes_every_filter_of_these_findings(tmp_path: Path) -> None:
    written = {f.display_filter for g in FIRING for f in golden_findings(g)[1] if f.display_filter}
    assert _frames(Scene(), " || ".join(f"({text})" for text in sorted(written)), tmp_path) == set()


@pytest.mark.long
@pytest.mark.parametrize("golden", FIRING, ids=str)
def test_wireshark_shows_the_evidence_by_the_filter(golden: Golden, tmp_path: Path) -> None:
    made = scenes(golden.make())
    for finding in of_rule(golden, golden_findings(golden)[1]):
        for target in {ref.target for ref in finding.frames if finding.display_filter}:
            assert _frames(made[target], finding.display_filter, tmp_path)


def _frames(scene: Scene, condition: str, folder: Path) -> set[str]:
    """Frames that Debian's tshark shows by a display filter."""
    file = folder / "scene.pcap"
    file.write_bytes(scene.bytes())
    argv = ["tshark", "-n", "-r", str(file), "-Y", condition, "-T", "fields", "-e", "frame.number"]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.mark.parametrize("golden", QUIET, ids=str)
def test_it_stays_quiet(golden: Golden) -> None:
    _, found = golden_findings(golden)
    assert of_rule(golden, found) == []
    assert alarms(found) == []


@pytest.mark.parametrize("golden", [g for g in QUIET if g.rule != "healthy"], ids=str)
@pytest.mark.parametrize("change", ["cut", "later", "much later"])
def test_it_stays_quiet_on_less_of_the_same(golden: Golden, change: str) -> None:
    """The same traffic cut by a snaplen of 96, or from some point in its middle on."""
    less = scenes(golden.make())
    if change == "cut":
        less = [dataclasses.replace(one, snaplen=96) for one in less]
    else:
        less = [one.later(0.35 if change == "later" else 0.7) for one in less]
    found = judge(golden, targets(less)) if less else ()
    assert [f.sentence for f in of_rule(golden, found)] == []


@pytest.mark.parametrize("golden", [g for g in FIRING if g.rule not in ABOUT_CAPTURE | SEEN], ids=str)
def test_drops_while_capturing_never_make_it_surer(golden: Golden) -> None:
    _, found = golden_findings(golden)
    before = max((SURE.index(f.confidence) for f in of_rule(golden, found)), default=0)
    seen = [
        structs.replace(one, outcome=structs.replace(one.outcome, kernel_dropped=max(1, one.outcome.packets // 20)))
        for one in golden_findings(golden)[0]
    ]
    after = of_rule(golden, judge(golden, seen))
    assert all(SURE.index(f.confidence) < max(before, 1) for f in after), [(f.confidence, f.sentence) for f in after]
