"""Entries and snapshots as rows, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from agentsup.errors import SpecError
from agentsup.ids import Cursor
from agentsup.journal import codec
from agentsup.journal.blobs import LARGE, Blob, put_back, taken_out
from agentsup.journal.entries import Entries
from agentsup.loop.state import State
from agentsup.talk.events import Entry, Heard, Kept

Texts: TypeAlias = Mapping[bytes, bytes] | None
"""A row's blobs by their hash; None for a row that has none."""


class Body(NamedTuple):
    """What is in a row, as text, and what did not fit into it."""

    text: str
    blobs: tuple[Blob, ...] = ()

    def __repr__(self) -> str:
        return f"Body(<{len(self.text)}>, {len(self.blobs)} blobs)"


class Row(NamedTuple):
    """Records as they are written: columns of `records`, in order.

    One record, or a run of them: a stream brings many events with one read, and a row of each would cost more than the events.
    """

    session: int
    first: int
    seq: int
    """The cursor of its last record."""

    at: float
    kind: str
    """The event's type; `RUN` for a run."""

    sighting: str | bytes | None
    """What the event is recognised by; of a run, a JSON list of them."""

    blobs: int
    """1 or 0, and no `bool`: that is no type of SQLite's, and adapting it costs as much as three other values."""

    body: str
    """The event's fields; of a run, a list of all kinds and a list of all fields."""

    def __repr__(self) -> str:
        return f"Row({self.session}, {self.first} to {self.seq}, {self.kind!r})"


Values: TypeAlias = list[Any]
"""Rows as they are handed to SQLite: the columns of one behind those of the other. An object for each would be made, looked through for
garbage and taken apart again, thousands a second."""

RUN = Heard.type
"""The kind of a row that has a run of records: events of the provider's, kept at one moment, and small."""

RUN_LENGTH = 64
"""Records in a run, at most: who wants one of them has to parse them all."""

RUN_SIZE = LARGE // 3
"""Characters of the provider's own events in a run, about at most: with what was read from them it is below `LARGE`."""

_SOME = 512
"""Characters that an event is taken to have when it did not come as text."""

Place: TypeAlias = tuple[int, Blob]
"""A blob, and the cursor of the record that has it."""


def rows_of(key: int, entries: Entries) -> tuple[Values, Sequence[Place]]:
    """The entries' rows, and the blobs they have.

    Raises:
        SpecError: there is something in one of them that cannot be kept.
    """
    bodies = entries.bodies
    if len(bodies) == 1:  # most of ours: the shortest way
        return _row_of(key, entries.first, entries.at, bodies[0])
    rows: Values = []
    places: list[Place] = []
    for first, run in _runs(entries):
        _add(rows, places, key, first, entries.at, run)
    return rows, places


def _runs(entries: Entries) -> Iterator[tuple[int, Sequence[Kept]]]:
    """The events, cut where a row must or should end, each run with its first cursor."""
    first, bodies = entries.first, entries.bodies
    start, size = 0, 0
    for place, body in enumerate(bodies):
        if isinstance(body, Heard):
            verbatim = body.verbatim
            more = len(verbatim) if isinstance(verbatim, str) else _SOME
        else:
            more = RUN_SIZE
        size += more
        if (size >= RUN_SIZE or place - start == RUN_LENGTH) and place:
            yield first + start, bodies[start:place]
            start, size = place, more
    yield first + start, bodies[start:]


def _add(rows: Values, blobs: list[Place], key: int, first: int, at: float, run: Sequence[Kept]) -> None:
    """A row of all these; of each half of them, if they do not fit into one."""
    if len(run) == 1:
        row, large = _row_of(key, first, at, run[0])
        rows += row
        blobs += large
    elif (together := _together(key, first, at, run)) is not None:
        rows += together
    else:
        half = len(run) // 2
        _add(rows, blobs, key, first, at, run[:half])
        _add(rows, blobs, key, first + half, at, run[half:])


def _together(key: int, first: int, at: float, bodies: Sequence[Kept]) -> Row | None:
    """One row of all these; None if one of them is too large, or in any way remarkable."""
    marks = [body.sighting if isinstance(body, Heard) else None for body in bodies]
    if not all(mark is None or (isinstance(mark, str) and mark.isascii()) for mark in marks):
        return None
    kinds = [body.type for body in bodies]
    fields = [codec.encode_event(body) for body in bodies]
    try:
        text = codec.write([kinds, fields], RUN)
    except SpecError:
        return None  # alone, it is named
    if len(text) >= LARGE:
        return None
    return Row(
        session=key,
        first=first,
        seq=first + len(bodies) - 1,
        at=at,
        kind=RUN,
        sighting=codec.write(marks, RUN),
        blobs=0,
        body=text,
    )


