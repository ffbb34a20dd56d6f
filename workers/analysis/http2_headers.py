"""Header blocks of HTTP/2 (HPACK, RFC 7541) of one direction: the few fields that are facts.

`hpack` reads them, loaded with the first block. A block refers to fields of earlier blocks; where those are not in
the capture, the table has entries that stand for "not visible": what refers to them is not visible either, and what
was added since is read right, since indexes count from the newest. So nothing is ever guessed.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from workers.analysis.http_message import MAX_HOST, MAX_PATH, text

if TYPE_CHECKING:
    from workers.analysis.http2_table import Decoder, Table

MAX_TABLE = 16_384
"""Bytes of a dynamic table that are followed (4,096 unless both sides agree on more)."""
MAX_LIST = 65_536
MAX_SAME, MAX_SAME_SIZE = 64, 256
"""Blocks remembered as said before, and their bytes."""
_SAME = 400
"""What one of them takes beside its bytes and what they say."""
_WANTED = frozenset({b":method", b":path", b":authority", b":status", b"host", b"content-type", b"grpc-status"})
_GRPC = b"application/grpc"
GRPC_STATUSES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED"
    " RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS"
    " UNAUTHENTICATED"
).split(" ")  # fmt: skip


class Fields(Struct, frozen=True):
    """What a block says; `hidden` when some field's name or the whole block was not visible."""

    method: str = ""
    path: str = ""
    host: str = ""
    status: int = 0
    grpc: bool = False
    """Its content type is gRPC's."""
    grpc_status: str = ""
    hidden: bool = False


class HeaderReader:
    """read(block) -> Fields, block after block. A block that was missed must be told by `lose`."""

    __slots__ = ("_decoder", "_known", "_same", "cost")

    def __init__(self) -> None:
        self._known = False
        """Every block since the connection's beginning was read."""
        self._decoder: Decoder | None = None
        self._same: dict[bytes, Fields] = {}
        """Blocks that change nothing in the table say the same again until it changes."""
        self.cost = 0
        """Bytes of memory, about."""

    def begin(self) -> None:
        """The connection begins here: no block came before."""
        self.lose()
        self._known = True

    def lose(self) -> None:
        """Blocks were missed: what they said is not visible any more."""
        self._known, self._decoder, self.cost = False, None, 0
        self._same.clear()

    def forget(self) -> None:
        """Blocks said before are read again, and take no memory any more."""
        self._same.clear()
        self.cost = 0 if self._decoder is None else self._decoder.table.cost

    def known(self, block: bytes) -> Fields | None:
        """The fields of a block that was read before with the same table."""
        return self._same.get(block)

    def read(self, block: bytes) -> Fields:
        """The fields of one block."""
        if self._decoder is None:
            self._decoder = _decoder(known=self._known)
        table = self._decoder.table
        before = _state(table)
        try:
            found = self._decoder.decode(block, raw=True)
        except Exception:  # a boundary: the bytes are hostile and the library's error types are many
            self.lose()
            return Fields(hidden=True)
        wanted: dict[bytes, bytes] = {}
        hidden = False
        for name, value in found:
            if not name:
                hidden = True
            elif name in _WANTED:
                wanted.setdefault(bytes(name), bytes(value))
        fields = _fields(wanted, hidden=hidden)
        after = _state(table)
        if after[0] is not before[0] or after[1:] != before[1:]:
            self._same.clear()
            self.cost = table.cost
        elif len(self._same) < MAX_SAME and len(block) <= MAX_SAME_SIZE:
            self._same[block] = fields
            self.cost += _SAME + len(block) + len(fields.path) + len(fields.host)
        return fields


def _state(table: "Table") -> tuple[object, int, int]:
    """Newest entry, number of entries and size: no change of a table leaves all three as they were."""
    entries = table.dynamic_entries
    return entries[0] if entries else None, len(entries), table.maxsize


def _decoder(*, known: bool) -> "Decoder":
    from workers.analysis.http2_table import decoder  # with the library, which most captures have no need of

    return decoder(MAX_TABLE, MAX_LIST, known=known)


def _fields(wanted: dict[bytes, bytes], *, hidden: bool) -> Fields:
    status, path = wanted.get(b":status", b""), wanted.get(b":path", b"")
    return Fields(
        method=text(wanted.get(b":method", b""), 32),
        path=text(path.split(b"?", 1)[0].split(b"#", 1)[0], MAX_PATH),
        host=text(wanted.get(b":authority", b"") or wanted.get(b"host", b""), MAX_HOST),
        status=int(status) if len(status) == 3 and status.isdigit() else 0,
        grpc=wanted.get(b"content-type", b"").lower().startswith(_GRPC),
        grpc_status=_grpc_status(wanted.get(b"grpc-status", b"")),
        hidden=hidden,
    )


def _grpc_status(raw: bytes) -> str:
    """The name of a gRPC status (grpc.io, "Status codes and their use in gRPC"); "" when there is none."""
    if not raw:
        return ""
    code = int(raw) if raw.isdigit() and len(raw) < 4 else -1
    return GRPC_STATUSES[code] if 0 <= code < len(GRPC_STATUSES) else f"status {text(raw, 8)}"
