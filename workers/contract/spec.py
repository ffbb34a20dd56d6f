"""What to capture: a frozen spec, never a command. It crosses the queue as JSON."""

import enum
from dataclasses import dataclass


class TargetKind(enum.StrEnum):
    """What a target names. `ANY` is a bare name: a pod if there is one, else a workload of that name."""

    ANY = "any"
    POD = "pod"
    DEPLOYMENT = "deployment"
    STATEFULSET = "statefulset"
    DAEMONSET = "daemonset"
    SERVICE = "service"
    SELECTOR = "selector"


SHORT_KIND = {
    TargetKind.ANY: "",
    TargetKind.POD: "pod/",
    TargetKind.DEPLOYMENT: "deploy/",
    TargetKind.STATEFULSET: "sts/",
    TargetKind.DAEMONSET: "ds/",
    TargetKind.SERVICE: "svc/",
    TargetKind.SELECTOR: "-l ",
}


@dataclass(frozen=True, slots=True)
class TargetRef:
    """A target as the person named it. `name` holds the label selector when kind is SELECTOR."""

    kind: TargetKind
    name: str

    def __str__(self) -> str:
        return f"{SHORT_KIND[self.kind]}{self.name}"


@dataclass(frozen=True, slots=True)
class CaptureSpec:
    """One capture as asked for, every default filled in.

    duration in seconds, max_bytes in bytes of pcap a pod, max_packets 0 for no limit, snaplen in bytes.
    `filter` is a pcap-filter(7) expression or "".
    """

    target: TargetRef
    namespace: str
    container: str | None = None
    filter: str = ""
    duration: float = 30.0
    max_packets: int = 0
    max_bytes: int = 50_000_000
    snaplen: int = 65_536
    interface: str = "any"

    def __str__(self) -> str:
        words = f"{self.target} -n {self.namespace}"
        if self.container:
            words += f" -c {self.container}"
        return f"{words} -- {self.filter}" if self.filter else words


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults and upper bounds for what a person may ask. Units as in CaptureSpec."""

    namespace: str = "default"
    duration: float = 30.0
    max_duration: float = 600.0
    max_bytes: int = 50_000_000
    max_max_bytes: int = 500_000_000
    max_max_packets: int = 10_000_000
    snaplen: int = 65_536
    interface: str = "any"
    max_pods: int = 10
    max_text: int = 4_000
