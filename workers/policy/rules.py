"""What the installation allows, as data."""

import enum
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from workers.contract.limits import Limits


class Stoppers(enum.StrEnum):
    """Who may end a capture besides the admins."""

    REQUESTER = "requester"
    ANYONE = "anyone"
    """Anyone who can see its thread."""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many captures may run at once; 0 for as many as are asked for.

    A capture of several pods counts once on each node and in each namespace it touches. In an incident many people
    look at one service at once, so by default only the installation as a whole is limited.
    """

    node: int = 0
    namespace: int = 0
    person: int = 0
    all: int = 1_000

    def limit(self, name: str) -> int:
        """The limit of a name such as `node:n1` (workers.policy.places)."""
        kinds = {"node": self.node, "namespace": self.namespace, "person": self.person, "all": self.all}
        return kinds[name.partition(":")[0]]


@dataclass(frozen=True, slots=True)
class Rules:
    """Namespace patterns are globs (`team-*`); a denied one wins over an allowed one. `admins` are person ids."""

    namespaces: tuple[str, ...] = ("*",)
    denied_namespaces: tuple[str, ...] = ("kube-system",)
    limits: Limits = field(default_factory=Limits)
    stoppers: Stoppers = Stoppers.REQUESTER
    admins: tuple[str, ...] = ()
    whole_nodes: bool = False
    """Whether node/NAME may be captured, which shows the traffic of every pod there, whatever its namespace."""
    at_once: Concurrency = field(default_factory=Concurrency)

    def permits(self, namespace: str) -> bool:
        """Whether captures in the namespace are allowed. "" would mean all of them to Kubernetes, so it never is."""
        if not namespace:
            return False
        return _matches(namespace, self.namespaces) and not _matches(namespace, self.denied_namespaces)


def _matches(namespace: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)
