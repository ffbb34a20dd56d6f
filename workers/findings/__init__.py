"""Opinions about facts: what a capture means for the people who run the service.

In: `find(Case(targets, names, spec))` with the targets' Facts, what addresses are called, and what was asked for.
Out: findings, worst first but a cause before what follows from it (`causes`), each a sentence that stands alone with
its frames, figures, links to facts, a next step and a Wireshark display filter. The same trouble seen from several
pods is one finding with counts by pod.
One rule a file in `rules/`; copying one and naming it in `rules.RULES` is how the next is added, together with a
golden capture that fires it and one that must not (tests/unit/findings/golden).
No I/O, no clock, nothing here raises on any facts. Rules are conservative: a false alarm costs more trust than
a missed hint, so whatever a healthy service does now and then stays a note or silent.
"""

from workers.findings.case import Case
from workers.findings.find import find

__all__ = ["Case", "find"]
