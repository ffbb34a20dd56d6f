"""Two hundred people act in one moment: each is acknowledged, nothing is lost, nothing comes twice.

How fast is printed here and measured by `make bench`.
"""

from __future__ import annotations

from collections import Counter

from tests.support.crowd import USERS, Crowd, percentiles

from .bolt import connected


async def test_everybody_is_acknowledged_once(way: str) -> None:
    async with connected(way) as (slack, app):
        crowd = Crowd(slack, app)
        acks = await crowd.act(await crowd.warm_up())
        assert len(acks) == USERS
        assert slack.workspace.ephemerals == []
        kinds = ("command", "click")
        assert crowd.heard == Counter((kinds[n % 2], user.id) for n, user in enumerate(crowd.people))
        print(f"{USERS} users at once, {way}: {percentiles(acks)}")
