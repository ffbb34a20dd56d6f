"""Every message, from the most absurd data, is one that Slack takes and that harms nobody."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import messages
from bot.grammar import Mistake, parse
from bot.grammar.vocabulary import TOPICS
from bot.messages.limits import _texts
from bot.messages.lint import lint
from bot.terminal.planned import plan_text
from deploy.playground.slack.blocks import UPDATE_TEXT, check_message
from tests.support.examples import examples
from tests.unit.bot.messages.samples import ABSURD, JOBS, REPORTS
from workers.contract.errors import StoreUnavailable
from workers.contract.job import Job
from workers.contract.limits import Limits
from workers.contract.report import Report

_SETTINGS = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
_REFERENCE = re.compile(r"<(?!@[UW][A-Z0-9]+>)")


def check(message: messages.Message) -> None:
    assert lint(message) == []
    check_message(message.blocks, message.text, text_limit=UPDATE_TEXT)
    for text in [message.text, *_texts(message.blocks)]:
        text.encode()
        assert not set(text) & set("\u202e\x00\u200b")
    for block in message.blocks:
        if block["type"] in ("section", "context"):
            for text in _texts(block):
                assert not _REFERENCE.search(text), "only mentions of our own making"


@_SETTINGS
@given(JOBS, st.floats(-1e12, 1e12))
def test_job_messages(job: Job, now: float) -> None:
    check(messages.card(job, now))
    check(messages.status(job, now))
    check(messages.listing([job] * 30, now))
    check(messages.verdict(None, job, [], ["U012ABCDEF", "<!channel>"]))
    check(messages.joined_verdict(None, job, [], job.id, "https://chat.example/1"))
    check(messages.joined(job, ""))
    plan_text(job)


@_SETTINGS
@given(JOBS, ABSURD, ABSURD)
def test_offers(job: Job, place: str, line: str) -> None:
    check(messages.already(job, 0.0, place, line))


@_SETTINGS
@given(JOBS, st.lists(ABSURD, max_size=12))
def test_accepted(job: Job, notes: list[str]) -> None:
    check(messages.accepted(job, notes))


@_SETTINGS
@given(REPORTS, JOBS, st.lists(st.builds(messages.ChartRef, st.just("F1"), ABSURD), max_size=8))
def test_verdicts(report: Report, job: Job, charts: list[messages.ChartRef]) -> None:
    check(messages.verdict(report, job, charts))


@_SETTINGS
@given(ABSURD, ABSURD)
def test_refusals(reason: str, job_id: str) -> None:
    check(messages.refusal(reason, job_id))
    check(messages.refusal(StoreUnavailable(reason), job_id))


@_SETTINGS
@given(st.builds(Mistake, st.integers(-5, 30_000), st.integers(-5, 30_000), ABSURD, ABSURD, ABSURD))
def test_mistakes(mistake: Mistake) -> None:
    check(messages.mistake(mistake, "/capture "))


@_SETTINGS
@given(ABSURD)
def test_mistakes_of_the_grammar(text: str) -> None:
    found = parse(f"capture {text}", Limits(max_text=50_000))
    if isinstance(found, Mistake):
        check(messages.mistake(found))


@pytest.mark.parametrize("topic", [None, *TOPICS, "nonsense"])
@pytest.mark.parametrize("prefix", ["@threadcap ", "/capture ", "threadcap "])
def test_help_pages(topic: str | None, prefix: str) -> None:
    check(messages.help_page(topic, Limits(), prefix))
