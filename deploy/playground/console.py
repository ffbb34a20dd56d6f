"""`make console`: the playground left running, with Slack's web page, until Ctrl-C."""

import argparse
import asyncio
import functools
import signal
import sys
from collections.abc import Sequence

from deploy.playground.scene_panel import ScenePanel
from deploy.playground.stack import Stack
from deploy.playground.up import PlaygroundError, PlaygroundSettings, refuse_unfit_host


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(prog="threadcap playground console", description=__doc__)
    parser.add_argument("--port", type=int, default=8065, help="of the web page, on loopback")
    parser.add_argument("--id", help="name of this instance (default: demo-xxxx)")
    options = parser.parse_args(argv)
    try:
        refuse_unfit_host()
        asyncio.run(serve(options.port, options.id))
    except (PlaygroundError, OSError) as error:
        print(f"console failed: {error}", file=sys.stderr)
        return 1
    return 0


async def serve(port: int, name: str | None = None) -> None:
    """The console itself."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    settings = PlaygroundSettings(id=name) if name else PlaygroundSettings()
    panel = ScenePanel(settings.rundir / "admin.kubeconfig", settings.rundir)
    say = functools.partial(print, flush=True)
    async with Stack(settings, progress=say, slack_port=port, panels=[panel]) as stack:
        await asyncio.gather(stack.start_worker(), stack.start_bot())
        print(
            f"\nOpen {stack.slack.base_url} and type: /capture deploy/checkout -n shop port 8080 for 20s\n"
            f"Cluster: export KUBECONFIG={stack.playground.admin_kubeconfig}\n"
            "Faults:  in the page, under Scene\nCtrl-C ends it all.",
            flush=True,
        )
        await stopped.wait()
        print("stopping", flush=True)


if __name__ == "__main__":
    sys.exit(main())
