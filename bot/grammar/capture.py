"""`capture`, `between` and `record`: targets, options, friendly words and filter, in any order that reads well."""

from collections.abc import Sequence

from bot.grammar import values
from bot.grammar.collected import Collected, Named, placed
from bot.grammar.commands import Capture, Help
from bot.grammar.ends import ends
from bot.grammar.filters import free_filter, tail_filter
from bot.grammar.line import Line, Token
from bot.grammar.options import conditional, is_option, keep, option
from bot.grammar.targets import is_target, late_target, misplaced_filter, target
from bot.grammar.vocabulary import FILTER_STARTS, KIND_FORMS, PLANNING
from bot.grammar.wrong import Wrong
from workers.contract.limits import Limits
from workers.contract.spec import CaptureSpec, Mode, TargetKind, TargetRef

_HINTS = {**dict.fromkeys(PLANNING, "--dry-run"), "wait": "--wait", "anyway": "--anyway"}
"""Words that people say for options; after the target they can hardly be anything else."""
_NOT_RECORDED = {
    "packets": "A recording has no number of packets: it keeps what came last.",
    "until": "A recording ends by stop or its time; until is for capture.",
}


def capture(line: Line, tokens: tuple[Token, ...], limits: Limits, mode: Mode = Mode.CAPTURE) -> Capture | Help:
    """Read the words after the command's. Raises Wrong."""
    if len(tokens) == 1 and tokens[0].text.lower() == "help" and line.tail is None:
        return Help(str(mode))
    found = Collected(mode)
    index = 0
    while index < len(tokens):
        if tokens[index].text in ("-h", "--help"):
            return Help(str(found.mode))
        index = _step(line, tokens, index, found, limits)
    _refuse_foreign_options(found)
    named, words = ends(line, found) if found.mode is Mode.BETWEEN else _targets(line, found)
    namespace, references = placed(line, named, found.namespaces, limits.namespace)
    _refuse_repeated(named, references)
    return Capture(_spec(namespace, references, _filter(line, words), found, limits), found.anyway)


def _step(line: Line, tokens: tuple[Token, ...], index: int, found: Collected, limits: Limits) -> int:
    """Take one word, or an option with its value; return where to go on."""
    token = tokens[index]
    if is_option(token.text):
        return option(line, tokens, index, found, limits)
    word = token.text.lower()
    if word in ("for", "keep") and (word == "for" or _keeps(tokens, index, found)):
        return _lasting(line, tokens, index, found, limits)
    if word == "in":
        return _in(line, tokens, index, found, limits)
    if word == "until":
        return conditional(line, tokens, index, found, limits)
    if word == "between" and not found.bare:
        return _between(token, index, found)
    if word in _HINTS and found.bare and found.bare[-1].text.lower() != "and":
        raise Wrong(token.start, token.end, f"{word} is an option here: {_HINTS[word]}.", instead=_HINTS[word])
    found.bare.append(token)
    return index + 1


def _between(token: Token, index: int, found: Collected) -> int:
    if found.mode is Mode.RECORD:
        raise Wrong(token.start, token.end, "A recording takes targets one after another; between is for capture.")
    if found.mode is Mode.BETWEEN:
        raise Wrong(token.start, token.end, "Say between once. For a pod of that name write pod/between.", instead="")
    found.mode = Mode.BETWEEN
    return index + 1


def _keeps(tokens: tuple[Token, ...], index: int, found: Collected) -> bool:
    """Whether `keep` is followed by how long a recording keeps, rather than being a name."""
    if found.mode is not Mode.RECORD or not (found.bare or found.selectors):
        return False
    return index + 1 < len(tokens) and tokens[index + 1].text[:1].isdigit()


def _lasting(line: Line, tokens: tuple[Token, ...], index: int, found: Collected, limits: Limits) -> int:
    """Read `for 30s`, `for 30 seconds`; of a recording `keep 5m`, too."""
    token = tokens[index]
    if index + 1 == len(tokens):
        usual = values.seconds_text(limits.record if found.mode is Mode.RECORD else limits.duration)
        raise Wrong(token.start, token.end, f"For how long? Say for {usual}.", instead=f"for {usual}")
    value, after = values.with_unit(tokens, index + 1)
    keep(line, found, "keep" if token.text.lower() == "keep" else "duration", token, value, limits)
    return after


