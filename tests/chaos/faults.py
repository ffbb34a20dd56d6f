"""The faults of the model: what is random about each, how it strikes, what a capture must come to all the same."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar

from tests.chaos.model import SUPERVISED, WHOLE, Drawn, End, partial
from workers.capture.plans import NODE
from workers.capture.tcpdump import marker

if TYPE_CHECKING:
    from tests.chaos.world import Scene, World

LOST = "connection to pod .* was lost"
CUTS = 50


@dataclass(frozen=True)
class StreamsCut:
    """Fifty streams of the capture end at random bytes, one after the other, without a word.

    `parts`: how far each one comes, in fiftieths of the whole.
    """

    parts: tuple[float, ...]
    orphan: bool
    early: ClassVar[bool] = True

    @classmethod
    def draw(cls, chance: Random) -> "StreamsCut":
        """Anywhere from the first byte on."""
        return cls(tuple(round(chance.random(), 3) for _ in range(CUTS)), chance.random() < 0.5)

    def end(self, method: str) -> End:
        """See Fault.end."""
        return WHOLE if method in SUPERVISED else partial(f"{LOST}; truncated at byte")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike. An attached capture has one stream only, and some packets shall have come."""
        for scene in scenes:
            after = [int(part * scene.capture.bytes / CUTS) for part in self.parts]
            if scene.capture.method not in SUPERVISED:
                after = [4_000 + after[0]]
            await _on_streams(world, scene, action="cut", afterBytes=after, orphan=self.orphan)


@dataclass(frozen=True)
class StreamsLie:
    """Streams end with Success before the capture did, as when a kubelet is restarted."""

    after: tuple[int, ...]
    orphan: bool
    early: ClassVar[bool] = True

    @classmethod
    def draw(cls, chance: Random) -> "StreamsLie":
        """Up to three lies, one after the other."""
        count = chance.randint(1, 3)
        return cls(tuple(chance.randint(2_000, 30_000) for _ in range(count)), chance.random() < 0.5)

    def end(self, method: str) -> End:
        """See Fault.end."""
        return WHOLE if method in SUPERVISED else partial(f"{LOST}; truncated at byte")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        for scene in scenes:
            await _on_streams(world, scene, action="lie", afterBytes=list(self.after), orphan=self.orphan)


async def _on_streams(world: "World", scene: "Scene", **fault: object) -> None:
    """A fault of the streams that carry this capture's packets, and of no others."""
    program = "threadcap-follow" if scene.capture.method in SUPERVISED else "threadcap"
    await world.inject("stream", command=f"{program} {marker(scene.job_id)}", **fault)


@dataclass(frozen=True)
class PodDeleted:
    """The pod is deleted; with `capturing` the one that captures, where that is another one."""

    grace: int
    capturing: bool
    early: ClassVar[bool] = False

    @classmethod
    def draw(cls, chance: Random) -> "PodDeleted":
        """At once or with a second's grace."""
        return cls(chance.choice((0, 1)), chance.random() < 0.5)

    def end(self, method: str) -> End:
        """See Fault.end."""
        return partial("was deleted during the capture")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        for scene in scenes:
            theirs = self.capturing and scene.capture.method == NODE
            place = f"{world.agents}/pods/{scene.agent}" if theirs else f"{world.namespace}/pods/{scene.pod}"
            await world.call("DELETE", f"/api/v1/namespaces/{place}?gracePeriodSeconds={self.grace}")


@dataclass(frozen=True)
class ApiServerKilled:
    """The API server is gone, its connections too, and comes back after a while."""

    seconds: float
    early: ClassVar[bool] = False

    @classmethod
    def draw(cls, chance: Random) -> "ApiServerKilled":
        """One to five seconds."""
        return cls(round(chance.uniform(1, 5), 1))

    def end(self, method: str) -> End:
        """See Fault.end."""
        return WHOLE if method in SUPERVISED else partial(f"{LOST}; truncated at byte")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        await world.inject("outage", how="hard", seconds=self.seconds)


