"""Who may capture what. Pure: (request, person, targets, rules) -> a decision; someone else acts on it.

The bot previews with it before anything is queued; the worker decides with it once the targets are known.
Every reason is a sentence for the person and names what is allowed.
"""

from workers.policy.decision import Allowed, Decision, Denied, NeedsApproval
from workers.policy.rules import Rules, Stoppers
from workers.policy.rulings import decide, may_stop, preview

__all__ = ["Allowed", "Decision", "Denied", "NeedsApproval", "Rules", "Stoppers", "decide", "may_stop", "preview"]
