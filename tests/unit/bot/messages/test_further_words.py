"""What is said of several targets, both ends, recordings, plans, waiting and joining."""

from typing import Any

import pytest
from msgspec import structs

from bot import messages
from bot.grammar import Capture, parse
from bot.messages.text import asked_for, subject
from bot.terminal.planned import plan_text
from tests.unit.bot.messages.samples import (
    BOB,
    PCAP,
    PLANNED,
    SPEC,
    capturing,
    done,
    plan_made,
    queued,
    recording,
    report,
)
from tests.unit.bot.messages.test_words import buttons, lines
from workers.contract.job import JobState, PlannedTarget, TargetProgress
from workers.contract.limits import Limits
from workers.contract.spec import CaptureSpec, Mode


def spec_of(text: str) -> CaptureSpec:
    command = parse(text, Limits())
    assert isinstance(command, Capture), command
    return command.spec


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("capture deploy/a svc/b -n shop port 80", "`deploy/a`, `svc/b` in shop → `port 80`, 30 s"),
        ("capture deploy/a -n shop svc/b -n pay", "`deploy/a` in shop, `svc/b` in pay → all packets, 30 s"),
        ("capture ns/shop --max-pods 3", "`ns/shop` → all packets, 30 s, at most 3 pods"),
        ("capture node/n1 --method node", "`node/n1` → all packets, 30 s, method `node`"),
        ("between deploy/a and svc/b -n shop", "between `deploy/a` and `svc/b` in shop → all packets, 30 s"),
        ("capture deploy/a until finding any", "`deploy/a` in default → all packets, 30 s, until the first finding"),
        ("capture a until finding reset", "`a` in default → all packets, 30 s, until the finding `reset`"),
        ("capture a until packet tcp", "`a` in default → all packets, 30 s, until a packet matches `tcp`"),
        ("capture a until event Killing", "`a` in default → all packets, 30 s, until a pod has the event `Killing`"),
        ("capture a --wait", "`a` in default → all packets, 30 s, waits up to 5 min for a pod"),
        ("capture a --dry-run", "`a` in default → all packets, 30 s, only a plan"),
        ("record a keep 2m", "`a` in default → all packets, the last 2 min kept, for 1 h"),
    ],
)
def test_the_echo(text: str, said: str) -> None:
    spec = spec_of(text)
    assert asked_for(spec) == said
    assert subject(spec) == said.partition(" → ")[0].replace("`", "")


def test_the_echo_of_a_grab() -> None:
    spec = structs.replace(SPEC, mode=Mode.GRAB, recording="abcd2345", last=120.0)
    assert asked_for(spec) == "recording `abcd2345` of `deploy/checkout` in shop → `port 5432`, the last 2 min"
    assert "all that is kept" in asked_for(structs.replace(spec, last=0.0))


def test_a_recordings_card() -> None:
    card = messages.card(recording(), 1001.0)
    assert "*Recording*" in lines(card)
    assert "the last 5 min kept" in lines(card)
    assert "1 h left" in lines(card)
    assert "recording `abcd2345`" in lines(card)
    assert [(label, action) for label, action, _ in buttons(card)] == [
        ("Grab last 2 min", "grab_120"), ("Grab all", "grab_all"),
        ("Stop and keep", "stop"), ("Discard", "discard"),
    ]  # fmt: skip
    assert [one.get("confirm", {}).get("title", {}).get("text") for one in card.blocks[-1]["elements"]] == [
        None, None, None, "Discard this recording?",
    ]  # fmt: skip


def test_a_short_recording_is_only_grabbed_whole() -> None:
    job = recording()
    short = job.evolve(spec=structs.replace(job.spec, keep=60.0))
    assert [action for _, action, _ in buttons(messages.card(short, 1001.0))] == ["grab_all", "stop", "discard"]


def test_a_recording_that_was_discarded_lost_nothing_that_was_grabbed() -> None:
    ended = recording().evolve(stop_by=BOB, discard=True)
    assert messages.card(ended, 1002.0).text.startswith("Discarding")
    card = messages.card(ended.to(JobState.CANCELLED), 1002.0)
    assert "*Discarded*" in lines(card)
    assert "Discarded by bob; what was grabbed before is kept." in lines(card)


def test_a_recording_that_was_stopped_keeps_what_it_held() -> None:
    ended = recording().evolve(stop_by=BOB)
    assert messages.card(ended, 1002.0).text.startswith("Stopping")
    card = messages.card(done(ended), 1002.0)
    assert "*Recording ended*" in lines(card)
    assert "Stopped by bob; what it held is kept." in lines(card)


def test_a_grabs_card_has_no_button_that_means_nothing() -> None:
    spec = structs.replace(SPEC, mode=Mode.GRAB, recording="abcd2345")
    live = structs.replace(capturing(), spec=spec)
    assert [label for label, _, _ in buttons(messages.card(live, 1001.0))] == ["Cancel"]
    assert buttons(messages.card(done(live), 1001.0)) == []


def test_a_card_that_waits_for_a_pod_says_for_which() -> None:
    spec = structs.replace(SPEC, wait=300.0)
    job = queued().to(JobState.RESOLVING, message="checkout-x2x is not running yet.").evolve(spec=spec)
    card = messages.card(job, 1001.0)
    assert card.text == "Waiting for a pod: deploy/checkout in shop."
    assert "checkout-x2x is not running yet." in lines(card)
    assert buttons(card) == [("Cancel", "discard", "abcd2345")]


