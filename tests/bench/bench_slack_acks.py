"""How long people wait for an ack when 200 act at once: a Bolt app on the Slack emulator, both in this process.

Run: `python -m tests.bench.bench_slack_acks`. Socket Mode against signed HTTP in the same run, the best of three.
Wanted are acks under 100 ms.
"""

import asyncio

from tests.integration.slack.bolt import connected
from tests.support.crowd import USERS, Crowd, percentiles

ROUNDS = 3


def main() -> None:
    """Print one line for each way, and their ratio."""
    socket, http = (asyncio.run(_best(way)) for way in ("socket", "http"))
    for name, acks in (("Socket Mode", socket), ("signed HTTP", http)):
        print(f"{USERS} users at once, {name}: {percentiles(acks)}")
    print(f"slowest ack, Socket Mode to HTTP: {max(socket) / max(http):.2f}")


async def _best(way: str) -> list[float]:
    async with connected(way) as (slack, app):
        crowd = Crowd(slack, app)
        rounds = [await crowd.act(await crowd.warm_up()) for _ in range(ROUNDS)]
    return min(rounds, key=max)


if __name__ == "__main__":
    main()