def _in(line: Line, tokens: tuple[Token, ...], index: int, found: Collected, limits: Limits) -> int:
    """Read `in shop`, `in namespace shop`."""
    token = tokens[index]
    first = index + 1
    if first + 1 < len(tokens) and tokens[first].text.lower() in ("namespace", "ns"):
        first += 1
    if first >= len(tokens):
        raise Wrong(token.start, token.end, "In which namespace? Say in shop, or -n shop.", instead="")
    keep(line, found, "namespace", token, tokens[first], limits)
    return first + 1


def _refuse_foreign_options(found: Collected) -> None:
    """Raise Wrong for an option that means nothing to this command."""
    for what, reason in _NOT_RECORDED.items():
        if found.mode is Mode.RECORD and what in found.at:
            raise Wrong(found.at[what].start, found.at[what].end, reason)
    if found.mode is not Mode.RECORD and "keep" in found.at:
        place = found.at["keep"]
        raise Wrong(place.start, place.end, "Only a recording keeps: record TARGET --keep 5m.")


def _targets(line: Line, found: Collected) -> tuple[list[Named], list[Token]]:
    """Return the targets and the bare words that are the filter."""
    bare = found.bare
    if found.selectors:
        named = next((token for token in bare if is_target(token.text)), None)
        if named is not None:
            raise Wrong(named.start, named.end, "Name a target or give labels with -l, not both.", instead="")
        label = found.selectors[0]
        return [Named(TargetRef(TargetKind.SELECTOR, label.text), label)], bare
    if not bare:
        reason = f"Say what to {found.mode}: a pod's name, {KIND_FORMS}, or -l key=value."
        end = line.dashes if line.dashes >= 0 else len(line.text)
        raise Wrong(end, end, reason)
    if bare[0].text.lower() in FILTER_STARTS:
        raise misplaced_filter(line, bare)
    targets = [Named(target(line, bare), bare[0])]
    while len(targets) < len(bare) and is_target(bare[len(targets)].text):
        further = bare[len(targets) :]
        targets.append(Named(target(line, further), further[0]))
    words = bare[len(targets) :]
    late = next((index for index, word in enumerate(words) if is_target(word.text)), None)
    if late is not None:
        raise late_target(line, words, late)
    return targets, words


def _refuse_repeated(named: Sequence[Named], references: Sequence[TargetRef]) -> None:
    for index, reference in enumerate(references):
        if reference in references[:index]:
            place = named[index].token
            raise Wrong(place.start, place.end, f"{reference} is named twice.", instead="")


def _filter(line: Line, words: list[Token]) -> str:
    free = free_filter(line, words)
    if line.tail is None:
        return free
    verbatim = tail_filter(line, line.tail)
    if not free:
        return verbatim
    head = line.text[: words[0].start] + line.text[words[-1].end : line.dashes].lstrip()
    reason = "The filter is given twice, before and after --."
    whole = f"{head.rstrip()} -- ({free}) and ({verbatim})"
    raise Wrong(words[0].start, words[-1].end, reason, whole=whole)


def _spec(
    namespace: str, references: Sequence[TargetRef], expression: str, found: Collected, limits: Limits
) -> CaptureSpec:
    recording = found.mode is Mode.RECORD
    usual = limits.record if recording else limits.duration
    return CaptureSpec(
        target=references[0],
        namespace=namespace,
        container=found.container,
        filter=expression,
        duration=usual if found.duration is None else found.duration,
        max_packets=found.packets or 0,
        max_bytes=found.size or limits.max_bytes,
        snaplen=found.snaplen or limits.snaplen,
        interface=found.interface or limits.interface,
        others=tuple(references[1:]),
        mode=found.mode,
        max_pods=found.max_pods or 0,
        method=found.method or "",
        dry_run=found.dry_run,
        wait=found.wait or 0.0,
        until=found.until,
        keep=(found.keep or limits.keep) if recording else 0.0,
    )
