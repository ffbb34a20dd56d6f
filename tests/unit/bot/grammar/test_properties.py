"""What holds for every text: nothing raises, corrections parse, a rendered command means itself."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bot.grammar import (
    Capture,
    Command,
    Extend,
    Grab,
    Help,
    ListJobs,
    Mistake,
    Status,
    Stop,
    parse,
    parse_words,
    render,
)
from bot.grammar.filters import option_like
from bot.grammar.vocabulary import COMMANDS, FINDINGS, OPTIONS, PCAP_WORDS, PLACELESS, RESERVED, TOPICS
from bot.unmangle import unmangle
from workers.contract.limits import Limits
from workers.contract.spec import METHODS, CaptureSpec, Mode, TargetKind, TargetRef, Until, UntilKind

LIMITS = Limits()

_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
_NAME = st.lists(_LABEL, min_size=1, max_size=3).map(".".join)
_KEY = st.from_regex(r"(example\.com/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,10}[A-Za-z0-9])?", fullmatch=True)
_VALUE = st.from_regex(r"[A-Za-z0-9]?", fullmatch=True)
_REQUIREMENT = st.one_of(
    st.tuples(_KEY, st.sampled_from(["=", "!="]), _VALUE).map("".join),
    st.tuples(_KEY, st.sampled_from(["in", "notin"]), st.lists(_VALUE, min_size=1)).map(
        lambda parts: f"{parts[0]} {parts[1]} ({','.join(parts[2])})"
    ),
    _KEY,
    _KEY.map(lambda key: f"!{key}"),
)
_KINDED = st.one_of(
    st.builds(
        TargetRef,
        st.sampled_from([k for k in TargetKind if k not in ("any", "selector", "namespace", "ingress")]),
        _NAME,
    ),
    st.builds(TargetRef, st.just(TargetKind.NAMESPACE), _LABEL),
    st.builds(TargetRef, st.just(TargetKind.INGRESS), _NAME | _NAME.map(lambda name: f"*.{name}")),
)
_BARE = st.builds(TargetRef, st.just(TargetKind.ANY), _NAME.filter(lambda name: name not in RESERVED | {"and"}))
_LABELS = st.builds(
    TargetRef, st.just(TargetKind.SELECTOR), st.lists(_REQUIREMENT, min_size=1, max_size=3).map(",".join)
)
_FILTER = (
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: not text.startswith("-") and not any(map(option_like, text.split())))
    .filter(lambda text: not (len(text) > 1 and text[0] in "\"'" and text[0] == text[-1]))
)
_UNTIL = st.one_of(
    st.builds(Until, st.just(UntilKind.FINDING), st.sampled_from(["any", *sorted(FINDINGS)])),
    st.builds(Until, st.just(UntilKind.EVENT), st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,20}", fullmatch=True)),
    st.builds(
        Until, st.just(UntilKind.PACKET), _FILTER.filter(lambda text: text and not set(text) & {'"', "'"}).map(str)
    ),
)


def _seconds(most: int) -> st.SearchStrategy[float]:
    return st.integers(1000, most * 1000).map(lambda milliseconds: milliseconds / 1000)


@st.composite
def _specs(draw: st.DrawFn) -> CaptureSpec:
    """A spec as the grammar makes them: the first target is in the spec's namespace, others may name one."""
    mode, namespace = draw(st.sampled_from([Mode.CAPTURE, Mode.BETWEEN, Mode.RECORD])), draw(_LABEL)
    target = draw(_KINDED | _BARE | _LABELS)
    if mode is Mode.BETWEEN:
        others = [draw(_KINDED | _BARE | _LABELS)]
    else:
        others = [] if target.kind is TargetKind.SELECTOR else draw(st.lists(_KINDED, max_size=3))
    placed = [target]
    for other in others:
        space = "" if other.kind in PLACELESS else draw(st.just("") | _LABEL)
        there = structs.replace(other, namespace="" if space == namespace else space)
        if there not in placed:
            placed.append(there)
    if mode is Mode.BETWEEN and len(placed) < 2:
        mode = Mode.CAPTURE
    recording = mode is Mode.RECORD
    return CaptureSpec(
        target=target,
        namespace=namespace,
        container=draw(st.none() | _LABEL),
        filter=draw(_FILTER),
        duration=draw(_seconds(28_800 if recording else 600)),
        max_packets=0 if recording else draw(st.integers(0, 10_000_000)),
        max_bytes=draw(st.integers(1000, 500_000_000)),
        snaplen=draw(st.integers(64, 262_144)),
        interface=draw(st.from_regex(r"[A-Za-z0-9._@][A-Za-z0-9._@-]{0,14}", fullmatch=True)),
        others=tuple(placed[1:]),
        mode=mode,
        max_pods=draw(st.integers(0, 10)),
        method=draw(st.sampled_from(["", *METHODS])),
        dry_run=draw(st.booleans()),
        wait=draw(st.just(0.0) | _seconds(900)),
        until=None if recording else draw(st.none() | _UNTIL),
        keep=draw(_seconds(1800)) if recording else 0.0,
    )


