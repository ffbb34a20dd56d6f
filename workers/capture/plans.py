"""What a method says it would do for a target, and what it must know for that. Plain values, no I/O."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct, field

from workers.capture.targets import NodeInfo, PodInfo
from workers.capture.tcpdump import Probe
from workers.contract.spec import METHODS

EXEC, SIDECAR, EPHEMERAL, NODE, VETH, UPLOAD = METHODS
INSIDE = (EXEC, SIDECAR)
"""Methods that only need what a container has; asked first, as they ask the cluster for nothing more."""

OURS = (EPHEMERAL, NODE, VETH)
"""Methods that capture in a container of ours, into a spool on the node's disk."""


EXEC_VERBS = ("get", "create")
"""What WebSocket exec needs: `get` up to Kubernetes 1.34, `create` as well from 1.35 on."""


class Right(NamedTuple):
    """Something a method needs to be allowed; as an access review asks it. `namespace` "" means all of them."""

    verb: str
    resource: str
    subresource: str
    namespace: str

    def __str__(self) -> str:
        what = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {what}" + (f" in {self.namespace}" if self.namespace else "")


class Equipment(Struct, frozen=True):
    """What this installation brings along.

    `image` is our capture image; `agent_namespace` where pods of ours run, "" for nowhere; `machines` are those (as
    `uname -m` says) there is a static tcpdump for; `ceiling` in seconds is what no capture is extended beyond;
    `installation` marks our pods as those of one Threadcap's workers, "" for a terminal's.
    """

    image: str = ""
    agent_namespace: str = ""
    methods: tuple[str, ...] = METHODS
    machines: Mapping[str, str] = field(default_factory=dict)
    ceiling: float = 600.0
    installation: str = ""


class Survey(Struct, frozen=True):
    """What is known about one target and its surroundings. What is missing was not asked.

    `probes`: container -> what it has, or the words why it had no answer. `security`: namespace -> the Pod Security
    level it enforces, "" for none.
    """

    probes: Mapping[str, Probe | str] = field(default_factory=dict)
    rights: Mapping[Right, bool] = field(default_factory=dict)
    security: Mapping[str, str] = field(default_factory=dict)
    node: NodeInfo | None = None

    @property
    def dead_node(self) -> str:
        """The name of the target's node while it is not ready and no container answered; "" otherwise."""
        answered = any(not isinstance(probe, str) for probe in self.probes.values())
        return self.node.name if self.node is not None and not self.node.ready and not answered else ""

    def lacks(self, *needed: Right) -> str:
        """Which right is missing, as a clause; "" when none is."""
        missing = [str(right) for right in needed if not self.rights.get(right)]
        return f"Threadcap may not {' nor '.join(missing)}" if missing else ""


class Plan(Struct, frozen=True):
    """How one target will be captured. `reasons` are for people: why so, and what is missing in this way."""

    pod: PodInfo
    container: str
    method: str = EXEC
    reasons: tuple[str, ...] = ()
    may_change_user: bool = True
    digest: str = "sha256sum"
    bounded: bool = True
    """Whether the container has a `timeout` for the wrapper itself."""
    image: str = ""
    """The image of what is added; "" when nothing is."""
    creates: tuple[str, ...] = ()
    """What is added to the cluster, in words."""
    where: str = "here"
    """Where a supervisor looks for the packets (scripts.SUPERVISED)."""
    machine: str = ""
    """What kind of tcpdump is uploaded, as `uname -m` says."""
    folder: str = ""
    """Where it is uploaded to."""
    brief: bool = False
    """Whether the container is likely to end before the capture, and the capture with it."""

    @property
    def spools(self) -> bool:
        """Whether it writes to the node's disk."""
        return self.method in OURS and not self.where.startswith("stream:")


class Rejected(Struct, frozen=True):
    """A method that can't capture a target, and why, as a clause."""

    method: str
    reason: str
