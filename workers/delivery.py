"""The last steps of a job: name addresses, judge, draw, store files, show everything at once."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog
from msgspec import Struct, field
from msgspec.structs import replace

from workers.capture.cluster import Cluster
from workers.capture.plans import Equipment
from workers.capture.pressure import Pressures
from workers.capture.static_tcpdump import ARCHITECTURES, find
from workers.capture.survey import Probes
from workers.contract.errors import JobNotFound, ThreadcapError
from workers.contract.job import Artifact, Job, JobState
from workers.contract.pictures import Album
from workers.contract.ports import ArtifactStore, Debt, Observer
from workers.contract.report import Report, TargetResult
from workers.export import filename, report_json
from workers.lookback import Lookback
from workers.merging import MergedCapture, merge
from workers.policy import Rules
from workers.report import Known, build, resolve_names
from workers.report.album import album
from workers.settings import CaptureSettings

log = structlog.get_logger(__name__)

PCAP_TYPE = "application/vnd.tcpdump.pcap"
PCAPNG_TYPE = "application/x-pcapng"
CHUNK = 1 << 20


class Charts(Protocol):
    """Draws an album. Never raises: what can't be drawn is left out and logged."""

    def render(self, album: Album) -> list[tuple[str, str, bytes]]:
        """Return (file name, alt text, PNG bytes), in the order in which people get them."""


def _no_job(job_id: str) -> Job:
    raise JobNotFound(f"There is no capture {job_id} here.")


class Tools(Struct, frozen=True):
    """What the pipeline works with."""

    cluster: Cluster
    artifacts: ArtifactStore
    rules: Rules
    charts: Charts
    spool_dir: Path
    equipment: Equipment = field(default_factory=Equipment)
    """What captures may bring along."""
    probes: Probes = field(default_factory=Probes)
    """What containers have, as this worker remembers it."""
    static_tcpdump: Path | None = None
    """The folder of what is uploaded."""
    owe: Callable[[Debt], None] = lambda debt: None
    """Remembers where something of a job may be left. Raises StoreUnavailable."""
    pressures: Callable[[str], Pressures] = lambda node: None
    """What a node runs short of by the API's word (workers.capture.pressure)."""
    clock: Callable[[], float] = time.time
    every_picture: bool = False
    """Whether to draw all there is, for a folder, and not what a thread gets alone."""
    jobs: Callable[[str], Job] = _no_job
    """The record of another job. Raises JobNotFound."""


def equipped(settings: CaptureSettings) -> Equipment:
    """Return what this installation brings along, by its settings."""
    found = {machine: find(settings.static_tcpdump, machine) for machine in ARCHITECTURES}
    there = {machine: path.name for machine, path in found.items() if path is not None}
    return Equipment(
        settings.capture_image, settings.agent_namespace, settings.methods, there, settings.limits.max_duration
    )


def deliver(
    job: Job,
    results: Sequence[TargetResult],
    files: Sequence[Path],
    tools: Tools,
    observer: Observer,
    end: JobState,
    notes: Sequence[str] = (),
) -> Job:
    """Store pcaps, report and charts of `results` and move the job to `end` in one step.

    `files[i]` is the local pcap of `results[i]`; `notes` go into the report. Returns the finished job; one that
    somebody asked to discard meanwhile is discarded.
    """
    names = _names(job, results, tools.cluster)
    together = merge(job.id, results, files, tools.spool_dir / f"{job.id}-{job.epoch}.pcapng", names)
    results = [_on_one_clock(result, together) for result in results]
    stored = [_pcap(job, result, path, tools.artifacts) for result, path in zip(results, files, strict=True)]
    one_file = _merged(job, stored, together, tools.artifacts)
    notes = (*notes, *(together.notes if together is not None else ()))
    report = build(job.id, job.spec, stored, names, tools.clock(), notes)
    observer.update(lambda old: old if old.discard else old.evolve(verdict=report.verdict))  # pictures come after it
    pictures = _pictures(job, report, files, tools)
    kept = _put(job, "report", "report.json", report_json(report), tools.artifacts, content_type="application/json")
    artifacts = (*one_file, *(r.pcap for r in stored if r.pcap is not None), *pictures)
    observer.audit("captured", _account(job, stored, end))
    job = observer.update(
        lambda old: old if old.discard else old.to(end, verdict=report.verdict, report=kept, artifacts=artifacts)
    )
    return job if job.final else discard(job, tools, observer)


