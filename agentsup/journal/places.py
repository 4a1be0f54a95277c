"""Where each session's rows stand: an index in two parts. Synchronous; functions of a connection.

In one index every row of a batch goes to another page: with a thousand sessions and long histories that is ten times as much to write as the
rows themselves. So a row's place goes into the small part first, `new_places`, of a few pages; from there, some thousand at a time and
sorted, into the large one, `places`. What the large part has of a session stands before what the small one has of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from typing import Any

NEW = 16_000
"""Places in the small part, about at most: more, and it is itself so large that each batch writes much of it; fewer, and the large part is
written more often."""

_LAST = 2**63 - 1
"""A cursor that none is behind."""

NUMBERS = """
    SELECT number FROM places WHERE session = :session AND seq > :after AND seq <= :upto
    UNION ALL
    SELECT number FROM new_places WHERE session = :session AND seq > :after AND seq <= :upto
"""
"""The numbers of a session's rows whose last record is behind one cursor and not behind another: a part of a statement."""

NEWEST = """
    coalesce(
        (SELECT number FROM new_places WHERE session = s.key ORDER BY seq DESC LIMIT 1),
        (SELECT number FROM places WHERE session = s.key ORDER BY seq DESC LIMIT 1)
    )
"""
"""The number of the last row of the session `s`: a part of a statement."""


def rows_behind(
    connection: sqlite3.Connection, columns: str, session: int, after: int, *, only: str = "true"
) -> Generator[tuple[Any, ...]]:
    """Of each row `r` of the session that has a record behind a cursor, and of which `only` is true, in order, these columns."""
    for table in ("places", "new_places"):
        sql = f"SELECT {columns} FROM {table} p JOIN records r ON r.number = p.number WHERE p.session = ? AND p.seq > ?"  # noqa: S608  -- from here
        with closing(connection.execute(f"{sql} AND {only} ORDER BY p.seq", (session, after))) as rows:
            yield from rows


def newest_number(connection: sqlite3.Connection) -> int:
    """The number of the last row of all; the next one's is the next."""
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM records").fetchone()
    return int(number)


def add(connection: sqlite3.Connection, behind: int) -> int:
    """Note where the rows behind this number stand; says how many they are."""
    sql = "INSERT INTO new_places (session, seq, number) SELECT session, seq, number FROM records WHERE number > ?"
    return connection.execute(sql, (behind,)).rowcount


def merge(connection: sqlite3.Connection) -> None:
    """Let the small part go over into the large one."""
    connection.execute("INSERT INTO places (session, seq, number) SELECT session, seq, number FROM new_places")
    connection.execute("DELETE FROM new_places")


def forget(connection: sqlite3.Connection, session: int, *, after: int = 0, upto: int = _LAST, but: str = "") -> None:
    """Let go of the session's rows behind one cursor and up to another, and of their places; not of rows of that kind."""
    values = {"session": session, "after": after, "upto": upto, "but": but}
    connection.execute(f"DELETE FROM records WHERE number IN ({NUMBERS}) AND kind != :but", values)  # noqa: S608  -- from here
    for table in ("places", "new_places"):
        sql = f"DELETE FROM {table} WHERE session = :session AND seq > :after AND seq <= :upto"  # noqa: S608  -- from here
        sql += f" AND NOT EXISTS (SELECT 1 FROM records r WHERE r.number = {table}.number)"  # noqa: S608  -- from here
        connection.execute(sql, values)
