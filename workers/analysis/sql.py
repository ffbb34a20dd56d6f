# cython: annotation_typing=False
"""The verb of an SQL statement, and nothing else of it."""

from workers.analysis.keywords import Keywords
from workers.packets.pattern import Pattern

LOOK = 256
"""Bytes of a statement that are looked at; a verb behind a longer comment is not found."""
_VERBS = Keywords(
    "ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE DESC"
    " DESCRIBE DISCARD DO DROP END EXECUTE EXPLAIN FETCH FLUSH GRANT HANDLER IMPORT INSERT KILL LISTEN LOAD LOCK MERGE"
    " MOVE NOTIFY OPTIMIZE PREPARE REASSIGN REFRESH REINDEX RELEASE RENAME REPAIR REPLACE RESET REVOKE ROLLBACK"
    " SAVEPOINT SECURITY SELECT SET SHOW START TABLE TRUNCATE UNLISTEN UNLOCK UPDATE USE VACUUM VALUES WITH XA".split()
)
_START = Pattern(rb"(?:[\s(;]|/\*(?:[^*]|\*(?!/))*\*/|--[^\n]*\n|#[^\n]*\n)*([A-Za-z]{2,12})(?![A-Za-z_0-9])")


def verb(statement: bytes) -> str:
    """The first keyword in capitals when it is one of SQL's, else "other"."""
    return verb_at(statement, 0, len(statement))


def verb_at(buffer: bytes, at: int, end: int) -> str:
    """The same of the statement between these offsets."""
    at = _behind_space(buffer, at, end)
    behind = _behind_word(buffer, at, end)
    if behind == at:
        comment = at < end and buffer[at] in (35, 45, 47)
        found = _START.match(buffer, at, end) if comment else None
        return "other" if found is None else verb_at(buffer, found.start(1), end)
    if behind < end and (buffer[behind] == 95 or 48 <= buffer[behind] <= 57):
        return "other"
    word = _VERBS.find(buffer, at, behind)
    return "other" if word is None else word.name


def _behind_space(buffer: bytes, at: int, end: int) -> int:
    """The offset behind blanks, line ends, brackets that open and semicolons."""
    while at < end and (buffer[at] in (32, 40, 59) or 9 <= buffer[at] <= 13):
        at += 1
    return at


def _behind_word(buffer: bytes, at: int, end: int) -> int:
    """The offset behind the letters that begin here."""
    while at < end and 65 <= buffer[at] & 0xDF <= 90:
        at += 1
    return at
