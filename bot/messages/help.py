"""How to say things."""

from collections.abc import Callable

from bot.grammar.values import size_text
from bot.messages.blocks import context, section
from bot.messages.limits import fit
from bot.messages.message import Message
from bot.messages.text import code, lasting
from workers.contract.spec import Limits

_Line = Callable[[str], str]


def help_page(topic: str | None, limits: Limits, prefix: str = "@threadcap ") -> Message:
    """Explain all commands, or one. `prefix` goes before each example ("/capture " for a slash command)."""
    word = prefix.strip().removeprefix("/")

    def line(command: str) -> str:
        said = command.removeprefix(f"{word} ") if prefix.startswith("/") else command
        return code(prefix + said, 200)

    page = _PAGES.get(topic or "", _overview)
    paragraphs = page(line, limits)
    blocks = [*map(section, paragraphs[:-1]), context(paragraphs[-1])]
    title = f"Help on {topic}." if topic in _PAGES else "What Threadcap can do."
    return fit(Message(title, blocks))


def _overview(line: _Line, limits: Limits) -> list[str]:
    what = (
        f"*Capture*  {line('capture deploy/checkout -n shop port 5432 for 30s')}",
        f"*Ask*  {line('status')}  {line('list')}",
        f"*End one*  {line('stop JOB')}, or the buttons on its card",
    )
    return [
        "Threadcap shows what a pod's network is really doing: a verdict, charts and the pcap, here in the thread.",
        "\n".join(what),
        f"More: {line('help capture')}  {line('help filter')}",
        f"Without options a capture takes {lasting(limits.duration)} in namespace {code(limits.namespace, 63)}.",
    ]


def _capture(line: _Line, limits: Limits) -> list[str]:
    usual, most = lasting(limits.duration), lasting(limits.max_duration)
    options = (
        f"`-n NAMESPACE`  or: in shop. Default {code(limits.namespace, 63)}",
        "`-c CONTAINER`  when the pod has several",
        f"`--for 30s`  or: for 2m. Default {usual}, at most {most}",
        f"`--packets N`  end after N packets a pod, at most {limits.max_max_packets:,}",
        f"`--max-bytes 10MB`  a pod. Default {size_text(limits.max_bytes)}, at most {size_text(limits.max_max_bytes)}",
        "`--snaplen N`  bytes kept of each packet; 96 keeps headers only",
        f"`-i eth0`  interface. Default {code(limits.interface, 15)}",
    )
    examples = (
        f"Examples: {line('capture deploy/checkout -n shop port 5432 for 30s')}",
        line("capture -l app=web in shop -- tcp[tcpflags] & tcp-rst != 0"),
    )
    targets = "`pod/x`  `deploy/x`  `sts/x`  `ds/x`  `svc/x`  `-l app=web`"
    return [
        f"{line('capture TARGET [options] [filter]')} records packets and says what they show.",
        f"*Target*  {targets}, or a bare name: a pod if there is one, else a workload.",
        "\n".join(options),
        "\n".join(examples),
        f"At most {limits.max_pods} pods at once. {line('help filter')} explains filters.",
    ]


def _filter(line: _Line, limits: Limits) -> list[str]:
    samples = (
        "`port 443`  `tcp port 8080`  `udp port 53`  `host 198.18.0.7`  `net 198.18.0.0/24`",
        "`portrange 8000-8080`  `not port 22`  `port 80 or port 443`",
    )
    places = (
        f"It may stand free: {line('capture deploy/web port 443 for 1m')}",
        f"or after `--`, where everything is filter: {line('capture deploy/web -- tcp[13] & 4 != 0')}",
    )
    return [
        "A filter keeps only some packets. It is a pcap filter, the same as tcpdump's.",
        "\n".join(samples),
        "\n".join(places),
        "Addresses only: names of hosts are refused, because they would be looked up here and not in the pod.",
    ]


def _status(line: _Line, limits: Limits) -> list[str]:
    return [f"{line('status')} shows recent captures, {line('status JOB')} one of them.", _where()]


def _list(line: _Line, limits: Limits) -> list[str]:
    return [f"{line('list')} shows recent captures with their ids.", _where()]


def _stop(line: _Line, limits: Limits) -> list[str]:
    return [
        f"{line('stop JOB')} ends a capture and keeps what it has. So does Stop and keep on its card.",
        "Discard on the card ends it and deletes what it has.",
        _where(),
    ]


def _where() -> str:
    return "The id of a capture is the last word on its card."


_PAGES: dict[str, Callable[[_Line, Limits], list[str]]] = {
    "capture": _capture,
    "filter": _filter,
    "status": _status,
    "list": _list,
    "stop": _stop,
}
