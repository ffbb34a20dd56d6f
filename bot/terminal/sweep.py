"""`threadcap sweep`: what captures left in the cluster, and its end. What a worker's sweeper does, for people."""

import argparse
import dataclasses
import getpass
import json
import sys
import time
from collections.abc import Sequence

from bot.messages.text import lasting, visible
from workers import log as logs
from workers.capture.cluster import Cluster
from workers.contract.errors import StoreUnavailable
from workers.settings import CaptureSettings, read
from workers.state import RedisJobStore
from workers.sweeper import Leftover, Sweeper

NOWHERE = "No namespace for Threadcap's own pods is configured (THREADCAP_AGENT_NAMESPACE); name it with --namespace."
LEFT = 5
"""Exit code when something could not be ended."""


@dataclasses.dataclass(frozen=True, slots=True)
class Swept:
    """One leftover and what came of it: kept | due | ended | failed."""

    leftover: Leftover
    came: str


def run(words: Sequence[str]) -> int:
    """List pods of ours and what could not be ended; end what is due unless it is a dry run."""
    parser = argparse.ArgumentParser(
        prog="threadcap sweep", description="End what captures left in the cluster. Running captures are kept."
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--namespace", "-n", help="only what is in this namespace")
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.add_argument("--kubeconfig", metavar="FILE")
    parser.add_argument("--context", metavar="NAME")
    options = parser.parse_args(words)
    settings = read(CaptureSettings)
    logs.set_up("WARNING", name="terminal")
    store, cluster = RedisJobStore(settings.redis_url), Cluster(options.kubeconfig, options.context)
    try:
        home = options.namespace or settings.agent_namespace
        sweeper = Sweeper(cluster, store, home, settings.installation, f"terminal:{getpass.getuser()}")
        found = _swept(sweeper, options)
    except StoreUnavailable as error:
        said = "Which captures still run is not known: the job store (THREADCAP_REDIS_URL) does not answer."
        raise StoreUnavailable(f"{said} Start it, or name the right one.", detail=str(error)) from error
    finally:
        cluster.close()
        store.close()
    _show(found, options, home)
    return LEFT if any(one.came == "failed" for one in found) else 0


def _swept(sweeper: Sweeper, options: argparse.Namespace) -> list[Swept]:
    everything = [*sweeper.pods(), *sweeper.debts()]
    found = [one for one in everything if options.namespace in (None, one.namespace)]
    return [Swept(one, _outcome(sweeper, one, options.dry_run)) for one in found]


def _outcome(sweeper: Sweeper, one: Leftover, dry_run: bool) -> str:
    if not one.why:
        return "kept"
    if dry_run:
        return "due"
    return "ended" if sweeper.end(one) else "failed"


def _show(found: Sequence[Swept], options: argparse.Namespace, home: str) -> None:
    now = time.time()
    if options.json:
        json.dump([_fields(one, now) for one in found], sys.stdout, indent=1)
        print()
        return
    if not home:
        print(NOWHERE, file=sys.stderr)
    print("\n".join([*(_lines(one, now) for one in found), _tally(found, options.dry_run)]))


def _fields(one: Swept, now: float) -> dict[str, object]:
    left = one.leftover
    return {
        "job": left.job_id,
        "namespace": left.namespace,
        "pod": left.pod,
        "node": left.node,
        "container": left.container,
        "age_seconds": round(now - left.created),
        "expires_in_seconds": round(left.expires - now) if left.expires else None,
        "kind": "pod" if left.debt is None else "processes",
        "result": one.came,
        "because": left.why or left.kept,
    }


def _lines(one: Swept, now: float) -> str:
    left = one.leftover
    words = {"kept": "kept", "due": "would be ended", "ended": "ended", "failed": "NOT ended, it is tried again later"}
    head = [f"{left.namespace}/{left.pod}"]
    head += [f"container {left.container}"] if left.container else []
    head += [f"on {left.node}"] if left.node else []
    head += [f"capture {left.job_id or 'unknown'}", f"{lasting(max(1, round(now - left.created)))} old"]
    head += [_expiry(left.expires - now)] if left.expires else []
    return visible(", ".join(head)) + f"\n  {words[one.came]}: {visible(left.why or left.kept)}"


def _expiry(seconds: float) -> str:
    amount = lasting(max(1, abs(round(seconds))))
    return f"expires in {amount}" if seconds > 0 else f"expired {amount} ago"


def _tally(found: Sequence[Swept], dry_run: bool) -> str:
    if not found:
        return "Nothing of Threadcap's is left in the cluster."
    counts = {came: sum(one.came == came for one in found) for came in ("due", "ended", "failed", "kept")}
    if dry_run:
        return f"{counts['due']} would be ended, {counts['kept']} kept. Nothing was changed."
    failed = f", {counts['failed']} could not be ended" if counts["failed"] else ""
    return f"{counts['ended']} ended, {counts['kept']} kept{failed}."
