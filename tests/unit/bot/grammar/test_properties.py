"""What holds for every text: nothing raises, corrections parse, a rendered command means itself."""

from hypothesis import given
from hypothesis import strategies as st

from bot.grammar import Capture, Command, Help, ListJobs, Mistake, Status, Stop, parse, parse_words, render
from bot.grammar.filters import option_like
from bot.grammar.vocabulary import COMMANDS, OPTIONS, PCAP_WORDS, RESERVED, TOPICS
from bot.unmangle import unmangle
from workers.contract.spec import CaptureSpec, Limits, TargetKind, TargetRef

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
_TARGET = st.one_of(
    st.builds(TargetRef, st.sampled_from([k for k in TargetKind if k not in ("any", "selector")]), _NAME),
    st.builds(TargetRef, st.just(TargetKind.ANY), _NAME.filter(lambda name: name not in RESERVED)),
    st.builds(TargetRef, st.just(TargetKind.SELECTOR), st.lists(_REQUIREMENT, min_size=1, max_size=3).map(",".join)),
)
_FILTER = (
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: not text.startswith("-") and not any(map(option_like, text.split())))
    .filter(lambda text: not (len(text) > 1 and text[0] in "\"'" and text[0] == text[-1]))
)
_SPEC = st.builds(
    CaptureSpec,
    target=_TARGET,
    namespace=_LABEL,
    container=st.none() | _LABEL,
    filter=_FILTER,
    duration=st.integers(1000, 600_000).map(lambda milliseconds: milliseconds / 1000),
    max_packets=st.integers(0, 10_000_000),
    max_bytes=st.integers(1000, 500_000_000),
    snaplen=st.integers(64, 262_144),
    interface=st.from_regex(r"[A-Za-z0-9._@][A-Za-z0-9._@-]{0,14}", fullmatch=True),
)
_JOB = st.from_regex(r"[a-z0-9][a-z0-9-]{2,39}", fullmatch=True)
_COMMAND: st.SearchStrategy[Command] = st.one_of(
    st.builds(Capture, _SPEC),
    st.builds(Status, st.none() | _JOB),
    st.just(ListJobs()),
    st.builds(Stop, _JOB),
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
