# cython: annotation_typing=False
"""How much may wait at once for what follows it: of all conversations together, so that memory does not grow with them.

What a capture begins and does not go on with (heads without an end, segments behind holes, halves of handshakes) is
bounded for each conversation where it is held, and for all by the room of those who share one.
"""

HELD = 2 * 1024 * 1024
"""Bytes. Far more than traffic between programs has under way at any moment; see decision 0022."""


class Room:
    """What is left of it, and how often there was too little."""

    __slots__ = ("left", "refused")

    def __init__(self, size: int = HELD) -> None:
        self.left = size
        self.refused = 0

    def hold(self, before: int, now: int) -> bool:
        """So many bytes are held instead of so many before; False: there is no room, and nothing is held any more."""
        self.left += before
        if now > self.left:
            self.refused += 1
            return False
        self.left -= now
        return True
