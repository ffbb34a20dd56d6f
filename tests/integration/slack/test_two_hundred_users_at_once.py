"""Two hundred people act in one moment: each is acknowledged, nothing is lost, nothing comes twice.

How fast is printed here and measured by `make bench`. Slack's three seconds run by the real clock, so a machine that
stands still for as long fails a burst of any app: of three bursts, each on a fresh workspace, one must be whole.
"""

from __future__ import annotations

from collections import Counter

from tests.support.crowd import USERS, Crowd, percentiles

from .bolt import connected

BURSTS = 3


async def test_everybody_is_acknowledged_once(way: str) -> None:
    acks: list[float] = []
    for _ in range(BURSTS):
        async with connected(way) as (slack, app):
            crowd = Crowd(slack, app)
            acks = await crowd.act(await crowd.warm_up())
            if len(acks) < USERS:
                continue
            assert slack.workspace.ephemerals == []
            kinds = ("command", "click")
            assert crowd.heard == Counter((kinds[n % 2], user.id) for n, user in enumerate(crowd.people))
            break
    assert len(acks) == USERS
    print(f"{USERS} users at once, {way}: {percentiles(acks)}")
