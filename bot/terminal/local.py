"""`threadcap capture … --local`: the worker's pipeline in this process, against the cluster of a kubeconfig."""

import argparse
import getpass
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from msgspec import structs

from bot.messages.text import count
from workers import log as logs
from workers.artifacts import open_artifacts
from workers.capture.cluster import Cluster
from workers.capture.pressure import PressureWatch
from workers.contract import codec
from workers.contract.errors import Denied, StoreUnavailable, ThreadcapError
from workers.contract.job import Artifact, Job, JobState, Person, new_job_id
from workers.contract.ports import ArtifactStore, Debt
from workers.contract.report import Report
from workers.contract.spec import CaptureSpec
from workers.delivery import Tools, equipped
from workers.export import report_json
from workers.pipeline import run
from workers.policy import Allowed, preview
from workers.report.renderer import Renderer
from workers.report.text import terminal
from workers.settings import CaptureSettings

log = structlog.get_logger(__name__)


class TerminalObserver:
    """Observer that keeps the job here and tells a person about it on stderr."""

    def __init__(self, job: Job, tell: bool) -> None:
        self.job = job
        self.stop = threading.Event()
        self._tell = tell
        self._told = ""
        self._noted = ""

    def update(self, change: Callable[[Job], Job], *, patient: bool = True) -> Job:
        """See Observer.update."""
        self.job = structs.replace(change(self.job), updated=time.time(), version=self.job.version + 1)
        if self._tell:
            self._say()
        return self.job

    def stop_requested(self) -> bool:
        """See Observer.stop_requested: Ctrl-C once ends the capture and keeps what it has."""
        return self.stop.is_set()

    def deadline(self) -> float | None:
        """See Observer.deadline: nobody extends a capture of this process."""
        return None

    def admit(self, limits: Mapping[str, int]) -> str:
        """See Observer.admit: what others capture at once is not known here."""
        return ""

    def interrupted(self) -> str:
        """See Observer.interrupted: here only a person ends a capture."""
        return ""

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See Observer.audit; a terminal's audit is its log."""
        log.info("audit", action=action, **{key: codec.encode(value) for key, value in fields.items()})

    def _say(self) -> None:
        if self.job.message not in ("", self._noted) and not self.job.final:
            self._noted = self.job.message
            print(self._noted, file=sys.stderr)
        line = f"{self.job.id}: {self.job.state}"
        if self.job.targets:
            packets, size = sum(t.packets for t in self.job.targets), sum(t.bytes for t in self.job.targets)
            line += ", ".join(["", count(len(self.job.targets), "pod"), count(packets, "packet"), f"{size:,} bytes"])
        if line != self._told:
            self._told = line
            print(line, file=sys.stderr)


def capture_here(spec: CaptureSpec, settings: CaptureSettings, options: argparse.Namespace) -> int:
    """Capture, print verdict and findings (or the report as JSON), leave the files in `options.out`."""
    logs.set_up("WARNING", name="terminal")
    decision = preview(spec, _person(), settings.rules)
    if not isinstance(decision, Allowed):
        raise Denied(decision.reason)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="threadcap-") as scratch, Renderer() as charts:
        artifacts = open_artifacts(f"file://{scratch}/artifacts")
        cluster = Cluster(options.kubeconfig, options.context)
        static = Path(settings.static_tcpdump)
        pressure = PressureWatch(cluster)
        pressure.start()
        tools = Tools(
            cluster,
            artifacts,
            settings.rules,
            charts,
            Path(scratch),
            equipped(settings),
            static_tcpdump=static,
            every_picture=True,
            owe=_tell_left,
            pressures=pressure,
        )
        now = time.time()
        job = Job(new_job_id(), decision.spec, _person(), created=now, updated=now, epoch=1)
        observer = TerminalObserver(job, tell=not options.json)
        with _interruptible(observer):
            job = run(job, tools, observer)
        pressure.close()
        cluster.close()
        return _finish(job, artifacts, options)


def _tell_left(debt: Debt) -> None:
    """No sweeper looks after a capture of this process."""
    where = f"container {debt.container} of pod {debt.namespace}/{debt.pod}"
    print(f"Something of this capture may be left in {where}. It ends by itself at its time limit.", file=sys.stderr)


def _person() -> Person:
    return Person(f"terminal:{getpass.getuser()}", getpass.getuser())


@contextmanager
def _interruptible(observer: TerminalObserver) -> Iterator[None]:
    """The first Ctrl-C stops and keeps; the second one ends the program."""

    def stop(*_: Any) -> None:
        print("\nstopping; what was captured is kept (again to give up)", file=sys.stderr)
        observer.stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _finish(job: Job, artifacts: ArtifactStore, options: argparse.Namespace) -> int:
    if job.report is None:
        return _failed(job, options.json)
    report = _report(job.report, artifacts)
    for artifact in (*job.artifacts, structs.replace(job.report, name=f"report-{job.id}.json")):
        _save(artifact, artifacts, options.out)
    if options.json:
        sys.stdout.flush()
        sys.stdout.buffer.writelines(report_json(report))
    else:
        print(terminal(report, shutil.get_terminal_size().columns, colour=sys.stdout.isatty()), end="")
        for artifact in job.artifacts:
            print(f"{options.out / artifact.name}  {artifact.size:,} bytes  sha256 {artifact.sha256}")
    return {JobState.DONE: 0, JobState.PARTIAL: 5}.get(job.state, 1)


def _failed(job: Job, as_json: bool) -> int:
    from bot.terminal.commands import answer

    return answer(job, as_json)


def _report(artifact: Artifact, artifacts: ArtifactStore) -> Report:
    return codec.decode(Report, json.loads(b"".join(artifacts.read(artifact.key))))


def _save(artifact: Artifact, artifacts: ArtifactStore, folder: Path) -> None:
    try:
        with (folder / artifact.name).open("wb") as file:
            for chunk in artifacts.read(artifact.key):
                file.write(chunk)
    except (OSError, StoreUnavailable) as error:
        raise ThreadcapError(f"{folder / artifact.name} can't be written: {error}.") from error
