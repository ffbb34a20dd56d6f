"""`threadcap`: the same commands from a terminal, and the way to start each process. The one root that may import both
sides; everything heavy is imported by the subcommand that needs it.

Exit codes: 0 done, 1 other, 2 usage, 3 denied, 4 target not found, 5 partial.
"""

import sys
from collections.abc import Callable, Sequence

from workers.contract.errors import ThreadcapError

WORDS = ("capture", "between", "record", "grab", "extend", "status", "list", "stop", "help")
"""The commands of the shared grammar (bot.grammar)."""

USAGE = """\
usage: threadcap COMMAND ...

  capture TARGET... [...]   capture packets (threadcap help capture); with --local in this process, without Slack
  between A and B [...]     what two targets say to each other
  record TARGET... [...]    keep the last minutes; grab JOB [--last 2m] delivers them
  extend JOB by 30s, stop JOB [--discard], status [JOB], list, help [COMMAND]
  analyze FILE... [--json]  verdict and facts of pcap files
  sweep [--dry-run]         end what captures left in the cluster (threadcap sweep --help)
  bot | worker              run one side
  playground up|clean|demo|console

for these also:
  --json                    answer as JSON
  --local                   capture, between: in this process, with your kubeconfig; no Redis, no Slack
  --kubeconfig FILE, --context NAME, --out DIR
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except ThreadcapError as error:
        print(f"threadcap: {error.user_message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1


def _dispatch(words: list[str]) -> int:
    first = words[0] if words else ""
    if first in WORDS:
        return _grammar(words)
    commands: dict[str, Callable[[list[str]], int]] = {
        "analyze": _analyze,
        "analyse": _analyze,
        "sweep": _sweep,
        "bot": _bot,
        "worker": _worker,
        "playground": _playground,
    }
    if first in commands:
        return commands[first](words[1:])
    if first in ("--version", "version"):
        from importlib.metadata import version

        print(version("threadcap"))
        return 0
    if first and not first.startswith("-"):
        import difflib

        close = difflib.get_close_matches(first, (*WORDS, *commands), 1)
        print(
            f"threadcap: There is no command {first}." + (f" Did you mean {close[0]}?" if close else ""),
            file=sys.stderr,
        )
    print(USAGE, file=sys.stdout if first in ("", "-h", "--help") else sys.stderr, end="")
    return 0 if first in ("-h", "--help") else 2


def _grammar(words: list[str]) -> int:
    from bot.terminal.commands import run

    return run(words)


def _analyze(words: list[str]) -> int:
    from workers import collector

    collector.calm()  # before all the imports, through which it would look many times
    from bot.terminal.analyze import run

    return run(words)


def _sweep(words: list[str]) -> int:
    from bot.terminal.sweep import run

    return run(words)


def _bot(_: list[str]) -> int:
    from bot.__main__ import main as bot

    return bot()


def _worker(_: list[str]) -> int:
    from workers.tasks import main as worker

    return worker()


def _playground(words: list[str]) -> int:
    import argparse
    import importlib

    parser = argparse.ArgumentParser(prog="threadcap playground", description="A cluster and a Slack on this machine.")
    parser.add_argument("what", choices=("up", "clean", "demo", "console"))
    parsed, rest = parser.parse_known_args(words)
    module = importlib.import_module(f"deploy.playground.{parsed.what}")
    return int(module.main(rest))


if __name__ == "__main__":
    sys.exit(main())
