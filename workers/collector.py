"""The garbage collector of a process that does little else than analyse captures."""

import atexit
import gc


def calm() -> None:
    """Have it look seldom, not at what is there already, and not at all as the process ends.

    Analysis leaves no circles of objects behind: a conversation lets go of its parsers when it is over. By default the
    collector would look through all live conversations again and again, for a third of the time analysis takes. What
    is left when the process ends goes with its memory: there is nothing in it that would have to be closed.
    """
    atexit.register(gc.freeze)
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
