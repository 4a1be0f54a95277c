"""The tables of a store, and how one of an older version becomes one of this.

Migrations are functions in order; a store's `user_version` says how many of them it has been through. A store from the future is refused: what
its tables mean is not known here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from agentsup.journal.errors import StoreCorrupt

APPLICATION = 0x61677375
"""SQLite's `application_id` of a store of ours: "agsu" in ASCII, by which it is told from any other database."""


def create_tables(connection: sqlite3.Connection) -> None:
    """Version 1.

    Records are a table with a rowid, so that new ones go to its end, and an index finds them: three times as fast with many sessions as a
    table sorted by session. A row has one record, or a run of them, from `first` to `seq`: see `rows.py`. `kind` is the event's type; `format` the version of what `body` is written in; `epoch` says which holder of the
    store wrote it. What was heard up to the snapshot is in `sightings`, by index and also when its records are compacted; behind it,
    in the records. A text too large for a row is a blob, shared by all
    who use it; a snapshot uses it as record 0.
    """
    for statement in (
        """
        CREATE TABLE lease (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            epoch INTEGER NOT NULL, holder TEXT NOT NULL, taken_at REAL NOT NULL, released_at REAL
        )
        """,
        """
        CREATE TABLE sessions (
            key INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL, generation INTEGER NOT NULL, provider TEXT NOT NULL, metadata TEXT NOT NULL,
            created_at REAL NOT NULL, first INTEGER NOT NULL DEFAULT 1,
            changed_at REAL, ended INTEGER NOT NULL DEFAULT 0,
            UNIQUE (id, generation)
        )
        """,
        """
        CREATE TABLE records (
            number INTEGER PRIMARY KEY,
            session INTEGER NOT NULL, first INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL,
            kind TEXT NOT NULL, sighting TEXT,
            epoch INTEGER NOT NULL, format INTEGER NOT NULL, blobs INTEGER NOT NULL, body TEXT NOT NULL
        )
        """,
        "CREATE UNIQUE INDEX records_in_order ON records (session, seq)",
        "CREATE INDEX records_starting ON records (session, seq) WHERE kind = 'request_started'",
        """
        CREATE TABLE sightings (
            session INTEGER NOT NULL, sighting TEXT NOT NULL, seq INTEGER NOT NULL,
            PRIMARY KEY (session, sighting)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE snapshots (
            session INTEGER PRIMARY KEY,
            cursor INTEGER NOT NULL, epoch INTEGER NOT NULL, format INTEGER NOT NULL, blobs INTEGER NOT NULL, body TEXT NOT NULL
        )
        """,
        "CREATE TABLE blobs (hash BLOB PRIMARY KEY, data BLOB NOT NULL)",
        """
        CREATE TABLE blob_uses (
            session INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL,
            PRIMARY KEY (session, seq, hash)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX blob_uses_by_hash ON blob_uses (hash)",
    ):
        connection.execute(statement)


def divide_the_index(connection: sqlite3.Connection) -> None:
    """Version 2: records are found by an index in two parts instead of one; see `places.py`.

    Half a second of the processor for a million records, and as long as the disk takes for 20 MB.
    """
    for statement in (
        *(
            f"""
            CREATE TABLE {name} (
                session INTEGER NOT NULL, seq INTEGER NOT NULL, number INTEGER NOT NULL,
                PRIMARY KEY (session, seq)
            ) WITHOUT ROWID
            """
            for name in ("places", "new_places")
        ),
        "INSERT INTO places (session, seq, number) SELECT session, seq, number FROM records ORDER BY session, seq",
        "DROP INDEX records_in_order",
    ):
        connection.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (create_tables, divide_the_index)
"""In order; one is only ever added at the end."""


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a new or older store to this version, inside the caller's transaction.

    Raises:
        StoreCorrupt: it is no store of ours, or one from the future.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise StoreCorrupt(f"the store {path}: it is another program's database; name a file of its own for the store")
    if version > len(MIGRATIONS):
        raise StoreCorrupt(
            f"the store {path}: it was written by a newer version of agentsup (its tables are version {version}, "
            f"this one knows {len(MIGRATIONS)}); use that version, or another file"
        )
    for change in MIGRATIONS[version:]:
        change(connection)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
