"""How to say things."""

from collections.abc import Callable

from bot.grammar.values import seconds_text, size_text, usual_wait
from bot.messages.blocks import context, section
from bot.messages.limits import fit
from bot.messages.message import Message
from bot.messages.text import code, lasting
from workers.contract.limits import Limits
from workers.contract.spec import METHODS, RING_LEAST

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
        f"*Both ends*  {line('between deploy/checkout and deploy/payments -n shop')}",
        f"*What just happened*  {line('record deploy/checkout -n shop')}, then {line('grab JOB')}",
        f"*Only a plan*  {line('capture deploy/checkout -n shop --dry-run')}",
        f"*Ask*  {line('status')}  {line('list')}",
        f"*End or extend*  {line('stop JOB')}  {line('extend JOB by 30s')}, or the buttons on its card",
    )
    return [
        "Threadcap shows what a pod's network is really doing: a verdict, charts and the pcap, here in the thread.",
        "\n".join(what),
        f"More: {line('help capture')}  {line('help targets')}  {line('help filter')}  {line('help record')}",
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
        f"`--max-pods N`  the first N pods by name, at most {limits.max_pods}",
        "`--snaplen N`  bytes kept of each packet; 96 keeps headers only",
        f"`-i eth0`  interface. Default {code(limits.interface, 15)}",
        f"`--wait 5m`  for a pod that does not run yet. Default {seconds_text(usual_wait(limits))} when said alone",
        "`until finding any`  `until event Unhealthy`  `until packet FILTER`  end it early",
        f"`--method NAME`  only this way: {', '.join(METHODS)}",
        "`--dry-run`  only say what would be done",
        "`--anyway`  even if the same is being captured already",
    )
    examples = (
        f"Examples: {line('capture deploy/checkout -n shop port 5432 for 30s')}",
        line("capture deploy/checkout deploy/cart -n shop port 443 until finding any for 5m"),
        line("capture -l app=web in shop -- tcp[tcpflags] & tcp-rst != 0"),
        line("capture job/import -n shop --wait until packet tcp[tcpflags] & tcp-rst != 0"),
    )
    return [
        f"{line('capture TARGET... [options] [filter]')} records packets and says what they show.",
        "\n".join(options),
        "\n".join(examples),
        f"{line('help targets')} says what can be captured, {line('help filter')} explains filters.",
    ]


def _targets(line: _Line, limits: Limits) -> list[str]:
    kinds = (
        "`pod/x`, or the beginning of its name where only one pod begins so",
        "`deploy/x`  `sts/x`  `ds/x`  `job/x`  `cronjob/x`  `svc/x`  every pod of it",
        "`ingress/HOST`  the pods behind a host, or behind an ingress of that name",
        "`-l app=web`  pods by label; `ns/shop`  every pod of a namespace",
        "`node/n1`  all that passes a node's interfaces, where it is allowed",
        "`x`  a pod if there is one of that name, else a workload",
    )
    several = (
        f"Several at once, before the filter: {line('capture deploy/checkout svc/cart -n shop port 443')}",
        f"Each in its own namespace: {line('capture deploy/checkout -n shop deploy/vault -n pay')}",
    )
    return ["What can be captured:", "\n".join(kinds), "\n".join(several), _at_most(limits)]


def _at_most(limits: Limits) -> str:
    return f"At most {limits.max_pods} pods at once; `--max-pods` takes fewer."


def _between(line: _Line, limits: Limits) -> list[str]:
    examples = (
        line("between deploy/checkout and deploy/payments -n shop port 8080"),
        line("between deploy/checkout -n shop and svc/vault -n pay for 1m"),
    )
    return [
        (
            f"{line('between TARGET and TARGET [options] [filter]')} captures both ends at the same time, and only what"
            " they say to each other. It shows what was sent and never arrived."
        ),
        "\n".join(examples),
        "A namespace after each end is for that end; a single one is for both.",
        f"The options are those of {line('help capture')}. {_at_most(limits)}",
    ]


def _record(line: _Line, limits: Limits) -> list[str]:
    ring, most = size_text(limits.max_bytes), size_text(max(RING_LEAST, limits.max_max_bytes))
    options = (
        f"`--keep 5m`  how much it keeps. Default {lasting(limits.keep)}, at most {lasting(limits.max_keep)}",
        f"`--for 2h`  how long it goes on. Default {lasting(limits.record)}, at most {lasting(limits.max_record)}",
        f"`--max-bytes 100MB`  of each pod, of what came last. Default {ring}, from {size_text(RING_LEAST)} to {most}",
    )
    return [
        (
            f"{line('record TARGET... [options] [filter]')} keeps the last minutes of packets in the pods, all the"
            " time, and sends nothing until you ask."
        ),
        "\n".join(options),
        f"When it has happened again: {line('grab JOB --last 2m')}, or the buttons on its card.",
        f"Example: {line('record deploy/checkout -n shop --keep 5m for 2h port 5432')}",
        (
            f"{line('stop JOB')} ends it and delivers what it holds; {line('stop JOB --discard')} delivers nothing. So"
            " do Stop and keep, and Discard, on its card."
        ),
    ]


def _grab(line: _Line, limits: Limits) -> list[str]:
    return [
        (
            f"{line('grab JOB')} delivers all that a recording holds right now, {line('grab JOB --last 2m')} the newest"
            " part of it. The recording goes on."
        ),
        _where(),
    ]


def _extend(line: _Line, limits: Limits) -> list[str]:
    return [
        f"{line('extend JOB by 30s')} gives a running capture more time. So do the buttons on its card.",
        (
            f"A capture takes {lasting(limits.max_duration)} at most, a recording {lasting(limits.max_record)}."
            " Whoever may stop it may extend it."
        ),
        _where(),
    ]


def _dry_run(line: _Line, limits: Limits) -> list[str]:
    return [
        f"{line('capture deploy/checkout -n shop --dry-run')} says what would be done, and does nothing.",
        (
            "For each pod: the method, what it would create, tcpdump's exact command line, the limits, and why not"
            " another method. It goes with `between` and `record`, too."
        ),
        "Capture now, a button on the plan, does what it says.",
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
        f"{line('stop JOB --discard')} ends it and deletes what it has. So does Discard on its card.",
        _where(),
    ]


def _where() -> str:
    return "The id of a capture is the last word on its card."


_PAGES: dict[str, Callable[[_Line, Limits], list[str]]] = {
    "capture": _capture,
    "targets": _targets,
    "between": _between,
    "record": _record,
    "grab": _grab,
    "extend": _extend,
    "dry-run": _dry_run,
    "filter": _filter,
    "status": _status,
    "list": _list,
    "stop": _stop,
}
