"""Rights, images, quotas, admission and disks that are not there: refused in words, or captured as far as it went."""

import pytest

from tests.chaos.model import LIMIT, METHODS, SUPERVISED
from tests.chaos.refusals import AdmissionRefused, Forbidden, ImageMissing, QuotaRefused, WorkerDiskFull
from tests.chaos.world import World
from workers.capture.plans import NODE

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(LIMIT)]


async def test_a_right_that_is_missing_is_named(idle_world: World) -> None:
    await idle_world.trials([Forbidden.draw], METHODS)


async def test_an_image_nobody_has_is_named(idle_world: World) -> None:
    await idle_world.trials([ImageMissing.draw], SUPERVISED)


async def test_a_quota_that_is_used_up_is_named(idle_world: World) -> None:
    await idle_world.trials([QuotaRefused.draw], [NODE])


async def test_what_admission_denies_is_said_in_its_words(idle_world: World) -> None:
    await idle_world.trials([AdmissionRefused.draw], SUPERVISED, alone=True)


async def test_a_worker_whose_disk_is_full_keeps_what_it_wrote(idle_world: World) -> None:
    await idle_world.trials([WorkerDiskFull.draw], METHODS, one_of=True)
