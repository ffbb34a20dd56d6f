"""What the words of a capture said so far, and which target is in which namespace."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from bot.grammar.line import Line, Token
from bot.grammar.vocabulary import PLACELESS
from bot.grammar.wrong import Wrong
from workers.contract.spec import Mode, TargetRef, Until


@dataclass(frozen=True, slots=True)
class Given:
    """A namespace, where its option and its value stand."""

    name: str
    option: Token
    value: Token


@dataclass(frozen=True, slots=True)
class Named:
    """A target, and where it stands."""

    reference: TargetRef
    token: Token


@dataclass
class Collected:
    """`bare` holds words that are no option, `selectors` label selectors; `at` where each option was given."""

    mode: Mode
    bare: list[Token] = field(default_factory=list)
    selectors: list[Token] = field(default_factory=list)
    namespaces: list[Given] = field(default_factory=list)
    at: dict[str, Token] = field(default_factory=dict)
    container: str | None = None
    duration: float | None = None
    packets: int | None = None
    size: int | None = None
    snaplen: int | None = None
    interface: str | None = None
    max_pods: int | None = None
    method: str | None = None
    dry_run: bool = False
    anyway: bool = False
    wait: float | None = None
    until: Until | None = None
    keep: float | None = None


def placed(line: Line, targets: Sequence[Named], given: Sequence[Given], usual: str) -> tuple[str, list[TargetRef]]:
    """Return the spec's namespace, which is the first target's, and the targets; others name theirs if it differs.

    One namespace is for all of them; of several, each is for the targets that stand before it. Raises Wrong.
    """
    if len(given) < 2:
        return (given[0].name if given else usual), [one.reference for one in targets]
    spaces: dict[int, str] = {}
    before = -1
    for one in given:
        covered = [i for i, named in enumerate(targets) if before < named.token.start < one.option.start]
        if not covered:
            reason = "The namespace is given twice. Of several, each follows its own target."
            raise Wrong(one.option.start, one.value.end, reason, instead="")
        spaces.update(dict.fromkeys(covered, one.name))
        before = one.option.start
    references = []
    for index, named in enumerate(targets):
        reference = named.reference
        if reference.kind not in PLACELESS:
            references.append(replace(reference, namespace=_own(line, named, spaces.get(index), given[0].name)))
        else:
            references.append(reference)
    return given[0].name, references


def _own(line: Line, named: Named, space: str | None, first: str) -> str:
    """Return the namespace that a target must name: "" for the spec's."""
    if space is None:
        reason = f"In which namespace is {line.source(named.token)}? Say it for each target, or once for all."
        raise Wrong(named.token.end, named.token.end, reason, instead=f" -n {first}")
    return "" if space == first else space
