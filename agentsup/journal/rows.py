"""Entries and snapshots as rows, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from agentsup.ids import Cursor
from agentsup.journal import codec
from agentsup.journal.blobs import LARGE, Blob, put_back, taken_out
from agentsup.loop.state import State
from agentsup.talk.events import Entry, Heard

Texts: TypeAlias = Mapping[bytes, bytes] | None
"""A row's blobs by their hash; None for a row that has none."""


class Body(NamedTuple):
    """What is in a row, as text, and what did not fit into it. A tuple, as `Row` is: there is one for every record, and both have no other life."""

    text: str
    blobs: tuple[Blob, ...] = ()

    def __repr__(self) -> str:
        return f"Body(<{len(self.text)}>, {len(self.blobs)} blobs)"


class Row(NamedTuple):
    """An entry as it is written."""

    seq: int
    at: float
    kind: str
    sighting: str | bytes | None
    body: Body


def row_of(entry: Entry) -> Row:
    """The row of an entry.

    Raises:
        SpecError: there is something in it that cannot be kept.
    """
    body = entry.body
    sighting = body.sighting if isinstance(body, Heard) else None
    return Row(
        entry.cursor,
        entry.at,
        body.type,
        sighting_key(sighting) if isinstance(sighting, str) else None,  # what is no text recognises nothing
        _body(codec.encode_event(body), body.type),
    )


def body_of(state: State) -> Body:
    """What is in a snapshot's row.

    Raises:
        SpecError: there is something in it that cannot be kept.
    """
    return _body(codec.encode_state(state), "state")


def entry_of(seq: int, at: float, kind: str, written: int, text: str, texts: Texts) -> Entry:
    """The entry of a row.

    Raises:
        Unreadable: it is none we wrote, or a newer version did.
    """
    return Entry(cursor=Cursor(seq), at=at, body=codec.decode_event(kind, _fields(written, text, texts)))


def state_of(written: int, text: str, texts: Texts) -> State:
    """The state of a snapshot's row.

    Raises:
        Unreadable: it is none we wrote, or a newer version did.
    """
    return codec.decode_state(_fields(written, text, texts))


def sighting_key(sighting: str) -> str | bytes:
    """A sighting as SQLite can hold it: as text, but for lone surrogates."""
    try:
        sighting.encode()
    except UnicodeEncodeError:
        return sighting.encode("utf-8", "surrogatepass")
    return sighting


def _body(fields: Any, path: str) -> Body:
    text = codec.write(fields, path)
    if len(text) < LARGE:
        return Body(text)
    small, blobs = taken_out(fields)
    return Body(codec.write(small, path), blobs) if blobs else Body(text)


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
