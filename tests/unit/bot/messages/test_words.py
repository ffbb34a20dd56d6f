"""What the messages say, read aloud."""

import re
from typing import Any

import pytest
from msgspec import structs

from bot import messages
from bot.grammar import Mistake, parse
from bot.grammar.vocabulary import TOPICS
from bot.messages import Message
from tests.unit.bot.messages.samples import ALICE, BOB, PCAP, PODS, SHA, SPEC, capturing, done, queued, report
from workers.contract.errors import StoreUnavailable
from workers.contract.job import Job, JobState, Person, TargetProgress
from workers.contract.limits import Limits
from workers.contract.report import Table


def lines(message: Message) -> str:
    """Return everything the blocks say, one paragraph a line."""
    said = []
    for block in message.blocks:
        if block["type"] == "section":
            said.append(block["text"]["text"])
        elif block["type"] == "context":
            said += [element["text"] for element in block["elements"]]
    return "\n".join(said)


def buttons(message: Message) -> list[tuple[str, str, str]]:
    """Return (label, action id, value) of every button."""
    elements: list[dict[str, Any]] = [e for b in message.blocks if b["type"] == "actions" for e in b["elements"]]
    return [(element["text"]["text"], element["action_id"], element["value"]) for element in elements]


def test_a_running_card() -> None:
    card = messages.card(capturing(), 1013.0)
    assert card.text == "Capturing: deploy/checkout in shop, 1,204 packets, 18 s left."
    assert lines(card) == (
        ":large_blue_circle: *Capturing*  `deploy/checkout` in shop → 2 pods, `port 5432`, 30 s\n"
        "`checkout-7d9f8-x2x/app`  1,204 packets · 1.2 MB · no drops\n"
        "`checkout-7d9f8-abc/app`  waiting\n"
        "Asked by alice · 18 s left · method exec · capture `abcd2345`"
    )
    assert buttons(card) == [
        ("Stop and keep", "stop", "abcd2345"),
        ("Discard", "discard", "abcd2345"),
        ("+30 s", "extend_30", "abcd2345"),
        ("+5 min", "extend_300", "abcd2345"),
    ]
    discard = card.blocks[-1]["elements"][1]
    assert discard["confirm"]["confirm"]["text"] == "Discard"


def test_a_waiting_card_can_be_cancelled() -> None:
    card = messages.card(queued(), 1000.0)
    assert "Waiting for a worker" in card.text
    assert buttons(card) == [("Cancel", "discard", "abcd2345")]


def test_a_card_says_the_verdict_while_pictures_are_drawn() -> None:
    drawing = capturing().to(JobState.ANALYSING).to(JobState.DELIVERING).evolve(verdict="payments refused 12 of 12")
    assert "payments refused 12 of 12" in lines(messages.card(drawing, 1001.0))


def test_a_card_being_stopped_has_no_buttons() -> None:
    card = messages.card(capturing().evolve(stop_by=BOB), 1013.0)
    assert card.text.startswith("Stopping")
    assert "bob asked to stop it." in lines(card)
    assert buttons(card) == []


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (done(), ["*Done*", "payments refused 12 of 12"]),
        (done(capturing().evolve(stop_by=BOB)), ["Stopped by bob; what was captured is kept."]),
        (capturing().to(JobState.PARTIAL, message="The pod was deleted."), [":warning:", "The pod was deleted."]),
        (queued().to(JobState.FAILED, message="There is no deployment checkout."), [":x:", "no deployment checkout"]),
        (queued().evolve(stop_by=ALICE, discard=True).to(JobState.CANCELLED), ["*Cancelled*", "Cancelled by alice."]),
        (capturing().evolve(stop_by=BOB, discard=True).to(JobState.CANCELLED), ["Discarded by bob; nothing was kept."]),
    ],
)
def test_final_cards(job: Job, said: list[str]) -> None:
    card = messages.card(job, 1040.0)
    for words in said:
        assert words in lines(card)
    assert "left" not in lines(card)
    assert buttons(card) == [("Run again", "rerun", "abcd2345")]


