"""What the installation allows, as data."""

import enum
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from workers.contract.spec import Limits


class Stoppers(enum.StrEnum):
    """Who may end a capture besides the admins."""

    REQUESTER = "requester"
    ANYONE = "anyone"
    """Anyone who can see its thread."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Namespace patterns are globs (`team-*`); a denied one wins over an allowed one. `admins` are person ids."""

    namespaces: tuple[str, ...] = ("*",)
    denied_namespaces: tuple[str, ...] = ("kube-system",)
    limits: Limits = field(default_factory=Limits)
    stoppers: Stoppers = Stoppers.REQUESTER
    admins: tuple[str, ...] = ()

    def permits(self, namespace: str) -> bool:
        """Whether captures in the namespace are allowed. "" would mean all of them to Kubernetes, so it never is."""
        if not namespace:
            return False
        return _matches(namespace, self.namespaces) and not _matches(namespace, self.denied_namespaces)


def _matches(namespace: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)
