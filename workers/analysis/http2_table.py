"""The dynamic table of one direction's header blocks (RFC 7541), of which the beginning may not be in the capture."""

import logging

import hpack
from hpack.table import HeaderTable

_ENTRY = 32
"""What an empty entry counts (RFC 7541 section 4.1)."""
_OBJECTS = 128
"""What an entry takes beside what it counts."""
_DECODER = 1024
logging.getLogger("hpack").setLevel(logging.WARNING)  # it would log header fields, secrets included


class Table(HeaderTable):
    """Entries that are not `known` stand behind those that are, without a name."""

    def __init__(self, *, known: bool) -> None:
        super().__init__()
        self._known = known

    def get_by_index(self, index: int) -> tuple[bytes, bytes]:
        """The entry at this place; one from before the capture has no name and no value."""
        behind = index - self.STATIC_TABLE_LENGTH - len(self.dynamic_entries)
        if not self._known and 0 < behind <= (self.maxsize - self._current_size) // _ENTRY:
            return b"", b""
        return super().get_by_index(index)

    @property
    def cost(self) -> int:
        """Bytes of memory, about."""
        return _DECODER + self._current_size + _OBJECTS * len(self.dynamic_entries)


class Decoder(hpack.Decoder):
    """Reads header blocks with such a table."""

    def __init__(self, table: Table, longest: int) -> None:
        super().__init__(max_header_list_size=longest)
        self.table = self.header_table = table


def decoder(size: int, longest: int, *, known: bool) -> Decoder:
    """A decoder that allows tables of this size and blocks that say so much."""
    table = Table(known=known)
    if not known:
        table.maxsize = size
    made = Decoder(table, longest)
    made.max_allowed_table_size = size
    return made
