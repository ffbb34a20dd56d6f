"""status, list, stop, help; and what an implied capture changes."""

import pytest

from bot.grammar import Command, Help, ListJobs, Mistake, Status, Stop, parse, parse_words
from workers.contract.limits import Limits

LIMITS = Limits()


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Help()),
        ("   \n", Help()),
        ("help", Help()),
        ("Help", Help()),
        ("-h", Help()),
        ("help capture", Help("capture")),
        ("stop --help", Help("stop")),
        ("help Filter", Help("filter")),
        ("status", Status()),
        ("status abcd2345", Status("abcd2345")),
        ("Status ABCD2345", Status("abcd2345")),
        ("list", ListJobs()),
        ("stop abcd2345", Stop("abcd2345")),
        ("stop abcd2345 --discard", Stop("abcd2345", discard=True)),
        ("stop --discard ABCD2345", Stop("abcd2345", discard=True)),
    ],
)
def test_commands(text: str, command: Command) -> None:
    assert parse(text, LIMITS) == command
    assert parse(text, LIMITS, implied="capture") == command
    assert parse_words(text.split(), LIMITS) == command


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("stauts abcd2345", "status abcd2345"),
        ("cancel abcd2345", "stop abcd2345"),
        ("ls", "list"),
        ("list all", "list"),
        ("stop", "list"),
        ("stop a b", "list"),
        ("stop --discard", "list"),
        ("stop abcd2345 discard", "stop abcd2345 --discard"),
        ("stop abcd2345 now", "stop abcd2345"),
        ("stop abcd2345 -- x", "stop abcd2345"),
        ("status !!", "list"),
        ("help filtr", "help filter"),
        ("help me", "help"),
        ("frobnicate", "help"),
        ("deploy/web port 80", "capture deploy/web port 80"),
        ("status abcd2345 -- x", "status abcd2345"),
    ],
)
def test_mistakes_offer_what_was_meant(text: str, suggestion: str) -> None:
    mistake = parse(text, LIMITS)
    assert isinstance(mistake, Mistake)
    assert mistake.suggestion == suggestion


def test_an_implied_capture_still_sees_a_mistyped_command() -> None:
    mistake = parse("staus", LIMITS, implied="capture")
    assert isinstance(mistake, Mistake)
    assert mistake.suggestion == "status"


def test_a_suggestion_under_an_implied_capture_stands_alone() -> None:
    mistake = parse("deploy/web for 10h", LIMITS, implied="capture")
    assert isinstance(mistake, Mistake)
    assert mistake.suggestion == "capture deploy/web for 10m"
