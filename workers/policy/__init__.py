"""Who may capture what. Pure: (request, person, targets, rules) -> a decision; someone else acts on it.

The bot previews with it before anything is queued; the worker decides with it once the targets are known.
Every reason is a sentence for the person and names what is allowed.
"""

from workers.policy.ceilings import longest
from workers.policy.decision import Allowed, Decision, Denied, NeedsApproval
from workers.policy.places import full_words, places
from workers.policy.rules import Concurrency, Rules, Stoppers
from workers.policy.rulings import decide, may_extend, may_grab, may_stop, preview

__all__ = [
    "Allowed",
    "Concurrency",
    "Decision",
    "Denied",
    "NeedsApproval",
    "Rules",
    "Stoppers",
    "decide",
    "full_words",
    "longest",
    "may_extend",
    "may_grab",
    "may_stop",
    "places",
    "preview",
]
