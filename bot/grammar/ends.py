"""The two ends of `between A and B`."""

from bot.grammar.collected import Collected, Named
from bot.grammar.line import Line, Token
from bot.grammar.targets import is_target, target
from bot.grammar.vocabulary import FILTER_STARTS
from bot.grammar.wrong import Wrong
from workers.contract.spec import TargetKind, TargetRef

_FORM = "between A and B, such as between deploy/checkout and svc/payments"


def ends(line: Line, found: Collected) -> tuple[list[Named], list[Token]]:
    """Return both ends and the bare words that are the filter. Raises Wrong."""
    words = sorted([*found.bare, *found.selectors], key=lambda token: token.start)
    labels = {token.start for token in found.selectors}
    joint = next((i for i, word in enumerate(words) if word.text.lower() == "and" and word.start not in labels), -1)
    if joint != 1:
        raise _not_joined(line, words, labels)
    if len(words) < 3 or (words[2].text.lower() in FILTER_STARTS and words[2].start not in labels):
        place = words[2].start if len(words) > 2 else words[1].end
        raise Wrong(place, place, f"The second end is missing. Say {_FORM}.")
    named = [_end(line, words[:1], labels), _end(line, words[2:], labels)]
    rest = words[3:]
    third = next((word for word in rest if is_target(word.text) or word.start in labels), None)
    if third is not None:
        raise Wrong(third.start, third.end, "between takes two targets; this is a third one.")
    return named, rest


def _end(line: Line, words: list[Token], labels: set[int]) -> Named:
    if words[0].start in labels:
        return Named(TargetRef(TargetKind.SELECTOR, words[0].text), words[0])
    return Named(target(line, words[:2]), words[0])


def _not_joined(line: Line, words: list[Token], labels: set[int]) -> Wrong:
    """Return the mistake of a line in which `and` does not stand between two targets."""
    end = line.dashes if line.dashes >= 0 else len(line.text)
    if not words:
        return Wrong(end, end, f"Say between which two. Write {_FORM}.")
    first = words[0]
    if first.text.lower() in FILTER_STARTS | {"and"} and first.start not in labels:
        return Wrong(first.start, first.end, f"The two ends come first. Say {_FORM}.")
    if len(words) == 1:
        return Wrong(end, end, f"Between that and what? Say {_FORM}.")
    second = words[1]
    joining = second.text.lower() in ("to", "with", "&", "&&", "or", "->")
    place = second.end if joining else second.start
    if second.start in labels:
        return Wrong(first.end, first.end, f"Join the two with and. Say {_FORM}.", instead=" and")
    return Wrong(second.start, place, f"Join the two with and. Say {_FORM}.", instead="and" if joining else "and ")