_JOB = st.from_regex(r"[a-z0-9][a-z0-9-]{2,39}", fullmatch=True)
_COMMAND: st.SearchStrategy[Command] = st.one_of(
    st.builds(Capture, _specs(), st.booleans()),
    st.builds(Grab, _JOB, st.just(0.0) | _seconds(1800)),
    st.builds(Extend, _JOB, _seconds(28_800)),
    st.builds(Status, st.none() | _JOB),
    st.just(ListJobs()),
    st.builds(Stop, _JOB, st.booleans()),
    st.builds(Help, st.none() | st.sampled_from(TOPICS)),
)
_WORD = st.one_of(
    st.sampled_from(sorted([*COMMANDS, *OPTIONS, *PCAP_WORDS, *RESERVED])),
    st.sampled_from(
        ["--", "-", "deploy/web", "Pod/x", "shop/x", "30s", "1e9", "-1s", '"', "'a b'", "(", "in (a,b)", "-w"]
    ),
    st.sampled_from(
        ["&amp;", "<@U1>", "<http://a.io|a.io>", "–for", "\u200b", "😀", "app=web", "10MB", "=", "-n=", "--x=y"]
    ),
    st.sampled_from(
        [
            "and",
            "keep",
            "last",
            "by",
            "job/a",
            "ns/b",
            "between",
            "until packet tcp",
            "until finding any",
            "finding",
            '--until "packet port 80"',
            "event",
            "Unhealthy",
            "--wait",
            "5m",
            "abcd2345",
            "dry-run",
            "a,pod/b",
        ]
    ),
    st.text(max_size=6),
)
_LINES = st.one_of(st.text(), st.lists(_WORD, max_size=12).map(" ".join))


def _holds(text: str, result: Command | Mistake) -> None:
    if not isinstance(result, Mistake):
        assert parse(render(result, LIMITS), LIMITS) == result
        return
    assert result.reason
    assert 0 <= result.position <= result.position + result.length <= max(len(text), len(result.text))
    assert not result.suggestion or not isinstance(parse(result.suggestion, LIMITS), Mistake)


@given(_LINES, st.sampled_from(["", "capture"]))
def test_any_line(text: str, implied: str) -> None:
    for line in (text, unmangle(text), f"capture {text}"):
        result = parse(line, LIMITS, implied=implied)
        _holds(line, result)
        if isinstance(result, Mistake):
            assert result.text == line


@given(st.lists(_WORD, max_size=12))
def test_any_words(words: list[str]) -> None:
    _holds("", parse_words(words, LIMITS))


@given(_COMMAND)
def test_a_rendered_command_means_itself(command: Command) -> None:
    assert parse(render(command), LIMITS) == command
    assert parse(render(command, LIMITS), LIMITS) == command
    assert parse_words(render(command).split(" "), LIMITS) == command or '"' in render(command)


@given(_COMMAND)
def test_a_rendered_command_survives_slack(command: Command) -> None:
    sent = render(command).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert parse(unmangle(f"<@U0BOT> {sent}"), LIMITS) == command or "`" in sent


@given(_LINES)
def test_small_limits_do_no_harm(text: str) -> None:
    limits = Limits(max_text=20, max_duration=5.0, duration=5.0)
    result = parse(text, limits)
    if isinstance(result, Mistake) and result.suggestion:
        assert not isinstance(parse(result.suggestion, limits), Mistake)
