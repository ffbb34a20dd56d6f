"""Jobs and reports as the messages get them, sober and absurd."""

from hypothesis import strategies as st
from msgspec import structs

from workers.contract.facts import Conversation, DnsFacts, Facts, HttpFacts, Reset, Tally, TcpFacts, TlsFacts
from workers.contract.job import Artifact, Job, JobState, Origin, Person, PlannedTarget, TargetProgress
from workers.contract.report import CaptureOutcome, Confidence, Finding, FrameRef, Named, Report, Severity, TargetResult
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef, Until, UntilKind

ALICE, BOB = Person("U012ABCDEF", "alice"), Person("U099ZZZZZZ", "bob")
SPEC = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "checkout"), "shop", filter="port 5432")
PODS = (
    TargetProgress("shop", "checkout-7d9f8-x2x", "app", "n1", "exec", "capturing", 1204, 1_234_567, 0),
    TargetProgress("shop", "checkout-7d9f8-abc", "app", "n1", "exec", "waiting"),
)
SHA = "ab" * 32
PCAP = Artifact("pcap", "shop_checkout-7d9f8-x2x_20261123T225010Z.pcap", "k", 1_234_567, SHA)


def queued() -> Job:
    """A job that waits for a worker."""
    return Job("abcd2345", SPEC, ALICE, created=1000.0).to(JobState.QUEUED)


def capturing() -> Job:
    """A job that captures two pods until 1031."""
    return queued().to(JobState.RESOLVING).to(JobState.CAPTURING, started=1001.0, deadline=1031.0, targets=PODS)


def done(job: Job | None = None) -> Job:
    """The same job, finished."""
    job = job or capturing()
    return job.to(JobState.ANALYSING).to(JobState.DELIVERING).to(JobState.DONE, verdict="payments refused 12 of 12")


def report() -> Report:
    """What such a job found: one pod proved, one cut."""
    refused = TcpFacts(handshake="refused", syns=Tally(2, (1, 4)), refused_by="reset")
    healthy = TcpFacts(handshake="complete", syns=Tally(1, (2,)), handshake_rtt=0.0012)
    facts = Facts(
        "pcap",
        packets=1204,
        conversations=(
            Conversation(
                1, "tcp", "198.18.0.5", 40000, "198.18.0.9", 443, 1.0, 2.0, 500, 9000, 0, 500, 9000, tcp=healthy
            ),
            Conversation(2, "tcp", "198.18.0.5", 40001, "198.18.0.7", 5432, 1.0, 2.0, 2, 120, 0, 2, 120, tcp=refused),
        ),
    )
    proved = CaptureOutcome(
        True, True, bytes=1_234_567, sha256=SHA, packets=1204, captured=1204, received=1210, kernel_dropped=4
    )
    cut = CaptureOutcome(reason="pod deleted", bytes=4096, packets=3)
    finding = Finding(
        "refused",
        Severity.CRITICAL,
        Confidence.HIGH,
        "payments answered all 12 attempts to port 5432 with a reset.",
        12,
        (FrameRef(0, 12), FrameRef(0, 15), FrameRef(1, 3)),
        "Check that something listens on 5432.",
        "tcp.flags.reset == 1",
    )
    return Report(
        "abcd2345",
        SPEC,
        "payments refused 12 of 12 connections on port 5432",
        Severity.CRITICAL,
        (finding,),
        (
            TargetResult("shop", "checkout-7d9f8-x2x", "app", "n1", ("198.18.0.5",), "exec", proved, facts, "", PCAP),
            TargetResult("shop", "checkout-7d9f8-abc", "app", outcome=cut, pcap=PCAP),
        ),
        {"198.18.0.7": Named("pod", "payments-5c6d", "shop")},
        notes=("Clocks of n1 and n2 are unsynchronised.",),
    )


ARGV = ("tcpdump", "-i", "any", "-w", "-", "--", "port 8080 and tcp[13] & 4 != 0")
PLANNED = (
    *(
        PlannedTarget(
            "shop", f"checkout-{end}", "n1", "exec", "app", (), ARGV, "30 s", ("app has tcpdump.",),
            (("ephemeral", "no image is set."),),
        )
        for end in ("x2x", "abc")
    ),
    PlannedTarget(
        "shop", "vault-0", "n2", "ephemeral", "threadcap-1", ("an ephemeral container in shop/vault-0",), ARGV, "30 s"
    ),
    PlannedTarget("bank", "ledger-0", "n2", rejected=(("exec", "ledger has no tcpdump."),)),
)  # fmt: skip


def recording() -> Job:
    """A job that keeps the last five minutes until 4601."""
    spec = structs.replace(SPEC, mode=Mode.RECORD, keep=300.0, duration=3600.0)
    return structs.replace(capturing(), spec=spec, deadline=4601.0)


def plan_made() -> Job:
    """A dry run at its end."""
    job = queued().to(JobState.RESOLVING).to(JobState.DONE, planned=PLANNED)
    return job.evolve(spec=structs.replace(SPEC, dry_run=True))


