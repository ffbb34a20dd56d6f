"""Sliding windows, the clock that skips, and what text goes through on its way to the app."""

from __future__ import annotations

import asyncio

import pytest

from deploy.playground.slack.clock import Clock
from deploy.playground.slack.errors import SlackError
from deploy.playground.slack.limits import POSTING, TIER_3, RateLimits
from deploy.playground.slack.mangle import as_sent, as_typed
from deploy.playground.slack.seed import PLAYGROUND
from deploy.playground.slack.state import Workspace
from deploy.playground.slack.uploads import safe_name


async def test_window_slides_and_says_when_to_come_back() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    for _ in range(50):
        limits.take("chat.update", TIER_3)
    clock.advance(45)
    with pytest.raises(SlackError, match="ratelimited") as refused:
        limits.take("chat.update", TIER_3)
    assert refused.value.status == 429
    assert refused.value.headers["Retry-After"] == "15"
    clock.advance(15)
    limits.take("chat.update", TIER_3)


async def test_posting_is_counted_by_channel() -> None:
    limits = RateLimits(Clock())
    for channel in ("C1", "C2"):
        for _ in range(3):
            limits.take("chat.postMessage", POSTING, channel)
    with pytest.raises(SlackError):
        limits.take("chat.postMessage", POSTING, "C1")


@pytest.mark.parametrize("stopped", [False, True])
async def test_sleepers_wake_when_time_is_skipped(stopped: bool) -> None:
    clock = Clock()
    if stopped:
        clock.stop()
        assert clock.now() == clock.now()
    sleeper = asyncio.create_task(clock.sleep(300))
    await asyncio.sleep(0)
    clock.advance(299)
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.advance(1)
    async with asyncio.timeout(5):
        await sleeper
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


@pytest.mark.parametrize(
    ("typed", "arrives"),
    [
        ("web --for 30s", "web –for 30s"),
        ("web -- port 443", "web – port 443"),
        ('say "port 443"', "say “port 443”"),
        ("don't", "don’t"),
        ("a-b -n shop", "a-b -n shop"),
        ("wait...", "wait…"),
    ],
)
def test_mac_client_substitutes(typed: str, arrives: str) -> None:
    assert as_typed(typed) == arrives


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("see http://a.b/c?d=1&e=2", "see <http://a.b/c?d=1&amp;e=2>"),
        ("host example.com", "host <http://example.com|example.com>"),
        ("ask ops@example.com", "ask <mailto:ops@example.com|ops@example.com>"),
        ("web.shop.svc.cluster.local", "web.shop.svc.cluster.local"),
        ("@threadcap capture", "<@U0THREADCP> capture"),
        ("@nobody", "@nobody"),
        ("in #general", "in <#C000GENERAL|general>"),
        ("a@b", "a@b"),
    ],
)
def test_slack_encodes(sent: str, arrives: str) -> None:
    assert as_sent(sent, Workspace(Clock(), PLAYGROUND)) == arrives


def test_commands_name_whom_they_mention() -> None:
    assert as_sent("@bob", Workspace(Clock(), PLAYGROUND), named=True) == "<@U000000BOB|bob>"


def test_message_ids_are_unique_and_grow() -> None:
    workspace = Workspace(Clock(), PLAYGROUND)
    ids = [workspace.new_ts() for _ in range(1000)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("name", "stored"), [("../../etc/passwd", "_.._etc_passwd"), ("a b.pcap", "a_b.pcap"), ("...", "file"), ("é", "_")]
)
def test_uploaded_names_cannot_leave_their_folder(name: str, stored: str) -> None:
    assert safe_name(name) == stored
