"""`python -m deploy.playground.slack --port N --rundir D`: the workspace, until SIGINT or SIGTERM.

Writes D/slack.json (mode 0600) once it listens: base_url, api_url, tokens and signing secret.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

from .context import AppConfig
from .server import SlackEmulator


def _config(path: Path | None) -> AppConfig | None:
    if path is None:
        return None
    text = path.read_text()
    if path.suffix == ".json":
        manifest: Any = json.loads(text)
    else:
        import yaml

        manifest = yaml.safe_load(text)
    return AppConfig.from_manifest(manifest)


def _write_private(path: Path, values: dict[str, str]) -> None:
    """Whole or not at all, readable by its owner."""
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(values, file, indent=2)
    part.replace(path)


async def run(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    emulator = SlackEmulator(
        port=options.port, rundir=options.rundir, config=_config(options.manifest), events_url=options.events_url
    )
    async with emulator as slack:
        facts = {"base_url": slack.base_url, "pid": str(os.getpid()), **slack.environment()}
        _write_private(options.rundir / "slack.json", facts)
        print(f"Slack playground on {slack.base_url}", flush=True)
        await stopped.wait()
    (options.rundir / "slack.json").unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.playground.slack", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on loopback, 0 for a free one")
    parser.add_argument("--rundir", type=Path, required=True, help="folder for files and slack.json")
    parser.add_argument("--manifest", type=Path, help="Slack app manifest: scopes, events, commands")
    parser.add_argument("--events-url", help="deliver by signed HTTP to this loopback URL, not Socket Mode")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
