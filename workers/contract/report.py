"""The result of a job: per-target outcome and facts, findings, names and the verdict. Versioned JSON."""

import enum

from msgspec import Struct, field

from workers.contract.facts import Facts
from workers.contract.job import Artifact
from workers.contract.outcome import CaptureOutcome as CaptureOutcome
from workers.contract.spec import CaptureSpec

REPORT_SCHEMA = 1


class Severity(enum.StrEnum):
    """How bad a finding is for the service's users."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTE = "note"
    OK = "ok"


class Confidence(enum.StrEnum):
    """How sure the rule is, given what the capture can show."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class FrameRef(Struct, frozen=True):
    """A frame of one target's pcap. `target` indexes Report.targets."""

    target: int
    frame: int


class Finding(Struct, frozen=True):
    """An opinion with its evidence: frames, figures, facts. `sentence` stands alone; `next_step` says what to check."""

    rule: str
    severity: Severity
    confidence: Confidence
    sentence: str
    count: int = 1
    frames: tuple[FrameRef, ...] = ()
    next_step: str = ""
    display_filter: str = ""
    """A Wireshark display filter that shows the evidence."""
    figures: dict[str, float] = field(default_factory=dict)
    """What the sentence counts and measures, by name; durations in seconds (`…_s`), shares from 0 to 1."""
    servers: tuple[str, ...] = ()
    """The servers it is about, "address:port"."""
    facts: tuple[str, ...] = ()
    """The facts it rests on, conversations among them: JSON pointers (RFC 6901) into the report, at most 20."""


class TargetResult(Struct, frozen=True):
    """One container of one pod: where, how, what came of it."""

    namespace: str
    pod: str
    container: str
    node: str = ""
    pod_ips: tuple[str, ...] = ()
    method: str = ""
    outcome: CaptureOutcome = field(default_factory=CaptureOutcome)
    facts: Facts | None = None
    """None when analysis failed; `analysis_error` says so in words."""
    analysis_error: str = ""
    pcap: Artifact | None = None
    other_ports: dict[str, int] = field(default_factory=dict)
    """ "tcp/443" -> packets seen beside the filter, for a capture that matched nothing; empty when nobody looked."""
    filter: str = ""
    """As tcpdump had it there: the spec's, or narrower (to the other end; our own traffic left out)."""


class Former(Struct, frozen=True):
    """Who had an address before. Times are epoch seconds, 0 when not known."""

    kind: str
    name: str
    namespace: str = ""
    since: float = 0.0
    until: float = 0.0


class Named(Struct, frozen=True):
    """What an address is: "pod payments-7d9f-x2x", "service shop/payments", "node n1"."""

    kind: str
    """pod | service | node, by the cluster; local; by the traffic dns | sni | host."""
    name: str
    namespace: str = ""
    since: float = 0.0
    """Epoch seconds from which on it has the address; 0 when not known."""
    until: float = 0.0
    """When it gave the address up and nobody took it; 0 while it has it."""
    also: tuple[str, ...] = ()
    """Further names by which clients spoke of the address, at most 8; a CDN has many."""
    former: tuple[Former, ...] = ()
    """Who had it before, the latest first."""

    def __str__(self) -> str:
        return self.name


class Table(Struct, frozen=True):
    """Figures as rows of text that is safe to show. `numeric` are the columns to set right-aligned."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0
    """What is counted in no row; the facts have it."""
    numeric: tuple[int, ...] = ()


class Report(Struct, frozen=True):
    """Everything the thread, the terminal and the files say about one job."""

    job_id: str
    spec: CaptureSpec
    verdict: str = ""
    severity: Severity = Severity.OK
    findings: tuple[Finding, ...] = ()
    """Worst first, a cause before what follows from it."""
    targets: tuple[TargetResult, ...] = ()
    names: dict[str, Named] = field(default_factory=dict)
    """IP address -> what it is."""
    created: float = 0.0
    schema: int = REPORT_SCHEMA
    tables: tuple[Table, ...] = ()
    """Conversations first, trouble on top; then HTTP, DNS, TLS where seen."""
    notes: tuple[str, ...] = ()
    """What the reader must know beside the findings: partial targets, approximations, drops."""
