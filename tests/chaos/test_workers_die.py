"""Workers killed while they capture."""

import pytest

from tests.chaos.faults import WorkerKilled
from tests.chaos.model import LIMIT, METHODS
from tests.chaos.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(LIMIT)]


async def test_another_worker_finishes_what_a_killed_one_began(world: World) -> None:
    await world.desk.stack.start_worker()
    await world.trials([WorkerKilled.draw], METHODS, alone=True)
