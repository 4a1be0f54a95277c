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
    """What is in a row, as text, and what did not fit into it."""

    text: str
    blobs: tuple[Blob, ...] = ()

    def __repr__(self) -> str:
        return f"Body(<{len(self.text)}>, {len(self.blobs)} blobs)"


class Row(NamedTuple):
    """An entry as it is written: the columns of `records`, in order, so that it can be handed to SQLite as it is."""

    session: int
    seq: int
    at: float
    kind: str
    sighting: str | bytes | None
    epoch: int
    format: int
    blobs: bool
    body: str

    def __repr__(self) -> str:
        return f"Row({self.session}, {self.seq}, {self.kind!r})"


def row_of(key: int, epoch: int, entry: Entry) -> tuple[Row, tuple[Blob, ...]]:
    """The row of an entry, and the blobs it has.

    Raises:
        SpecError: there is something in it that cannot be kept.
    """
    body = entry.body
    kind = body.type
    sighting = body.sighting if isinstance(body, Heard) else None
    mark = sighting_key(sighting) if isinstance(sighting, str) else None  # what is no text recognises nothing
    text, blobs = _body(codec.encode_event(body), kind)
    return Row(key, entry.cursor, entry.at, kind, mark, epoch, codec.FORMAT, bool(blobs), text), blobs


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
