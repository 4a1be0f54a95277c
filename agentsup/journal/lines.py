"""A session as lines of JSON, for `export`: what it is, where its records begin, each record."""

from __future__ import annotations

from agentsup.journal import codec
from agentsup.journal.base import Loaded, Stored
from agentsup.talk.events import Entry, Heard

PAGE = 500
"""Records read at a time: enough that the trip to the store does not count, few enough to be held in memory."""


def header(stored: Stored) -> str:
    """The first line."""
    fields = {
        "type": "session",
        "format": codec.FORMAT,
        "session_id": stored.session_id,
        "generation": stored.generation,
        "provider": stored.provider,
        "metadata": stored.metadata,
        "created_at": stored.created_at,
        "changed_at": stored.changed_at,
        "first": stored.first,
        "last": stored.last,
        "ended": stored.ended,
    }
    return codec.write(fields, "session")


def beginning(loaded: Loaded) -> str:
    """The second line of a session that was compacted: what came before the records that follow. The ends of old requests come first."""
    assert loaded.state is not None
    fields = {"type": "snapshot", "cursor": loaded.cursor, "state": codec.encode_state(loaded.state)}
    return codec.write(fields, "snapshot")


def record(entry: Entry) -> str:
    """The line of a record."""
    fields = codec.encode_event(entry.body)
    if isinstance(entry.body, Heard):
        fields["raw"] = entry.body.raw  # kept as the text it came as; here it is for whoever reads
    return codec.write({"type": entry.body.type, "cursor": entry.cursor, "at": entry.at, "body": fields}, "record")
