"""What Slack and keyboards do to text is undone."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.unmangle import unmangle


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("tcp[13] &amp; 7 != 0 and len &gt; 4 and len &lt; 9", "tcp[13] & 7 != 0 and len > 4 and len < 9"),
        ("&amp;lt;", "&lt;"),
        ("capture <http://web.io|web.io>", "capture web.io"),
        ("capture <https://web.io>", "capture https://web.io"),
        ("call <tel:+15550100|555-0100>", "call 555-0100"),
        ("mail <mailto:a@web.io|a@web.io>", "mail a@web.io"),
        ("<@U0BOT> capture web", "capture web"),
        ("  <@U0BOT|threadcap>: capture web", "capture web"),
        ("<@U0BOT>", ""),
        ("status of <@U123|name>", "status of @name"),
        ("status of <@U123>", "status of @U123"),
        ("in <#C1|incidents>", "in #incidents"),
        ("<!here> and <!subteam^S1|@oncall>", "@here and @oncall"),
        ("“port 443” ‘x’", "\"port 443\" 'x'"),
        ("capture web –for 30s —packets 5", "capture web --for 30s --packets 5"),
        ("capture web –n shop —c app", "capture web -n shop -c app"),
        ("capture web — port 443", "capture web -- port 443"),
        ("capture web ––for 30s", "capture web --for 30s"),
        ("portrange 8000–8080", "portrange 8000-8080"),
        ("capture\u00a0web\u2003port\u202f443", "capture web port 443"),
        ("`capture web`", "capture web"),
        ("<@U0BOT> `capture web`", "capture web"),
        ("```\ncapture web\n```", "capture web"),
        ("x…", "x..."),
        ("a < b", "a < b"),
    ],
)
def test_undone(sent: str, meant: str) -> None:
    assert unmangle(sent) == meant


@given(st.text(st.characters(exclude_characters="<>&`")))
def test_idempotent_on_plain_text(text: str) -> None:
    once = unmangle(text)
    assert unmangle(once) == once


@given(st.text(st.sampled_from("<>@|&;ampltg#!U1 –—-`\"' n")))
def test_never_raises(text: str) -> None:
    unmangle(text)


@pytest.mark.parametrize("unit", ["<", "<a|", "<@U", "<@U1|", "&", "&amp;", "–", " –", "`", " ", "\u00a0", "“", "<a>"])
def test_long_texts_take_linear_time(unit: str) -> None:
    began = time.process_time()
    unmangle(unit * (100_000 // len(unit)))
    unmangle(unit * (10_000_000 // len(unit)))
    assert time.process_time() - began < 1.0
