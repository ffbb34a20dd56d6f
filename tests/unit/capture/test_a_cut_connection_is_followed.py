"""A Follower over connections that end when they like: it reads on, repeats what was wished, and knows an end."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from msgspec.structs import replace

from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDERR, STDOUT
from workers.capture.seat import Follower, Patience, Seat
from workers.capture.start_line import alone
from workers.capture.targets import ContainerInfo, PodInfo
from workers.capture.tcpdump import Trailer
from workers.contract.errors import ClusterForbidden, ClusterUnavailable, NotCapturable, TargetNotFound, ThreadcapError

Frame = tuple[int, bytes]
Exec = Sequence[Frame] | ThreadcapError
READY: Frame = (STDERR, b"##ready\n")
DONE: Frame = (STDERR, b"##done\n")
POD = PodInfo("test", "pod-0", "uid-0", "n1", containers=(ContainerInfo("ours", running=True, id="containerd://1"),))
SEAT = Seat(POD, "ours")


@dataclass
class Stream:
    """One exec's frames, and what it was told."""

    given: Sequence[Frame]
    told: list[bytes] = field(default_factory=list)

    def frames(self, tick: float) -> Iterator[Frame]:
        """See ExecStream.frames."""
        yield from self.given

    def send(self, data: bytes) -> None:
        """See ExecStream.send."""
        self.told.append(data)

    def close(self) -> None:
        """See ExecStream.close."""


class Scripted:
    """A cluster whose execs are the next of `execs`, and whose pod is `now`."""

    def __init__(self, *execs: Exec, now: PodInfo | None = POD) -> None:
        self.execs = list(execs)
        self.streams: list[Stream] = []
        self.now = now

    def open_exec(self, pod: PodInfo, container: str, argv: Sequence[str]) -> Stream:
        """See Cluster.open_exec."""
        one = self.execs.pop(0)
        if isinstance(one, ThreadcapError):
            raise one
        self.streams.append(Stream(one))
        return self.streams[-1]

    def pod(self, namespace: str, name: str) -> PodInfo | None:
        """See Cluster.pod."""
        return self.now


class House:
    """See seat.House."""

    def __init__(self, found: Seat | None = SEAT) -> None:
        self.found = found
        self.left = 0

    def enter(self, argv: Sequence[str], stopped: threading.Event) -> Seat | None:
        """See House.enter."""
        return None if stopped.is_set() else SEAT

    def find(self) -> Seat | None:
        """See House.find."""
        return self.found

    def leave(self) -> bool:
        """See House.leave."""
        self.left += 1
        return True


class Bytes:
    """See seat.Feed: six bytes are enough."""

    def __init__(self) -> None:
        self.came = b""
        self.asked: list[list[str]] = []

    def argv(self) -> list[str]:
        """See Feed.argv."""
        self.asked.append(["from", str(len(self.came))])
        return self.asked[-1]

    def take(self, data: bytes) -> None:
        """See Feed.take."""
        self.came += data

    def enough(self, trailer: Trailer) -> bool:
        """See Feed.enough."""
        return trailer.done and len(self.came) >= 6

    def refused(self, error: ThreadcapError) -> None:
        """See Feed.refused."""
        if isinstance(error, ClusterForbidden):
            raise error

    def deleted(self, pod: PodInfo) -> str:
        """See Feed.deleted."""
        return f"{pod.name} was deleted"

    def ended(self, said: str) -> str:
        """See Feed.ended."""
        if not self.came:
            raise NotCapturable(said)
        return f"ended ({said})"


def follower(
    cluster: Scripted, feed: Bytes, *, house: House | None = None, seconds: float = 5.0, **more: Any
) -> Follower:
    """A Follower that pauses for as good as nothing."""
    return Follower(cast(Cluster, cluster), "job23456", house or House(), feed, Patience(seconds, 0.001), **more)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.capture.seat.FIRST_PAUSE", 0.001)


def test_it_reads_on_at_the_next_byte() -> None:
    away = ClusterUnavailable("away")
    cluster = Scripted([READY, (STDOUT, b"abc")], away, [READY, (STDOUT, b"d")], [READY, (STDOUT, b"ef"), DONE])
    feed = Bytes()
    assert follower(cluster, feed).follow(SEAT, alone()) == ""
    assert feed.came == b"abcdef"
    assert feed.asked == [["from", "0"], ["from", "3"], ["from", "3"], ["from", "4"]]


def test_what_was_wished_meanwhile_is_said_to_the_next_connection() -> None:
    cluster, feed = Scripted([READY, (STDOUT, b"abc")], [READY, (STDOUT, b"def"), DONE]), Bytes()
    one = follower(cluster, feed)
    one.extend(30)
    one.stop("stop")
    one.stop("bytes")
    one.follow(SEAT, alone())
    said = [[word for word in stream.told if word != b"beat\n"] for stream in cluster.streams]
    assert said == [[b"go\n", b"for 30\n", b"stop\n"]] * 2
    assert one.stopped_by == "stop"


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (None, "pod-0 was deleted"),
        (PodInfo("test", "pod-0", "uid-1"), "pod-0 was deleted"),
        (replace(POD, containers=(ContainerInfo("ours", waiting_reason="OOMKilled"),)), "ended (OOMKilled)"),
    ],
)
def test_it_knows_when_nothing_will_come(now: PodInfo | None, words: str) -> None:
    cluster = Scripted([READY, (STDOUT, b"abc")], now=now)
    assert follower(cluster, Bytes()).follow(SEAT, alone()) == words


def test_what_never_began_is_an_error_of_its_own() -> None:
    ended = replace(POD, containers=(ContainerInfo("ours", waiting_reason="ErrImagePull"),))
    with pytest.raises(NotCapturable, match="ErrImagePull"):
        follower(Scripted([], now=ended), Bytes()).follow(SEAT, alone())
    with pytest.raises(ClusterForbidden):
        follower(Scripted(ClusterForbidden("no")), Bytes()).follow(SEAT, alone())


def test_it_gives_up_after_a_while() -> None:
    cluster = Scripted(*[ClusterUnavailable("away")] * 1000)
    why = follower(cluster, Bytes(), seconds=0.05).follow(SEAT, alone())
    assert why == "the connection to pod pod-0 was lost"


def test_what_is_another_workers_is_neither_read_nor_ended() -> None:
    house, feed = House(), Bytes()
    one = follower(Scripted(), feed, house=house)
    one.enter([], "gone")
    one.leave()
    assert (one.follow(SEAT, alone()), feed.asked) == ("", [])
    assert (one.close(), house.left) == (True, 0)


def test_what_it_entered_it_leaves_once() -> None:
    house = House()
    one = follower(Scripted(), Bytes(), house=house)
    assert one.close()
    assert one.enter([], "gone") == SEAT
    assert (one.close(), one.close(), house.left) == (True, True, 1)


def test_what_another_worker_began_must_still_be_there() -> None:
    one = follower(Scripted(), Bytes(), house=House(found=None), resume=True)
    with pytest.raises(TargetNotFound, match="It is gone"):
        one.enter([], "It is gone.")
