"""What the terminal prints, and its exit codes, for plans, recordings, offers and wrong words."""

import json

import pytest
from msgspec import structs

from bot.cli import WORDS, main
from bot.commands import Already, Commands
from bot.grammar.vocabulary import COMMANDS
from bot.terminal.commands import _followed, answer
from tests.support.twins import FakeQueue
from tests.unit.bot.messages.samples import BOB, SPEC, capturing, plan_made, recording
from workers.contract.job import Job
from workers.memory import InMemoryJobStore
from workers.policy import Rules


def test_the_program_knows_every_command_of_the_grammar() -> None:
    assert set(WORDS) == set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("between deploy/a deploy/b", "try: threadcap between deploy/a and deploy/b"),
        ("grab abcd2345 2m", "try: threadcap grab abcd2345 --last 2m"),
        ("record deploy/a --local", "leave --local out"),
        ("extend abcd2345 30s --local", "leave --local out"),
        ("capture deploy/a until Unhealthy", "until event Unhealthy"),
    ],
)
def test_wrong_words_end_with_two_and_the_next_step(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert said in capsys.readouterr().err


def test_a_plan_is_text_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(plan_made(), False) == 0
    text = capsys.readouterr().out
    assert "\nshop/vault-0 on n2\n  method   ephemeral in container threadcap-1\n  creates  an ephemeral" in text
    assert answer(plan_made(), True) == 0
    planned = json.loads(capsys.readouterr().out)["planned"]
    assert planned[0]["argv"][-1] == "port 8080 and tcp[13] & 4 != 0"
    assert planned[3]["rejected"] == [["exec", "ledger has no tcpdump."]]


def test_a_recording_goes_on_without_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(recording(), False, going_on=True) == 0
    assert "threadcap grab abcd2345 --last 2m" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("job", "discard", "said"),
    [
        (capturing(), False, "Capture abcd2345 is stopping; what it has is kept and follows."),
        (capturing(), True, "Capture abcd2345 is being discarded; nothing of it is kept."),
        (recording(), False, "Recording abcd2345 is stopping; what it holds is kept and follows."),
        (recording(), True, "Recording abcd2345 is being discarded; what was grabbed before is kept."),
    ],
)
def test_a_stop_says_what_becomes_of_it(job: Job, discard: bool, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(job.evolve(stop_by=BOB, discard=discard), False, going_on=True) == 0
    assert capsys.readouterr().out == f"{said}\n"


def test_what_got_more_time_says_how_long_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capturing().evolve(extended_by=BOB, deadline=1e12), False, going_on=True) == 0
    assert "Capture abcd2345 goes on for" in capsys.readouterr().out


def test_the_same_capture_is_named_with_the_way_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    commands = Commands(InMemoryJobStore(), FakeQueue(), Rules(), lambda: 0.0)
    refusal = _followed(commands, Already(structs.replace(capturing(), spec=SPEC)), quiet=False)
    assert answer(refusal, False) == 1
    said = capsys.readouterr().err
    assert "Capture abcd2345, asked for by alice, captures the same already" in said
    assert "--anyway" in said
    assert answer(refusal, True) == 1
    assert json.loads(capsys.readouterr().out)["job"] == "abcd2345"
