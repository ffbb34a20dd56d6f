"""What a capture is of: one word such as deploy/checkout."""

from difflib import get_close_matches

from bot.grammar import values
from bot.grammar.line import Line, Token
from bot.grammar.values import shown
from bot.grammar.vocabulary import KIND_FORMS, KINDS, OTHER_KINDS, RESERVED
from bot.grammar.wrong import Unfit, Wrong
from workers.contract.spec import TargetKind, TargetRef


def is_target(word: str) -> bool:
    """Whether a word names a kind and a name."""
    kind, slash, name = word.partition("/")
    return bool(slash and name) and kind.lower() in KINDS


def target(line: Line, bare: list[Token]) -> TargetRef:
    """Read the first bare word. Raises Wrong."""
    token = bare[0]
    kind, slash, name = token.text.partition("/")
    if not slash:
        _refuse_split_target(line, bare)
        return TargetRef(TargetKind.ANY, _name(token, token.text, "", TargetKind.ANY))
    if kind.lower() not in KINDS:
        raise _unknown_kind(token, kind, name)
    known = KINDS[kind.lower()]
    return TargetRef(known, _name(token, name, f"{kind.lower()}/", known))


def _name(token: Token, name: str, prefix: str, kind: TargetKind) -> str:
    try:
        if kind is TargetKind.NAMESPACE:
            return values.label(name, "namespace")
        return values.host(name) if kind is TargetKind.INGRESS else values.object_name(name)
    except Unfit as unfit:
        first, comma, rest = name.partition(",")
        if comma and is_target(rest):
            raise Wrong(
                token.start, token.end, "A space goes between two targets, no comma.", instead=f"{prefix}{first} {rest}"
            ) from None
        better = None if unfit.better is None else prefix + unfit.better
        reason = unfit.reason if name else f"The name is missing. Write {KIND_FORMS}."
        raise Wrong(token.start, token.end, reason, instead=better) from None


def _refuse_split_target(line: Line, bare: list[Token]) -> None:
    """Raise Wrong for `deploy checkout`, which is kubectl's way to say deploy/checkout."""
    kind = bare[0].text.lower()
    if kind not in KINDS or len(bare) < 2 or bare[1].text.lower() in RESERVED or "/" in bare[1].text:
        return
    reason = f"Join kind and name with /: {kind}/{shown(bare[1].text)}."
    between = line.text[bare[0].end : bare[1].start]
    if between.strip():
        raise Wrong(bare[0].start, bare[0].end, reason)
    raise Wrong(bare[0].start, bare[1].end, reason, instead=f"{kind}/{bare[1].text}")


def _unknown_kind(token: Token, kind: str, name: str) -> Wrong:
    if kind.lower() in OTHER_KINDS:
        return Wrong(token.start, token.end, f"{shown(kind)} can't be captured. Write {KIND_FORMS}, or -l key=value.")
    inner, slash, rest = name.partition("/")
    if slash and inner.lower() in KINDS:
        better = f"{inner}/{rest} -n {kind}"
        return Wrong(token.start, token.end, "Give the namespace with -n, not before a /.", instead=better)
    close = get_close_matches(kind.lower()[:40], KINDS, 1, 0.7)
    if close:
        reason = f"{shown(kind)} is not a kind of target. Did you mean {close[0]}?"
        return Wrong(token.start, token.start + len(kind), reason, instead=f"{close[0]}")
    reason = f"{shown(kind)} is not a kind of target: write {KIND_FORMS}. A namespace goes after -n."
    return Wrong(token.start, token.end, reason, instead=f"{name} -n {kind}")


def misplaced_filter(line: Line, bare: list[Token]) -> Wrong:
    """Return the mistake of a line that names no target before its filter; a target further on is moved up."""
    token = bare[0]
    reason = f"{token.text} begins a filter; the target comes before it. For a pod of that name write pod/{token.text}."
    named = next((word for word in bare if is_target(word.text)), None)
    if named is None:
        return Wrong(token.start, token.end, reason)
    before, between = line.text[: token.start], line.text[token.start : named.start].rstrip()
    for joint in (" on", " of", " at", " from", " to"):
        between = between.removesuffix(joint)
    after = line.text[named.end :]
    return Wrong(token.start, token.end, reason, whole=f"{before}{line.source(named)} {between}{after}")


def late_target(line: Line, words: list[Token], index: int) -> Wrong:
    """Return the mistake of a target that stands in or after the filter; it is moved up."""
    token, first = words[index], words[0]
    if index == 1 and first.text.lower() in ("and", "&", "&&", "or"):
        reason = "Targets follow one another without and. For what two say to each other: between A and B."
        return Wrong(first.start, first.end, reason, instead="")
    before, between = line.text[: first.start], line.text[first.start : token.start].rstrip()
    for joint in (" and", " or", " on", " of", " at", " from", " to"):
        between = between.removesuffix(joint)
    whole = f"{before}{line.source(token)} {between}{line.text[token.end :]}"
    return Wrong(token.start, token.end, "Targets come before the filter.", whole=whole)
