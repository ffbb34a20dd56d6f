"""What a capture command means, in every way people write one."""

import pytest

from bot.grammar import Capture, Help, parse, parse_words
from workers.contract.limits import Limits
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

LIMITS = Limits()


def spec_of(text: str, implied: str = "") -> CaptureSpec:
    command = parse(text, LIMITS, implied=implied)
    assert isinstance(command, Capture), command
    return command.spec


def test_all_options_long() -> None:
    spec = spec_of(
        "capture deploy/checkout --namespace shop --container app --for 1m30s --packets 500"
        " --max-bytes 10MB --snaplen 96 --interface eth0 -- tcp port 5432"
    )
    assert spec == CaptureSpec(
        TargetRef(TargetKind.DEPLOYMENT, "checkout"),
        "shop",
        "app",
        "tcp port 5432",
        duration=90.0,
        max_packets=500,
        max_bytes=10_000_000,
        snaplen=96,
        interface="eth0",
    )


def test_defaults_come_from_the_limits() -> None:
    limits = Limits(namespace="team", duration=20.0, max_bytes=7_000_000, snaplen=128, interface="eth1")
    command = parse("capture web", limits)
    assert command == Capture(
        CaptureSpec(TargetRef(TargetKind.ANY, "web"), "team", None, "", 20.0, 0, 7_000_000, 128, "eth1")
    )


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("x", TargetKind.ANY),
        *((f"{short}/x", TargetKind.POD) for short in ("po", "pod", "pods", "Pod")),
        *(
            (f"{short}/x", TargetKind.DEPLOYMENT)
            for short in ("deploy", "deployment", "deployments", "deployment.apps")
        ),
        *((f"{short}/x", TargetKind.STATEFULSET) for short in ("sts", "statefulset", "statefulsets")),
        *((f"{short}/x", TargetKind.DAEMONSET) for short in ("ds", "daemonset", "daemonsets")),
        *((f"{short}/x", TargetKind.SERVICE) for short in ("svc", "service", "services")),
    ],
)
def test_target_kinds(word: str, kind: TargetKind) -> None:
    assert spec_of(f"capture {word}").target == TargetRef(kind, "x")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("-l app=web", "app=web"),
        ("-l app==web", "app=web"),
        ("--selector=app=web,tier!=db", "app=web,tier!=db"),
        ("-l 'app in (web, api)'", "app in (web,api)"),
        ("-l app in (web, api)", "app in (web,api)"),
        ("-l app notin (a,b),tier=front", "app notin (a,b),tier=front"),
        ("-l !canary,example.com/team", "!canary,example.com/team"),
        ("-l app=", "app="),
    ],
)
def test_selectors(written: str, canonical: str) -> None:
    assert spec_of(f"capture {written} -n shop").target == TargetRef(TargetKind.SELECTOR, canonical)
    assert spec_of(f"capture {written} port 80").filter == "port 80"


def test_in_after_a_selector_is_a_namespace_unless_a_set_follows() -> None:
    spec = spec_of("capture -l app=web in shop port 80")
    assert (spec.target.name, spec.namespace, spec.filter) == ("app=web", "shop", "port 80")


@pytest.mark.parametrize(
    "words",
    [
        "deploy/checkout -n shop port 5432 for 30s",
        "deploy/checkout in shop port 5432 for 30 seconds",
        "deploy/checkout in namespace shop for 30s port 5432",
        "-n shop --for 30s deploy/checkout port 5432",
        "--for=30s deploy/checkout --namespace=shop -- port 5432",
        "Deploy/checkout In shop Port 5432 For 30",
        'deploy/checkout "port 5432" -n shop',
        "deploy/checkout -n shop\nport 5432\nfor 30s",
        'deploy/checkout -n shop -- "port 5432"',
    ],
)
def test_ways_to_say_the_same(words: str) -> None:
    wanted = CaptureSpec(TargetRef(TargetKind.DEPLOYMENT, "checkout"), "shop", filter="port 5432")
    assert spec_of(f"capture {words}") == wanted
    assert spec_of(words, implied="capture") == wanted


@pytest.mark.parametrize(
    "expression",
    [
        "udp",
        "tcp port 8080 and host 198.18.0.7",
        "portrange 8000-8080",
        "port http or https",
        "(port 80 or port 443) and not host 198.18.0.1",
        "tcp[13] & 7 != 0",
        "len - 4 > 100",
        "net 198.18.0.0/24",
        "host 2001:db8::1",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
        "less 128",
        "not arp && !icmp",
    ],
)
def test_filters_stand_free_or_after_dashes(expression: str) -> None:
    assert spec_of(f"capture web {expression}").filter == expression
    assert spec_of(f"capture web -- {expression}").filter == expression


def test_everything_after_dashes_is_filter() -> None:
    assert spec_of("capture web -- for in host").filter == "for in host"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30), ("2m", 120), ("1m30s", 90), ("90", 90), ("1.5m", 90), ("5min", 300), ("1500ms", 1.5), ("10M", 600)],
)
def test_durations(written: str, seconds: float) -> None:
    assert spec_of(f"capture web --for {written}").duration == seconds
    assert spec_of(f"capture web for {written}").duration == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("10MB", 10_000_000),
        ("64KiB", 65_536),
        ("5m", 5_000_000),
        ("1.5MB", 1_500_000),
        ("2000", 2000),
        ("1MiB", 1 << 20),
    ],
)
def test_sizes(written: str, size: int) -> None:
    assert spec_of(f"capture web --max-bytes {written}").max_bytes == size


def test_terminal_words_need_no_quoting() -> None:
    command = parse_words(["capture", "-l", "app in (web, api)", "-n", "shop", "tcp port 80"], LIMITS)
    assert isinstance(command, Capture)
    assert command.spec.target.name == "app in (web,api)"
    assert command.spec.filter == "tcp port 80"
    assert parse_words(["capture", "web", "--", "tcp[13]", "&", "4", "!=", "0"], LIMITS) == parse(
        "capture web -- tcp[13] & 4 != 0", LIMITS
    )


def test_help_within_a_capture() -> None:
    assert parse("capture --help", LIMITS) == Help("capture")
    assert parse("capture help", LIMITS) == Help("capture")
    assert parse("capture web -h", LIMITS) == Help("capture")