def test_more_pods_than_a_card_shows() -> None:
    pods = tuple(TargetProgress("shop", f"web-{index}", "app", state="capturing") for index in range(13))
    said = lines(messages.card(capturing().evolve(targets=pods), 1013.0))
    assert "13 pods" in said
    assert "`web-9/app`" in said
    assert "web-10" not in said
    assert "and 3 more" in said


def test_drops_are_never_silently_zero() -> None:
    pods = (
        TargetProgress("shop", "a", "", state="capturing", packets=1, dropped=7),
        TargetProgress("shop", "b", "", state="capturing", packets=1),
        TargetProgress("shop", "c", "", state="done", packets=1),
    )
    said = lines(messages.card(capturing().evolve(targets=pods), 1013.0))
    assert "`a`  1 packet · 0 bytes · 7 dropped by the kernel" in said
    assert "`b`  1 packet · 0 bytes · drops not counted yet" in said
    assert "`c`  1 packet · 0 bytes · drops unknown" in said


def test_status_is_a_card_without_buttons() -> None:
    status = messages.status(queued(), 1120.0)
    assert buttons(status) == []
    assert "asked 2 min ago" in lines(status)


def test_a_verdict_says_the_fact_first_and_proves_its_files() -> None:
    verdict = messages.verdict(report(), done(), [messages.ChartRef("F1", "Throughput over 30 s")])
    assert verdict.text == "payments refused 12 of 12 connections on port 5432"
    first = verdict.blocks[0]["text"]["text"]
    assert first.startswith(":red_circle: *payments refused 12 of 12 connections on port 5432*")
    assert (
        "1,207 packets captured, 4 dropped by the kernel, 2 received but not written when tcpdump stopped;"
        " unknown for 1 pod." in first
    )
    said = lines(verdict)
    assert "*Critical*  payments answered all 12 attempts to port 5432 with a reset." in said
    assert "frames 12, 15 of `checkout-7d9f8-x2x`; frame 3 of `checkout-7d9f8-abc`" in said
    assert "Next: Check that something listens on 5432." in said
    assert f"(1.2 MB, 1,204 packets) byte-equal to what tcpdump wrote: sha256 `{SHA}`" in said
    assert f"(1.2 MB, 3 packets) not proved, truncated at byte 4,096: pod deleted: sha256 `{SHA}`" in said
    assert "asked by <@U012ABCDEF>" in said
    assert "Wireshark" in said
    assert [b["slack_file"]["id"] for b in verdict.blocks if b["type"] == "image"] == ["F1"]


def test_the_finding_behind_the_verdict_is_not_said_twice() -> None:
    found = report()
    found = structs.replace(found, verdict=found.findings[0].sentence)
    said = lines(messages.verdict(found, done()))
    assert said.count("answered all 12 attempts") == 1
    assert "*Critical*  frames 12, 15 of `checkout-7d9f8-x2x`" in said


def test_a_failed_analysis_is_told_once() -> None:
    found = report()
    failed = structs.replace(found.targets[1], facts=None, analysis_error="it ran out of memory")
    found = structs.replace(found, targets=(found.targets[0], failed))
    assert "Analysis of checkout-7d9f8-abc failed: it ran out of memory" in lines(messages.verdict(found, done()))
    found = structs.replace(found, notes=("checkout-7d9f8-abc: not analysed, it ran out of memory.",))
    assert lines(messages.verdict(found, done())).count("ran out of memory") == 1