@dataclass(frozen=True)
class NodeRestarted:
    """The node's agent ends and is started again; containers and what was begun by exec live on."""

    early: ClassVar[bool] = False

    @classmethod
    def draw(cls, chance: Random) -> "NodeRestarted":
        """Nothing but the moment is random."""
        return cls()

    def end(self, method: str) -> End:
        """See Fault.end."""
        return WHOLE if method in SUPERVISED else partial(f"{LOST}; truncated at byte")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        await world.inject("node-restart", node=world.node)


@dataclass(frozen=True)
class NodeAway:
    """Nobody answers for the node for a while."""

    seconds: float
    early: ClassVar[bool] = False

    @classmethod
    def draw(cls, chance: Random) -> "NodeAway":
        """One to six seconds."""
        return cls(round(chance.uniform(1, 6), 1))

    def end(self, method: str) -> End:
        """See Fault.end."""
        return WHOLE if method in SUPERVISED else partial(f"{LOST}; truncated at byte")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        await world.inject("node-lost", node=world.node)
        await asyncio.sleep(self.seconds)
        await world.inject("node-heal", node=world.node)


@dataclass(frozen=True)
class NodeGone:
    """The node is lost and then deleted, with all its pods; it is back after the trial."""

    lost: float
    early: ClassVar[bool] = False

    @classmethod
    def draw(cls, chance: Random) -> "NodeGone":
        """Lost up to two seconds before it is deleted."""
        return cls(round(chance.uniform(0, 2), 1))

    def end(self, method: str) -> End:
        """See Fault.end."""
        return partial("was deleted during the capture|connection to .* was lost")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        await world.inject("node-lost", node=world.node)
        await asyncio.sleep(self.lost)
        await world.call("DELETE", f"/api/v1/nodes/{world.node}")


@dataclass(frozen=True)
class SmallDisk:
    """Containers that begin on the node have a small disk; it has room for the spool."""

    room: int
    early: ClassVar[bool] = True

    @classmethod
    def draw(cls, chance: Random) -> "SmallDisk":
        """Room for the spool of a trial, and a bit."""
        return cls(chance.randint(9, 16) << 20)

    def end(self, method: str) -> End:
        """See Fault.end."""
        return WHOLE

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        await world.inject("node-disk", node=world.node, bytes=self.room)


@dataclass(frozen=True)
class DiskFilled:
    """Somebody else fills the disk under the spool."""

    early: ClassVar[bool] = False

    @classmethod
    def draw(cls, chance: Random) -> "DiskFilled":
        """Nothing but the moment is random."""
        return cls()

    def end(self, method: str) -> End:
        """See Fault.end."""
        return partial("No space left on device")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        fill = "cat /dev/zero >/spool/filler 2>/dev/null; exit 0"
        for scene in scenes:
            await world.run_in(*scene.seat, "sh", "-c", fill)


@dataclass(frozen=True)
class WorkerKilled:
    """The worker that holds the captures is killed; another one is there."""

    early: ClassVar[bool] = False
    later: float = 0.0

    @classmethod
    def draw(cls, chance: Random) -> "WorkerKilled":
        """Once the first part of it is stored where others find it."""
        return cls(round(chance.uniform(0, 1), 2))

    def end(self, method: str) -> End:
        """See Fault.end. The proof is in the container until the worker has written it down."""
        return WHOLE if method in SUPERVISED else partial("worker that captured was lost")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        for scene in scenes:
            await world.stored(scene)
        await asyncio.sleep(self.later)
        await world.kill_workers(scenes)


@dataclass(frozen=True)
class RedisRestarted:
    """Redis is killed and comes back with what it had written."""

    seconds: float
    early: ClassVar[bool] = False

    @classmethod
    def draw(cls, chance: Random) -> "RedisRestarted":
        """Gone for up to five seconds."""
        return cls(round(chance.uniform(0, 5), 1))

    def end(self, method: str) -> End:
        """See Fault.end."""
        return WHOLE

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        await world.restart_redis(self.seconds)


def any_of(*kinds: Drawn) -> Drawn:
    """Draw one of these kinds."""
    return lambda chance: chance.choice(kinds)(chance)
