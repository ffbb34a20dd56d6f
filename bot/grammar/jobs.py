"""The commands about a job that runs: `grab JOB [--last 2m]`, `extend JOB [by] 30s` and `stop JOB [--discard]`."""

from bot.grammar import values
from bot.grammar.commands import Extend, Grab, Stop
from bot.grammar.line import Line, Token
from bot.grammar.wrong import Unfit, Wrong
from workers.contract.limits import Limits

_LAST = frozenset({"last", "--last"})
_DISCARD = "--discard"
_BY = frozenset({"by", "for", "--by", "--for"})


def job(token: Token) -> str:
    """Return the id of a job. Raises Wrong."""
    try:
        return values.job_id(token.text)
    except Unfit as unfit:
        raise Wrong(token.start, token.end, unfit.reason, whole="list") from None


def grab(line: Line, words: tuple[Token, ...], limits: Limits) -> Grab:
    """Read the words after `grab`. Raises Wrong."""
    if not words:
        end = len(line.text)
        reason = "Say which recording to grab from: grab and its id. `list` shows them."
        raise Wrong(end, end, reason, whole="list")
    recording, rest = job(words[0]), _split(words[1:])
    if not rest:
        return Grab(recording)
    if rest[0].text.lower() not in _LAST:
        if values.seconds_of(rest[0].text) is not None:
            raise Wrong(rest[0].start, rest[0].start, "Say --last before how much.", instead="--last ")
        raise Wrong(rest[0].start, len(line.text), "grab takes an id and --last with a time.", instead="")
    return Grab(recording, _time(line, rest, "last", limits))


def extend(line: Line, words: tuple[Token, ...], limits: Limits) -> Extend:
    """Read the words after `extend`. Raises Wrong."""
    if not words:
        end = len(line.text)
        raise Wrong(end, end, "Say which capture to extend, and by how much: extend JOB by 30s.", whole="list")
    job_id, rest = job(words[0]), _split(words[1:])
    if not rest or rest[0].text.lower() not in _BY:
        rest = (Token("by", words[0].end, words[0].end), *rest)
    return Extend(job_id, _time(line, rest, "by", limits))


def stop(line: Line, words: tuple[Token, ...]) -> Stop:
    """Read the words after `stop`. Raises Wrong."""
    discard = [word for word in words if word.text.lower() == _DISCARD]
    rest = [word for word in words if word not in discard]
    if not rest:
        end = len(line.text)
        raise Wrong(end, end, "Say which capture to stop: stop and its id. `list` shows them.", whole="list")
    if len(rest) > 1:
        start = line.dashes if rest[1] is line.tail else rest[1].start
        meant = rest[1].text.lower() == _DISCARD.lstrip("-")
        reason = "Say --discard to keep nothing of it." if meant else "stop takes an id, and --discard to keep nothing."
        raise Wrong(start, len(line.text), reason, instead=_DISCARD if meant else "")
    return Stop(job(rest[0]), discard=bool(discard))


def _split(words: tuple[Token, ...]) -> tuple[Token, ...]:
    """Take `--last=2m` apart."""
    if not words or "=" not in words[0].text or not words[0].text.startswith("--"):
        return words
    name, _, value = words[0].text.partition("=")
    middle = words[0].start + len(name)
    return (Token(name, words[0].start, middle), Token(value, middle + 1, words[0].end), *words[1:])


def _time(line: Line, words: tuple[Token, ...], what: str, limits: Limits) -> float:
    """Read a time after a word that announces it, and nothing more."""
    usual = values.seconds_text(limits.keep if what == "last" else limits.duration)
    if len(words) < 2:
        raise Wrong(words[0].end, words[0].end, f"How much? Say {what} {usual}.", instead=f" {usual}")
    value, after = values.with_unit(words, 1)
    if after < len(words):
        raise Wrong(words[after].start, len(line.text), "Nothing more is said after the time.", instead="")
    try:
        return values.last(value.text, limits) if what == "last" else values.extension(value.text, limits)
    except Unfit as unfit:
        raise Wrong(value.start, value.end, unfit.reason, instead=unfit.better) from None