def test_the_table_is_the_reports_first() -> None:
    columns = ("From", "To", "Trouble")
    many = tuple(("checkout", f"payments-{n}", "1 refused") for n in range(20))
    found = structs.replace(report(), tables=(Table("Conversations", columns, many, more=7), Table("DNS", columns)))
    verdict = messages.verdict(found, done())
    [table] = [block for block in verdict.blocks if block["type"] == "table"]
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    assert rows[:2] == [list(columns), ["checkout", "payments-0", "1 refused"]]
    assert len(rows) == 16
    assert "and 12 more; `threadcap analyze FILE`" in lines(verdict)


def test_a_verdict_without_a_report_keeps_the_files() -> None:
    job = done().evolve(verdict="", message="Analysis ran out of memory.", artifacts=(PCAP,))
    verdict = messages.verdict(None, job)
    assert verdict.text == "Analysis ran out of memory."
    assert PCAP.name in lines(verdict)
    assert SHA in lines(verdict)


def test_a_mistake_marks_its_place() -> None:
    found = parse("capture deploy/checkout -n shop --for 10h port 5432", Limits())
    assert isinstance(found, Mistake)
    assert lines(messages.mistake(found, "/capture ")) == (
        "10h is too long; 10m is the most.\n"
        "```\n"
        "capture deploy/checkout -n shop --for 10h port 5432\n"
        "                                      ^^^\n"
        "```\n"
        "Try `/capture deploy/checkout -n shop --for 10m port 5432`"
    )


def test_a_mistake_far_along_a_line_stays_in_sight() -> None:
    found = parse("capture web " + "tcp or " * 60 + "prot 80", Limits())
    assert isinstance(found, Mistake)
    shown, marks = lines(messages.mistake(found)).split("```")[1].strip("\n").split("\n")
    assert shown[marks.index("^") :].startswith("prot 80")
    assert len(shown) < 90


def test_invisible_characters_are_shown_in_a_mistake() -> None:
    found = parse("capture we\u202eb", Limits())
    assert isinstance(found, Mistake)
    said = lines(messages.mistake(found))
    assert "U+202E RIGHT-TO-LEFT OVERRIDE" in said
    assert "capture we\ufffdb" in said
    assert "Try `capture web`" in said


def test_listing() -> None:
    said = lines(messages.listing([done(), capturing()], 1100.0))
    assert said.startswith("*2 recent captures, 1 running.*\n`abcd2345` Done · `deploy/checkout` in shop · alice")
    assert messages.listing([], 0.0).text == "No captures yet. Start one with `capture deploy/NAME`."


def test_a_refusal_says_whether_to_try_again() -> None:
    error = StoreUnavailable("Redis can't be reached, so nothing was started.", detail="secret detail")
    said = lines(messages.refusal(error, "abcd2345"))
    assert said.startswith("Redis can't be reached, so nothing was started.\nThe same command may work in a minute.")
    assert "secret" not in said


def test_accepted_echoes_the_parse() -> None:
    said = lines(messages.accepted(Job("abcd2345", SPEC, ALICE), ("Time is limited to 60 s.",)))
    assert said.startswith("Understood: `deploy/checkout` in shop → `port 5432`, 30 s\nTime is limited to 60 s.")


def test_people() -> None:
    job = Job("abcd2345", SPEC, Person("terminal:carol"), targets=PODS)
    assert "Asked by carol" in lines(messages.card(job, 0.0))
    job = Job("abcd2345", SPEC, Person("U012ABCDEF"), targets=PODS)
    assert "Asked by <@U012ABCDEF>" in lines(messages.card(job, 0.0))


@pytest.mark.parametrize("topic", [None, *TOPICS])
def test_every_example_in_the_help_means_something(topic: str | None) -> None:
    said = lines(messages.help_page(topic, Limits(), "/capture ")).replace("&amp;", "&")
    examples = re.findall(r"`/capture ([^`]*)`", said)
    assert examples or topic == "help"
    for example in examples:
        line = example.replace("JOB", "abcd2345")
        if "TARGET" not in line:
            assert not isinstance(parse(line, Limits(), implied="capture"), Mistake), line