def _row_of(key: int, cursor: int, at: float, body: Kept) -> tuple[Values, Sequence[Place]]:
    """A row of this one."""
    kind = body.type
    sighting = body.sighting if isinstance(body, Heard) else None
    mark = sighting_key(sighting) if isinstance(sighting, str) else None  # what is no text recognises nothing
    text, large = _written(codec.encode_event(body), kind)
    if not large:
        return [key, cursor, cursor, at, kind, mark, 0, text], ()
    return [key, cursor, cursor, at, kind, mark, 1, text], [(cursor, blob) for blob in large]


def part_of(row: Row, written: int, after: int, upto: int) -> Row:
    """The row, written in that format, with only those of its records that stand behind one cursor and up to another.

    Raises:
        Unreadable: it is none we wrote, or a newer version did.
    """
    kinds, fields = _run_fields(written, row.body)
    marks = codec.parse(str(row.sighting))
    part = slice(max(0, after + 1 - row.first), upto + 1 - row.first)
    return row._replace(
        first=max(row.first, after + 1),
        seq=min(row.seq, upto),
        sighting=codec.write(marks[part], RUN),
        body=codec.write([kinds[part], fields[part]], RUN),
    )


def heard_in(first: int, sighting: str) -> list[tuple[str, int]]:
    """What was heard in a run: each sighting, with its record's cursor."""
    return [(mark, seq) for seq, mark in enumerate(codec.parse(sighting), first) if mark is not None]


def body_of(state: State) -> Body:
    """What is in a snapshot's row.

    Raises:
        SpecError: there is something in it that cannot be kept.
    """
    return Body(*_written(codec.encode_state(state), "state"))


def entry_of(seq: int, at: float, kind: str, written: int, text: str, texts: Texts) -> Entry:
    """The entry of a row that has one.

    Raises:
        Unreadable: it is none we wrote, or a newer version did.
    """
    return Entry(cursor=Cursor(seq), at=at, body=codec.decode_event(kind, _fields(written, text, texts)))


def entries_of(first: int, at: float, written: int, text: str, after: int) -> list[Entry]:
    """The entries of a run, those behind a cursor.

    Raises:
        Unreadable: they are none we wrote, or a newer version did.
    """
    kinds, fields = _run_fields(written, text)
    start = max(0, after + 1 - first)
    events = map(codec.decode_event, kinds[start:], fields[start:])
    return [Entry(cursor=Cursor(seq), at=at, body=body) for seq, body in enumerate(events, first + start)]


def state_of(written: int, text: str, texts: Texts) -> State:
    """The state of a snapshot's row.

    Raises:
        Unreadable: it is none we wrote, or a newer version did.
    """
    return codec.decode_state(_fields(written, text, texts))


def sighting_key(sighting: str) -> str | bytes:
    """A sighting as SQLite can hold it: as text, but for lone surrogates."""
    if sighting.isascii():
        return sighting
    try:
        sighting.encode()
    except UnicodeEncodeError:
        return sighting.encode("utf-8", "surrogatepass")
    return sighting


def _written(fields: Any, path: str) -> tuple[str, tuple[Blob, ...]]:
    """The fields as text, and what is too large to be in it."""
    text = codec.write(fields, path)
    if len(text) < LARGE:
        return text, ()
    small, blobs = taken_out(fields)
    return (codec.write(small, path), blobs) if blobs else (text, ())


def _fields(written: int, text: str, texts: Texts) -> Any:
    if written > codec.FORMAT:
        raise codec.Unreadable(f"a record in format {written}, and this version knows {codec.FORMAT}")
    fields = codec.parse(text)
    if texts is None:
        return fields
    try:
        return put_back(fields, texts)
    except KeyError as exc:
        raise codec.Unreadable("a record with a large text that is missing") from exc


def _run_fields(written: int, text: str) -> tuple[list[str], list[Any]]:
    match _fields(written, text, None):
        case [list(kinds), list(fields)] if len(kinds) == len(fields):
            return kinds, fields
        case _:
            raise codec.Unreadable("something else where a run's kinds and fields should be")
