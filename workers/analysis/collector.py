"""The garbage collector of a process that does little else than analyse captures."""

import gc


def calm() -> None:
    """Have it look seldom, and not at what is there already.

    Analysis leaves no circles of objects behind: a conversation lets go of its parsers when it is over. By default the
    collector would look through all live conversations again and again, for a third of the time analysis takes.
    """
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