def _on_one_clock(result: TargetResult, together: MergedCapture | None) -> TargetResult:
    offset = together.clocks.get(result.node) if together is not None else None
    return result if offset is None else replace(result, outcome=replace(result.outcome, clock_offset=offset))


def _merged(
    job: Job, results: Sequence[TargetResult], together: MergedCapture | None, artifacts: ArtifactStore
) -> list[Artifact]:
    """Store the merged file, and nothing when there is none."""
    if together is None:
        return []
    captured = [result for result in results if result.outcome.bytes]
    started = min(result.outcome.started_at for result in captured)
    name = filename(captured[0].namespace or captured[0].node, f"{len(captured)}-together", started, ".pcapng")
    packets = sum(result.outcome.packets for result in captured)
    title = f"All {len(captured)} in one file: {packets:,} packets, an interface each"
    try:
        return [_put(job, "merged", name, _chunks(together.path), artifacts, title=title, content_type=PCAPNG_TYPE)]
    finally:
        together.path.unlink(missing_ok=True)


def _pictures(job: Job, report: Report, files: Sequence[Path], tools: Tools) -> list[Artifact]:
    """Draw and store: a chart is shown in the thread, a picture is not."""
    made = album(report, Lookback(job.id, files), every=tools.every_picture)
    return [
        _put(
            job,
            "chart" if name in made.posted else "picture",
            name,
            [png],
            tools.artifacts,
            title=alt,
            content_type="image/png",
        )
        for name, alt, png in tools.charts.render(made)
    ]


def discard(job: Job, tools: Tools, observer: Observer) -> Job:
    """Forget everything a job captured, because somebody asked for that."""
    tools.artifacts.delete(f"jobs/{job.id}/")
    observer.audit("discarded", {"job": job.id, "by": job.stop_by.id if job.stop_by else ""})
    return observer.update(lambda old: old if old.final else old.to(JobState.CANCELLED, verdict=""))


def _pcap(job: Job, result: TargetResult, path: Path, artifacts: ArtifactStore) -> TargetResult:
    if not result.outcome.bytes:
        return result
    name = filename(result.namespace, result.pod, result.outcome.started_at)
    title = f"{result.pod}: {result.outcome.packets:,} packets"
    stored = _put(job, "pcap", name, _chunks(path), artifacts, title=title, content_type=PCAP_TYPE)
    if stored.sha256 == result.outcome.sha256:
        return replace(result, pcap=stored)
    # not what we wrote to our own disk
    return replace(result, pcap=stored, outcome=replace(result.outcome, sha256=stored.sha256, proved=False))


def _put(job: Job, kind: str, name: str, chunks: Any, artifacts: ArtifactStore, **words: str) -> Artifact:
    key = f"jobs/{job.id}/{job.epoch}/{name}"
    size, digest = artifacts.put(key, iter(chunks))
    return Artifact(kind, name, key, size, digest, **words)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _names(job: Job, results: Sequence[TargetResult], cluster: Cluster) -> dict[str, Any]:
    """Name addresses by what the cluster lists now; without a cluster the report has bare addresses."""
    facts = [r.facts for r in results if r.facts is not None]
    try:
        pods, services = cluster.inventory(job.spec.namespace)
    except ThreadcapError as error:
        log.warning("addresses not named", job=job.id, error=str(error))
        return dict(resolve_names(facts=facts))
    return dict(
        resolve_names(
            pods=[
                Known(pod.name, pod.ips, pod.namespace, pod.started, pod.ended) for pod in pods if not pod.host_network
            ],
            services=[Known(service.name, service.ips, service.namespace) for service in services],
            nodes=[Known(pod.node, pod.ips) for pod in pods if pod.host_network and not pod.ended],
            facts=facts,
        )
    )


def _account(job: Job, results: Sequence[TargetResult], end: JobState) -> dict[str, Any]:
    """What the audit stream keeps: who, what, where, how much; never what the packets said."""
    return {
        "job": job.id,
        "person": job.requester.id,
        "spec": str(job.spec),
        "end": str(end),
        "stopped_by": job.stop_by.id if job.stop_by else "",
        "targets": [f"{r.namespace}/{r.pod}/{r.container}" for r in results],
        "methods": [r.method for r in results],
        "bytes": [r.outcome.bytes for r in results],
        "sha256": [r.outcome.sha256 for r in results],
    }
