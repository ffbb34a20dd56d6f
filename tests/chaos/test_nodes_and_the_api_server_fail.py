"""The API server killed, a node's agent restarted, the node away, deleted, or its disk full, under captures."""

import pytest

from tests.chaos.faults import (
    ApiServerKilled,
    DiskFilled,
    NodeAway,
    NodeGone,
    NodeRestarted,
    SmallDisk,
    StreamsLie,
    any_of,
)
from tests.chaos.model import LIMIT, METHODS, SUPERVISED
from tests.chaos.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(LIMIT)]


async def test_an_api_server_killed_under_capture_costs_spools_nothing(own_world: World) -> None:
    await own_world.trials([ApiServerKilled.draw], METHODS, alone=True)


async def test_a_restarted_node_agent_leaves_no_process_behind(own_world: World) -> None:
    await own_world.trials([NodeRestarted.draw], METHODS, alone=True)


async def test_faults_one_after_the_other_cost_a_spool_nothing(own_world: World) -> None:
    survived = any_of(ApiServerKilled.draw, NodeAway.draw, NodeRestarted.draw, StreamsLie.draw)
    await own_world.trials([survived] * 2, SUPERVISED, one_of=True, alone=True)


async def test_a_node_that_is_gone_leaves_what_arrived(own_world: World) -> None:
    await own_world.trials([NodeGone.draw], METHODS, alone=True)


async def test_a_disk_filled_under_the_spool_leaves_what_was_written(own_world: World) -> None:
    await own_world.trials([SmallDisk.draw, DiskFilled.draw], SUPERVISED, alone=True)
