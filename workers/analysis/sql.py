# cython: annotation_typing=False
"""The verb of an SQL statement, and nothing else of it."""

from workers.packets.pattern import Pattern

LOOK = 256
"""Bytes of a statement that are looked at; a verb behind a longer comment is not found."""
_VERBS = frozenset(
    "ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE DESC"
    " DESCRIBE DISCARD DO DROP END EXECUTE EXPLAIN FETCH FLUSH GRANT HANDLER IMPORT INSERT KILL LISTEN LOAD LOCK MERGE"
    " MOVE NOTIFY OPTIMIZE PREPARE REASSIGN REFRESH REINDEX RELEASE RENAME REPAIR REPLACE RESET REVOKE ROLLBACK"
    " SAVEPOINT SECURITY SELECT SET SHOW START TABLE TRUNCATE UNLISTEN UNLOCK UPDATE USE VACUUM VALUES WITH XA".split()
)
_START = Pattern(rb"(?:[\s(;]|/\*(?:[^*]|\*(?!/))*\*/|--[^\n]*\n|#[^\n]*\n)*([A-Za-z]{2,12})(?![A-Za-z_0-9])")


def verb(statement: bytes) -> str:
    """The first keyword in capitals when it is one of SQL's, else "other"."""
    end = min(len(statement), 16)
    behind = 0
    while behind < end and (65 <= statement[behind] <= 90 or 97 <= statement[behind] <= 122):
        behind += 1
    if 2 <= behind <= 12 and behind < end and statement[behind] in (32, 59):  # as most statements begin
        plain = statement[:behind].upper().decode()
        return plain if plain in _VERBS else "other"
    found = _START.match(statement)
    word = found.group(1).decode().upper() if found else ""
    return word if word in _VERBS else "other"
