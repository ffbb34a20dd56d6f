"""Streams cut or ended by a lie, pods deleted, while they are captured."""

import pytest

from tests.chaos.faults import CUTS, PodDeleted, StreamsCut, StreamsLie
from tests.chaos.model import LIMIT, METHODS, SUPERVISED
from tests.chaos.world import World
from workers.capture.plans import EXEC

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(LIMIT)]


async def test_a_spool_read_over_fifty_cut_streams_is_byte_equal(world: World) -> None:
    for scene in await world.trials([StreamsCut.draw], SUPERVISED, one_of=True):
        assert world.read_again(scene.job_id) >= CUTS


async def test_an_attached_capture_whose_stream_is_cut_is_partial(world: World) -> None:
    await world.trials([StreamsCut.draw], [EXEC])


async def test_success_that_comes_too_early_is_not_believed(world: World) -> None:
    await world.trials([StreamsLie.draw], METHODS)


async def test_a_pod_deleted_under_capture_leaves_what_arrived(world: World) -> None:
    await world.trials([PodDeleted.draw], METHODS)