ABSURD = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["<!channel>", "`" * 50, "&" * 4000, "<@U1>" * 900, "x" * 20_000, "\u202e\x00", "\ud800", "*_~", ""]
    ),
)
_NUMBER = st.integers(-(10**18), 10**18)
_SECONDS = st.floats(-1e12, 1e12, allow_nan=False)
_PERSON = st.builds(Person, ABSURD | st.just("U012ABCDEF"), ABSURD)
_TARGET = st.builds(TargetRef, st.sampled_from(TargetKind), ABSURD, st.just("") | ABSURD)
_MANY = st.integers(0, 60)


def _repeated(item: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    """A few different ones, over and over: size without the cost of drawing each."""
    return st.tuples(st.lists(item, max_size=2), _MANY).map(lambda drawn: tuple(drawn[0] * drawn[1]))


_SPEC = st.builds(
    CaptureSpec,
    _TARGET,
    ABSURD,
    st.none() | ABSURD,
    ABSURD,
    _SECONDS,
    _NUMBER,
    _NUMBER,
    _NUMBER,
    interface=ABSURD,
    others=_repeated(_TARGET),
    mode=st.sampled_from(Mode),
    max_pods=_NUMBER,
    method=ABSURD,
    dry_run=st.booleans(),
    wait=_SECONDS,
    until=st.none() | st.builds(Until, st.sampled_from(UntilKind), ABSURD),
    keep=_SECONDS,
    recording=ABSURD,
    last=_SECONDS,
)
_PLANNED = st.builds(
    PlannedTarget,
    ABSURD,
    ABSURD,
    ABSURD,
    ABSURD,
    ABSURD,
    st.lists(ABSURD, max_size=3).map(tuple),
    st.lists(ABSURD, max_size=4).map(tuple),
    ABSURD,
    st.lists(ABSURD, max_size=3).map(tuple),
    st.lists(st.tuples(ABSURD, ABSURD), max_size=3).map(tuple),
)
_PROGRESS = st.builds(
    TargetProgress, ABSURD, ABSURD, ABSURD, ABSURD, ABSURD, ABSURD, _NUMBER, _NUMBER, st.none() | _NUMBER, ABSURD
)
_ARTIFACT = st.builds(Artifact, st.sampled_from(["pcap", "chart"]), ABSURD, ABSURD, _NUMBER, ABSURD)
JOBS = st.builds(
    Job,
    id=ABSURD,
    spec=_SPEC,
    requester=_PERSON,
    origin=st.builds(Origin),
    state=st.sampled_from(JobState),
    created=_SECONDS,
    started=st.none() | _SECONDS,
    deadline=st.none() | _SECONDS,
    targets=_repeated(_PROGRESS),
    stop_by=st.none() | _PERSON,
    discard=st.booleans(),
    message=ABSURD,
    verdict=ABSURD,
    artifacts=_repeated(_ARTIFACT),
    planned=_repeated(_PLANNED),
    extended_by=st.none() | _PERSON,
)
_TALLY = st.builds(Tally, _NUMBER)
_TCP = st.builds(
    TcpFacts,
    handshake=ABSURD | st.sampled_from(["complete", "unanswered", "refused", "half-open", "unseen"]),
    handshake_rtt=st.none() | _SECONDS,
    retransmissions_client=_TALLY,
    zero_windows_server=_TALLY,
    resets=st.sampled_from([(), (Reset(1, "client", "refused", 0.1),)]),
)
_CONVERSATION = st.builds(
    Conversation,
    id=_NUMBER,
    protocol=ABSURD,
    client=ABSURD,
    client_port=_NUMBER,
    server=ABSURD,
    server_port=_NUMBER,
    first_at=_SECONDS,
    last_at=_SECONDS,
    client_packets=_NUMBER,
    client_bytes=_NUMBER,
    application=ABSURD,
    tcp=st.none() | _TCP,
)
_FACTS = st.builds(
    Facts,
    conversations=_repeated(_CONVERSATION),
    more_conversations=_NUMBER,
    dns=st.just(DnsFacts()),
    http=st.just(HttpFacts()),
    tls=st.just(TlsFacts()),
)
_OUTCOME = st.builds(
    CaptureOutcome,
    st.booleans(),
    st.booleans(),
    ABSURD,
    _NUMBER,
    ABSURD,
    packets=_NUMBER,
    captured=st.none() | _NUMBER,
    received=st.none() | _NUMBER,
    kernel_dropped=st.none() | _NUMBER,
)
_RESULT = st.builds(
    TargetResult,
    ABSURD,
    ABSURD,
    ABSURD,
    method=ABSURD,
    outcome=_OUTCOME,
    facts=st.none() | _FACTS,
    analysis_error=ABSURD,
    pcap=st.none() | _ARTIFACT,
)
_FINDING = st.builds(
    Finding,
    ABSURD,
    st.sampled_from(Severity),
    st.sampled_from(Confidence),
    ABSURD,
    _NUMBER,
    st.lists(st.builds(FrameRef, st.integers(-1, 5), _NUMBER), max_size=30).map(tuple),
    ABSURD,
    ABSURD,
)
REPORTS = st.builds(
    Report,
    ABSURD,
    _SPEC,
    ABSURD,
    st.sampled_from(Severity),
    _repeated(_FINDING),
    _repeated(_RESULT),
    st.dictionaries(ABSURD, st.builds(Named, ABSURD, ABSURD), max_size=3),
    notes=_repeated(ABSURD),
)
