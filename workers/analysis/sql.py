# cython: annotation_typing=False
"""The verb of an SQL statement, and nothing else of it."""

from workers.analysis.keywords import Keywords

LOOK = 256
"""Bytes of a statement that are looked at; a verb behind a longer comment is not found."""
_VERBS = Keywords(
    "ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE DESC"
    " DESCRIBE DISCARD DO DROP END EXECUTE EXPLAIN FETCH FLUSH GRANT HANDLER IMPORT INSERT KILL LISTEN LOAD LOCK MERGE"
    " MOVE NOTIFY OPTIMIZE PREPARE REASSIGN REFRESH REINDEX RELEASE RENAME REPAIR REPLACE RESET REVOKE ROLLBACK"
    " SAVEPOINT SECURITY SELECT SET SHOW START TABLE TRUNCATE UNLISTEN UNLOCK UPDATE USE VACUUM VALUES WITH XA".split()
)
OTHER = "other"


def verb(statement: bytes) -> str:
    """The first keyword in capitals when it is one of SQL's, else "other"."""
    return verb_at(statement, 0, len(statement))


def verb_at(buffer: bytes, at: int, end: int) -> str:
    """The same of the statement between these offsets."""
    behind = _behind_word(buffer, at, end)
    if behind == at:
        at = _behind_comments(buffer, at, end)
        behind = _behind_word(buffer, at, end)
    if behind < end and (buffer[behind] == 95 or 48 <= buffer[behind] <= 57):
        return OTHER
    number = _VERBS.find(buffer, at, behind)
    return OTHER if number < 0 else _VERBS.names[number]


def _behind_comments(buffer: bytes, at: int, end: int) -> int:
    """The offset behind blanks, line ends, brackets that open, semicolons and comments; the end when one is open."""
    while at < end:
        first, second = buffer[at], buffer[at + 1] if at + 1 < end else 0
        if first in (32, 40, 59) or 9 <= first <= 13:
            at += 1
        elif first == 35 or (first == 45 and second == 45):
            at = _behind_line(buffer, at, end)
        elif first == 47 and second == 42:
            at = _behind_comment(buffer, at + 2, end)
        else:
            break
    return at


def _behind_line(buffer: bytes, at: int, end: int) -> int:
    while at < end and buffer[at] != 10:
        at += 1
    return min(at + 1, end)


def _behind_comment(buffer: bytes, at: int, end: int) -> int:
    while at + 1 < end and not (buffer[at] == 42 and buffer[at + 1] == 47):
        at += 1
    return min(at + 2, end)


def _behind_word(buffer: bytes, at: int, end: int) -> int:
    """The offset behind the letters that begin here."""
    while at < end and 65 <= buffer[at] & 0xDF <= 90:
        at += 1
    return at