def test_who_gave_it_more_time_is_named_while_it_runs() -> None:
    job = capturing().evolve(extended_by=BOB, deadline=1061.0)
    assert "48 s left · extended by bob" in lines(messages.card(job, 1013.0))
    assert "extended" not in lines(messages.card(done(job), 1070.0))


def test_pods_of_several_namespaces_are_told_apart() -> None:
    pods = (TargetProgress("shop", "web-0", "app"), TargetProgress("pay", "web-0", "app"))
    said = lines(messages.card(capturing().evolve(targets=pods), 1013.0))
    assert "`shop/web-0/app`" in said
    assert "`pay/web-0/app`" in said


@pytest.mark.parametrize("name", ["", "n1", "node/n1"])
def test_a_whole_node_is_named_where_a_pod_would_be(name: str) -> None:
    spec = spec_of("capture node/n1")
    node = (TargetProgress("", name and "node/n1", "", node="n1", state="capturing", packets=2),)
    said = lines(messages.card(capturing().evolve(spec=spec, targets=node), 1013.0))
    assert "`node/n1` → 1 node, all packets" in said
    assert "`node/n1`  2 packets" in said
    plan = plan_made().evolve(spec=spec, planned=(PlannedTarget("", name, "n1", "node"),))
    assert "\n`node/n1`\n*node*" in lines(messages.card(plan, 1013.0))
    assert "\n\nnode/n1\n  method   node" in plan_text(plan)


def test_a_gap_is_said_beside_its_pod_and_in_the_verdict() -> None:
    note = "replaced checkout-x2x after a gap of 4.2 s"
    pods = (TargetProgress("shop", "checkout-abc", "app", state="capturing", packets=3, note=note),)
    assert note in lines(messages.card(capturing().evolve(targets=pods), 1013.0))
    gap = structs.replace(report(), notes=(f"checkout-abc {note}.",))
    assert note in lines(messages.verdict(gap, done()))


def test_a_plan_says_alike_pods_together_and_each_reason() -> None:
    card = messages.card(plan_made(), 1001.0)
    assert card.text == "Plan: deploy/checkout in shop. 3 of 4 pods can be captured. Nothing was created or started."
    assert lines(card).splitlines()[2:] == [
        "`shop/checkout-x2x` on n1, `shop/checkout-abc` on n1",
        "*exec* in container `app`: app has tcpdump.",
        "Creates: nothing",
        "`tcpdump -i any -w - -- 'port 8080 and tcp[13] &amp; 4 != 0'`",
        "Limits: 30 s",
        "Not `ephemeral`: no image is set.",
        "`shop/vault-0` on n2",
        "*ephemeral* in container `threadcap-1`",
        "Creates: an ephemeral container in shop/vault-0",
        "`tcpdump -i any -w - -- 'port 8080 and tcp[13] &amp; 4 != 0'`",
        "Limits: 30 s",
        "`bank/ledger-0` on n2",
        "*No method can capture it*",
        "Not `exec`: ledger has no tcpdump.",
        "Asked by alice · capture `abcd2345`",
    ]
    assert buttons(card) == [("Capture now", "go", "abcd2345")]


def test_a_plan_that_cannot_be_done_offers_nothing() -> None:
    card = messages.card(plan_made().evolve(planned=PLANNED[-1:]), 1001.0)
    assert "None of 1 pod can be captured." in lines(card)
    assert buttons(card) == []


def test_a_plan_in_a_terminal_has_the_command_line_as_it_is() -> None:
    text = plan_text(plan_made())
    assert text.startswith("3 of 4 pods can be captured. Nothing was created or started.\n\nshop/checkout-x2x on n1\n")
    assert "  runs     tcpdump -i any -w - -- 'port 8080 and tcp[13] & 4 != 0'\n" in text
    assert text.endswith("bank/ledger-0 on n2\n  method   none can capture it\n  not      exec: ledger has no tcpdump.")


def test_an_offer_to_join_names_who_captures_and_how_to_capture_anyway() -> None:
    offer = messages.already(capturing(), 1013.0, "12.5", "capture deploy/checkout --anyway")
    assert "Capturing, 18 s left, asked for by alice." in lines(offer)
    assert buttons(offer) == [
        ("Join", "join", "abcd2345 12.5"),
        ("Capture anyway", "anyway", "12.5 capture deploy/checkout --anyway"),
    ]
    assert len(buttons(messages.already(capturing(), 1013.0, "", "x" * 2000))) == 1


def test_a_joined_thread_gets_the_verdict_and_the_way_to_the_files() -> None:
    job = structs.replace(done(), artifacts=(PCAP,))
    verdict = messages.joined_verdict(report(), job, [], "U099ZZZZZZ", "https://chat.example/1")
    assert verdict.text == "payments refused 12 of 12 connections on port 5432"
    assert "For <@U099ZZZZZZ>, who joined capture `abcd2345`. The pcap files are in its own thread." in lines(verdict)
    assert "<@U012ABCDEF>" not in lines(verdict), "who asked was told in the first thread"
    links: list[dict[str, Any]] = [e for b in verdict.blocks if b["type"] == "actions" for e in b["elements"]]
    assert links[0]["url"] == "https://chat.example/1"


def test_who_joined_in_the_same_channel_is_named_in_the_verdict() -> None:
    said = lines(messages.verdict(report(), done(), [], ["U099ZZZZZZ"]))
    assert "asked by <@U012ABCDEF>, joined by <@U099ZZZZZZ>" in said
