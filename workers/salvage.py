"""What is left to do for a job whose worker died: end what runs in the pods, keep what arrived, say "partial"."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import structlog

from workers.capture.methods.exec import sweep
from workers.capture.spool import Spool
from workers.contract.errors import ThreadcapError
from workers.contract.facts import Facts
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.ports import Observer
from workers.contract.report import CaptureOutcome, TargetResult
from workers.delivery import Tools, deliver, discard
from workers.pipeline import ANALYSIS_FAILED, guarded
from workers.sandbox.parent import Sandbox
from workers.session import ANALYSIS_SECONDS, FEED, SEGMENTS

log = structlog.get_logger(__name__)

LOST = "the worker that captured was lost; this is what it had stored until then"


def salvage(job: Job, tools: Tools, observer: Observer) -> Job:
    """Finish a job that was capturing or later. Raises as pipeline.run."""
    return guarded(job, observer, lambda: _salvage(job, tools, observer))


def _salvage(job: Job, tools: Tools, observer: Observer) -> Job:
    log.warning("salvaging", **job.log_context())
    for target in job.targets:
        _end_remote(job, target, tools)
    if job.stop_by is not None and job.discard:
        return discard(job, tools, observer)
    # segments are counted by the target's place in the job; the failed ones have none
    places = {index: target for index, target in enumerate(job.targets) if target.state != "failed"}
    captured = list(places.values())
    spools = [_rebuilt(job, index, tools) for index in places]
    try:
        facts = _analysed(job, spools)
        results = [_result(job, t, s, facts.get(i)) for i, (t, s) in enumerate(zip(captured, spools, strict=True))]
        kept = tuple(_kept(t, s) for t, s in zip(captured, spools, strict=True))
        rest = tuple(target for target in job.targets if target.state == "failed")
        observer.update(lambda old: old.evolve(targets=kept + rest, message=f"Partial: {LOST}."))
        return deliver(job, results, [spool.path for spool in spools], tools, observer, JobState.PARTIAL)
    finally:
        for spool in spools:
            spool.close()
            spool.path.unlink(missing_ok=True)


def _end_remote(job: Job, target: TargetProgress, tools: Tools) -> None:
    try:
        pod = tools.cluster.pod(target.namespace, target.pod)
    except ThreadcapError as error:
        log.warning("pod not reachable", job=job.id, pod=target.pod, error=str(error))
        return
    if pod is not None and target.container:
        sweep(tools.cluster, pod, target.container, job.id)


def _rebuilt(job: Job, index: int, tools: Tools) -> Spool:
    """Put a target's segments of the newest lease that stored any together, up to the last whole record."""
    spool = Spool(tools.spool_dir / f"{job.id}-{job.epoch}-{index}.salvaged.pcap")
    for key in _segment_keys(tools.artifacts.keys(f"jobs/{job.id}/"), index):
        for chunk in tools.artifacts.read(key):
            spool.write(chunk)
    spool.trim()
    return spool


def _segment_keys(keys: Sequence[str], index: int) -> list[str]:
    ours = [key for key in keys if key.rsplit("/", 1)[-1].startswith(f"{index:03d}-") and f"/{SEGMENTS}/" in key]
    newest = max((_epoch(key) for key in ours), default=0)
    return sorted(key for key in ours if _epoch(key) == newest)


def _epoch(key: str) -> int:
    return int(key.split("/")[2])


def _analysed(job: Job, spools: Sequence[Spool]) -> dict[int, Facts]:
    with closing(Sandbox(job.id)) as sandbox:
        for index, spool in enumerate(spools):
            with spool.path.open("rb") as file:
                while chunk := file.read(FEED):
                    sandbox.feed(index, chunk)
        return sandbox.finish(ANALYSIS_SECONDS)


def _result(job: Job, target: TargetProgress, spool: Spool, facts: Facts | None) -> TargetResult:
    outcome = CaptureOutcome(
        reason=f"{LOST} ({spool.size} bytes)",
        bytes=spool.size,
        sha256=spool.sha256(),
        packets=spool.records,
        ended_by="interrupted",
        started_at=job.started or job.created,
    )
    return TargetResult(
        target.namespace,
        target.pod,
        target.container,
        target.node,
        method=target.method,
        outcome=outcome,
        facts=facts,
        analysis_error="" if facts is not None else ANALYSIS_FAILED,
    )


def _kept(target: TargetProgress, spool: Spool) -> TargetProgress:
    return replace(target, state="partial", packets=spool.records, bytes=spool.size, note=LOST)
