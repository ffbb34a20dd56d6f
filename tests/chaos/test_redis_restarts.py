"""Redis killed and started again under captures."""

import pytest

from tests.chaos.faults import RedisRestarted
from tests.chaos.model import LIMIT, METHODS
from tests.chaos.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(LIMIT)]


async def test_redis_restarted_under_capture_costs_nothing(lasting_world: World) -> None:
    await lasting_world.trials([RedisRestarted.draw], METHODS, alone=True)
