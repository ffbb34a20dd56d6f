"""Jobs and reports for tests of the bot: small, complete, the way a worker leaves them."""

import json
from collections.abc import Callable
from typing import Any

from workers.contract import codec
from workers.contract.facts import Facts
from workers.contract.job import Artifact, Job, JobState, Origin, Person, TargetProgress
from workers.contract.ports import ArtifactStore, JobStore
from workers.contract.report import CaptureOutcome, Confidence, Finding, Report, Severity, TargetResult
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

SPEC = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "checkout"), "shop", filter="port 5432")
ALICE = Person("U00000ALICE", "alice")
PCAP = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + bytes(12) + b"\x00\x00\x04\x00\x01\x00\x00\x00"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\n"
    b"IDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)


def job(job_id: str = "abcd2345", *, channel: str = "C1", thread: str = "", created: float = 0.0, **more: Any) -> Job:
    """Return a job as a slash command (or, with `thread`, a mention) makes it."""
    source = "mention" if thread else "slash"
    return Job(job_id, SPEC, ALICE, Origin(channel, thread, source), created=created, updated=created, **more)


def put(artifacts: ArtifactStore, job_id: str, kind: str, name: str, data: bytes) -> Artifact:
    """Store a file the way a worker does."""
    key = f"jobs/{job_id}/1/{name}"
    size, digest = artifacts.put(key, [data])
    return Artifact(kind, name, key, size, digest, title=name)


def results(artifacts: ArtifactStore, job_id: str, *, pods: int = 2, charts: int = 1) -> dict[str, Any]:
    """Store a report, charts and pcaps; return the fields of a job that has them."""
    files = [put(artifacts, job_id, "chart", f"throughput-{n}.png", PNG) for n in range(charts)]
    pcaps = [put(artifacts, job_id, "pcap", f"shop_checkout-{n}_{job_id}.pcap", PCAP) for n in range(pods)]
    outcome = CaptureOutcome(complete=True, proved=True, bytes=len(PCAP), ended_by="time")
    targets = tuple(TargetResult("shop", f"checkout-{n}", "app", outcome=outcome, facts=Facts(), pcap=p)
                    for n, p in enumerate(pcaps))  # fmt: skip
    finding = Finding("unanswered", Severity.CRITICAL, Confidence.HIGH, "payments does not answer.")
    report = Report(job_id, SPEC, "payments does not answer.", Severity.CRITICAL, (finding,), targets)
    raw = json.dumps(codec.encode(report)).encode()
    return {
        "artifacts": tuple(files + pcaps), "report": put(artifacts, job_id, "report", "report.json", raw),
        "verdict": report.verdict,
    }  # fmt: skip


WAY = (JobState.RESOLVING, JobState.CAPTURING, JobState.ANALYSING, JobState.DELIVERING, JobState.DONE)


def advance(store: JobStore, artifacts: ArtifactStore, job_id: str, **more: Any) -> Job:
    """Move a job one state on, as a worker would; the last move brings the results."""
    return store.change(job_id, _next(artifacts, job_id, more))


def _next(artifacts: ArtifactStore, job_id: str, more: dict[str, Any]) -> Callable[[Job], Job]:
    def change(old: Job) -> Job:
        at = WAY.index(old.state) + 1 if old.state in WAY else 0
        if WAY[at] is JobState.DONE:
            return old.to(JobState.DONE, **results(artifacts, job_id, **more))
        targets = (TargetProgress("shop", "checkout-0", "app", state="capturing", packets=10 * at, bytes=700 * at),)
        return old.to(WAY[at], targets=targets)

    return change
