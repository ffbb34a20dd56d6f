"""Everything of one playground together: Redis, cluster and scene, Slack, and the product's own processes.

    async with Stack(progress=print) as stack:
        await stack.start_worker()
        await stack.start_bot()

Bot and worker run unmodified as processes of their own; only URLs and tokens in their environment differ, and
each gets only what is its own: the bot no kubeconfig, the worker no Slack token.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import yaml

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.redis_server import MARKER, RedisServer
from deploy.playground.slack import AppConfig, Panel, SlackEmulator
from deploy.playground.up import ROOT, Playground, PlaygroundError, PlaygroundSettings, Progress

READY_SECONDS = 30.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05
MANIFEST = ROOT / "deploy" / "slack" / "manifest.yaml"
"""The Slack app as customers install it: its scopes, events and command are all that the playground grants too."""


STATIC_TCPDUMP = Path(__file__).parents[2] / ".tools" / "static"
"""Where `make static` and the tests' set-up put it; without it there is no method `upload`."""


@dataclass
class Part:
    """One process of the product: what it is called, its process, its log."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class ClusterAccess(Protocol):
    """A cluster that runs already."""

    @property
    def admin_kubeconfig(self) -> Path:
        """Its administrator's kubeconfig."""

    @property
    def capture_kubeconfig(self) -> Path:
        """The capture workers' kubeconfig."""


@dataclass
class Stack:
    """Async context manager: Redis, cluster and Slack are up when entered; nothing is left when exited.

    `cluster` given: that one is used and left running; else a playground is started. `panels` go to Slack's page.
    """

    settings: PlaygroundSettings = field(default_factory=PlaygroundSettings)
    progress: Progress = print
    slack_port: int = 0
    redis_url: str = ""
    cluster: ClusterAccess | None = None
    panels: Sequence[Panel] = ()
    playground: Playground = field(init=False, repr=False)
    slack: SlackEmulator = field(init=False, repr=False)
    parts: list[Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._exits = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            if self.cluster is None:
                self.playground = self.cluster = Playground(self.settings, self.progress)
                await self._exits.enter_async_context(self.playground)
            else:
                self.rundir.mkdir(mode=0o700, parents=True)
                self._exits.callback(shutil.rmtree, self.rundir, ignore_errors=True)
            redis = RedisServer(self.redis_url or None, owner=self.settings.id)
            self._exits.push(redis.__exit__)
            self.redis_url = (await asyncio.to_thread(redis.__enter__)).url
            self.progress("Redis ready")
            self.slack = SlackEmulator(
                port=self.slack_port, rundir=self.rundir / "slack", config=app_config(), panels=self.panels
            )
            await self._exits.enter_async_context(self.slack)
            self.progress(f"Slack ready on {self.slack.base_url}")
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await asyncio.gather(*(self.stop(part) for part in list(self.parts)))
        finally:
            await self._exits.aclose()

    @property
    def rundir(self) -> Path:
        """The instance's own folder, removed at the end."""
        return self.settings.rundir

    async def start_worker(self, **extra: str) -> Part:
        """Start one more capture worker and wait until it takes jobs."""
        assert self.cluster is not None, "not entered"
        env = {
            "THREADCAP_KUBECONFIG": str(self.cluster.capture_kubeconfig),
            "THREADCAP_CAPTURE_IMAGE": CAPTURE_IMAGE,
            "THREADCAP_AGENT_NAMESPACE": "threadcap",
            "THREADCAP_STATIC_TCPDUMP": str(STATIC_TCPDUMP),
        }
        return await self._start("worker", env | extra)

    async def start_bot(self, **extra: str) -> Part:
        """Start one more bot and wait until it listens."""
        slack = self.slack.environment()
        env = {f"THREADCAP_{name}": slack[name] for name in slack if name != "SLACK_API_URL"}
        return await self._start("bot", {**env, "THREADCAP_SLACK_BASE_URL": slack["SLACK_API_URL"], **extra})

    async def stop(self, part: Part, signum: signal.Signals = signal.SIGTERM) -> int:
        """End one process (SIGKILL after STOP_SECONDS); returns its exit code."""
        if part in self.parts:
            self.parts.remove(part)
        with contextlib.suppress(ProcessLookupError):
            part.process.send_signal(signum)
        try:
            return await asyncio.wait_for(part.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.progress(f"{part.name} did not end in {STOP_SECONDS:.0f} s and was killed")
            part.process.kill()
            return await part.process.wait()

    async def _start(self, side: str, own: dict[str, str]) -> Part:
        number = 1 + sum(1 for _ in self.rundir.glob(f"{side}-*.log"))
        name = f"{side}-{number}"
        ready = self.rundir / f"{name}.ready"
        log = self.rundir / f"{name}.log"
        common = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            MARKER: self.settings.id,
            "THREADCAP_REDIS_URL": self.redis_url,
            "THREADCAP_ARTIFACTS_URL": f"file://{self.rundir}/artifacts",
            "THREADCAP_NAMESPACES": "shop,default,test-*,load-*",
            "THREADCAP_SPOOL_DIR": str(self.rundir / f"{name}.spool"),
            "THREADCAP_READY_FILE": str(ready),
        }
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", "bot.cli", side),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**common, **own},
                start_new_session=True,
            )
        part = Part(name, process, log)
        self.parts.append(part)
        await self._until_ready(part, ready)
        self.progress(f"{name} ready")
        return part

    async def _until_ready(self, part: Part, ready: Path) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not await asyncio.to_thread(ready.exists):
            if part.process.returncode is not None or time.monotonic() > deadline:
                raise PlaygroundError(f"{part.name} did not become ready.\n{part.log_tail()}")
            await asyncio.sleep(POLL_SECONDS)


def app_config() -> AppConfig:
    """The app's manifest as the emulator takes it."""
    return AppConfig.from_manifest(yaml.safe_load(MANIFEST.read_text()))
