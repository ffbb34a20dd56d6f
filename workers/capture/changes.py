"""What changes in a cluster while we look: pods and events as they come, one watch a namespace for a whole worker."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import structlog
from msgspec import Struct

from workers.capture.targets import PodInfo
from workers.contract.errors import ThreadcapError

log = structlog.get_logger(__name__)

LOOK_SECONDS = 20.0
"""How long one watch goes on; one that nobody needs any more ends by then."""
RETRY_SECONDS = 2.0
KEPT = 2_000
"""Changes that wait for a slow reader; older ones are dropped, and it is told to look for itself."""


class PodChange(Struct, frozen=True):
    """A pod as it is now, or as it was when it went. Without a pod: what came before is unknown, look for yourself.

    `mark` is where to go on from with the next watch.
    """

    pod: PodInfo | None = None
    gone: bool = False
    mark: str = ""


class ClusterEvent(Struct, frozen=True):
    """An event as `kubectl get events` lists it, about a pod or a node. `mark` as in PodChange."""

    reason: str = ""
    kind: str = ""
    name: str = ""
    message: str = ""
    mark: str = ""


class FollowsPods(Protocol):
    """Yields the changes of a namespace's pods for so many seconds, from a mark on or, without one, from now on."""

    def __call__(self, namespace: str, seconds: float, mark: str = "") -> Iterator[PodChange]:
        """The first change says where it began."""


class Subscription:
    """One reader's changes. `wait` in one thread, `close` at the end."""

    def __init__(self, close: Callable[["Subscription"], None]) -> None:
        self._waiting: deque[PodChange] = deque()
        self._some = threading.Event()
        self._close = close

    def tell(self, change: PodChange) -> None:
        """Add one; any thread."""
        if len(self._waiting) >= KEPT:
            self._waiting.clear()
            change = PodChange()
        self._waiting.append(change)
        self._some.set()

    def wait(self, seconds: float = 0.0) -> list[PodChange]:
        """Return what came since the last time, once there is something, or [] after `seconds`."""
        if seconds:
            self._some.wait(seconds)
        self._some.clear()
        found = []
        while self._waiting:
            found.append(self._waiting.popleft())
        return found

    def close(self) -> None:
        """Nothing more is told."""
        self._close(self)


class PodFeed:
    """Shares one watch of each namespace between all who subscribe to it."""

    def __init__(self, follow: FollowsPods) -> None:
        self._follow = follow
        self._lock = threading.Lock()
        self._readers: dict[str, list[Subscription]] = {}
        self._watched: set[str] = set()

    def subscribe(self, namespaces: Sequence[str]) -> Subscription:
        """Return a reader of the changes from about now on; the first one has no pod: what is there, look up."""
        reader = Subscription(self._leave)
        with self._lock:
            for namespace in namespaces:
                self._readers.setdefault(namespace, []).append(reader)
                if namespace not in self._watched:
                    self._watched.add(namespace)
                    threading.Thread(target=self._watch, args=(namespace,), name="pod-feed", daemon=True).start()
                else:
                    reader.tell(PodChange())
        return reader

    def _leave(self, reader: Subscription) -> None:
        with self._lock:
            for namespace, readers in list(self._readers.items()):
                self._readers[namespace] = [one for one in readers if one is not reader]

    def _watch(self, namespace: str) -> None:
        mark = ""
        while self._wanted(namespace):
            try:
                for change in self._follow(namespace, LOOK_SECONDS, mark):
                    mark = change.mark
                    self._tell(namespace, change)
            except ThreadcapError as error:
                log.info("pods not watched", namespace=namespace, error=str(error))
                mark = ""
                time.sleep(RETRY_SECONDS)
                self._tell(namespace, PodChange())

    def _wanted(self, namespace: str) -> bool:
        """Whether somebody reads; if not, the next one who does starts another watch."""
        with self._lock:
            if self._readers.get(namespace):
                return True
            self._readers.pop(namespace, None)
            self._watched.discard(namespace)
            return False

    def _tell(self, namespace: str, change: PodChange) -> None:
        with self._lock:
            for reader in self._readers.get(namespace, ()):
                reader.tell(change)
