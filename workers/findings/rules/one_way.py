"""Captures that show one direction only, by filter, routing or the place of the capture."""

from workers.contract.report import Confidence, Finding, Severity
from workers.findings.case import Case, one_sided, pointers
from workers.findings.trouble import fold, troubles
from workers.findings.words import figures, listing

RULE = "one-way"

LEAST = 3
SHARE = 0.2
"""Conversations of one server with one side unseen, before routing is suspected rather than chance."""


def check(case: Case) -> list[Finding]:
    """One note for targets that show one direction at all, or one for each server whose answers go another way."""
    if not case.one_way:
        return _some(case)
    where = sorted(case.one_way)
    return [
        Finding(
            RULE,
            Severity.NOTE,
            Confidence.HIGH,
            f"The capture on {listing((case.pod(i) for i in where), 3)} shows one direction only, so missing answers "
            "can't be judged.",
            len(where),
            (),
            "Write the filter without src and dst (`port 443` takes both directions). Without a filter: packets and "
            "answers take different ways, so capture on the other one too, or on interface any.",
            figures=figures(targets=len(where)),
            facts=pointers((i, "conversations") for i in where),
        )
    ]


def _some(case: Case) -> list[Finding]:
    """Some conversations go on with the other side unseen, others show both."""
    return fold(
        Finding(
            RULE,
            Severity.NOTE,
            case.confidence({t.target for t in trouble.bad}),
            f"{trouble.who}: {trouble.of('connection')} show one direction only though they go on; the other "
            "direction takes another way past this capture.",
            len(trouble.bad),
            trouble.refs(lambda t: [t.flow.first_frame]),
            "Capture on interface any, or on the node: routing is asymmetric. Loss and silence can't be judged here.",
            trouble.filter("tcp"),
            figures=trouble.figures(),
            servers=trouble.servers,
            facts=trouble.links("client_packets", "server_packets"),
        )
        for trouble in troubles(case, case.talks, lambda talk: one_sided(talk.flow))
        if len(trouble.bad) >= LEAST and trouble.share >= SHARE
    )
