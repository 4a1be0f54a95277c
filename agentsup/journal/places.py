"""Where each session's rows stand: an index in two parts. Synchronous; functions of a connection.

In one index every row of a batch goes to another page: with a thousand sessions and long histories that is ten times as much to write as the
rows themselves. So a row's place goes into the small part first, `new_places`, of a few pages; from there, some thousand at a time and
sorted, into the large one, `places`. What the large part has of a session stands before what the small one has of it.

Cursors have no gaps, so whoever reads rows in order sees without looking for it whether one is missing: a place without its row, a row without
its place, another session's row. Then it is an error: to pass over a record in silence would be the one thing a journal must not do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import pairwise
from typing import Any

from agentsup.journal.codec import Unreadable

NEW = 16_000
"""Places in the small part, about at most: more, and it is itself so large that each batch writes much of it; fewer, and the large part is
written more often."""

LOOKED_AT = 1000
"""Rows that are looked for in the index when a store is opened: as many as a commit has, of which a disk may have lost one page."""

_LAST = 2**63 - 2
"""A cursor that none is behind."""

PARTS = ("places", "new_places")
"""In the order of a session's rows."""

NUMBERS = """
    SELECT number FROM places WHERE session = :session AND seq > :after AND seq <= :upto
    UNION ALL
    SELECT number FROM new_places WHERE session = :session AND seq > :after AND seq <= :upto
"""
"""The numbers of a session's rows whose last record is behind one cursor and not behind another: a part of a statement."""

UPTO = """
    coalesce(
        (SELECT number FROM new_places WHERE session = :session AND seq <= :upto ORDER BY seq DESC LIMIT 1),
        (SELECT number FROM places WHERE session = :session AND seq <= :upto ORDER BY seq DESC LIMIT 1)
    )
"""
"""The number of the last row of a session that ends at or before a cursor: a part of a statement."""

NEWEST = """
    coalesce(
        (SELECT number FROM new_places WHERE session = s.key ORDER BY seq DESC LIMIT 1),
        (SELECT number FROM places WHERE session = s.key ORDER BY seq DESC LIMIT 1)
    )
"""
"""The number of the last row of the session `s`: a part of a statement."""

LAST = """
    coalesce(
        (SELECT seq FROM new_places WHERE session = s.key ORDER BY seq DESC LIMIT 1),
        (SELECT seq FROM places WHERE session = s.key ORDER BY seq DESC LIMIT 1)
    )
"""
"""The last cursor of the session `s`, as the index has it: a part of a statement."""


def rows_behind(connection: sqlite3.Connection, columns: str, session: int, after: int) -> Generator[tuple[Any, ...]]:
    """Of each row `r` of the session that has a record behind a cursor, in order: its first and last cursor, and these columns.

    Raises:
        Unreadable: a record is missing, or is there twice.
    """
    due, begin = after + 1, 0
    for part in PARTS:
        sql = (
            f"SELECT r.first, p.seq, {columns} FROM {part} p"  # noqa: S608  -- from here
            " LEFT JOIN records r ON r.number = p.number AND r.session = p.session AND r.seq = p.seq"
            " WHERE p.session = ? AND p.seq > ? ORDER BY p.seq"
        )
        with closing(connection.execute(sql, (session, after))) as rows:
            for row in rows:
                first, seq = row[0], row[1]
                if first != due:
                    begin = begin or _begin(connection, session)
                    _check(session, first, seq, due, begin, may_have_begun=due == after + 1)
                due = seq + 1
                yield row


def newest_number(connection: sqlite3.Connection) -> int:
    """The number of the last row of all; the next one's is the next."""
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM records").fetchone()
    return int(number)


def add(connection: sqlite3.Connection, behind: int) -> None:
    """Note where the rows behind this number stand."""
    # Counted anew each time, which is two microseconds: a number of our own would be wrong whenever something is rolled back.
    (new,) = connection.execute("SELECT count(*) FROM new_places").fetchone()
    if new + newest_number(connection) - behind < NEW:
        part = "new_places"
    else:  # with them it would be full: it goes over, and so do they, a fork's hundred thousand too
        connection.execute("INSERT INTO places (session, seq, number) SELECT session, seq, number FROM new_places")
        connection.execute("DELETE FROM new_places")
        part = "places"
    sql = f"INSERT INTO {part} (session, seq, number) SELECT session, seq, number FROM records WHERE number > ?"  # noqa: S608  -- from here
    connection.execute(f"{sql} ORDER BY session, seq", (behind,))


def counted(connection: sqlite3.Connection, session: int, upto: int) -> int:
    """How many rows the session has up to this cursor, as far as the index knows."""
    sql = "SELECT count(*) FROM {} WHERE session = ? AND seq <= ?"
    return sum(connection.execute(sql.format(part), (session, upto)).fetchone()[0] for part in PARTS)


def forget(
    connection: sqlite3.Connection, session: int, *, after: int = 0, upto: int = _LAST, but: Sequence[int] = ()
) -> None:
    """Let go of the session's rows behind one cursor and up to another, and of their places; not of those at these cursors, in order."""
    for behind, before in pairwise((after, *but, upto + 1)):
        values = {"session": session, "after": behind, "before": before}
        for part in PARTS:
            these = f"FROM {part} WHERE session = :session AND seq > :after AND seq < :before"
            sql = f"DELETE FROM records WHERE number IN (SELECT number {these}) AND session = :session"  # noqa: S608  -- from here
            connection.execute(sql, values)
            connection.execute(f"DELETE {these}", values)


def unplaced(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """A session and a cursor of one of the newest rows that the index does not have; None if it has all of them."""
    missing = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {part} p WHERE p.session = r.session AND p.seq = r.seq AND p.number = r.number)"  # noqa: S608  -- from here
        for part in PARTS
    )
    sql = f"SELECT r.session, r.seq FROM records r WHERE r.number > ? AND {missing} LIMIT 1"  # noqa: S608  -- from here
    found: tuple[int, int] | None = connection.execute(sql, (newest_number(connection) - LOOKED_AT,)).fetchone()
    return found


def missing(session: int, cursor: int) -> Unreadable:
    """The error for a record that must be there."""
    return Unreadable(f"the record {cursor} of the session {session} is missing: a part of the file is lost")


def _begin(connection: sqlite3.Connection, session: int) -> int:
    """From which cursor on all records of the session are there."""
    found = connection.execute("SELECT first FROM sessions WHERE key = ?", (session,)).fetchone()
    return 1 if found is None else int(found[0])


def _check(session: int, first: int | None, seq: int, due: int, begin: int, *, may_have_begun: bool) -> None:
    """That it is all right for a row to begin elsewhere than where it is due: a run before the cursor, or others were let go."""
    if first is None:
        raise missing(session, seq)
    if first > due and first > begin:
        raise missing(session, max(due, begin))
    if first < due and not may_have_begun:
        raise Unreadable(f"the record {first} of the session {session} is there twice: somebody else wrote to it")
