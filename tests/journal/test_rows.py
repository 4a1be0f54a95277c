"""How entries become rows: what was said at one moment in one row, and back as it was."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agentsup.journal.blobs import LARGE
from agentsup.journal.codec import FORMAT
from agentsup.journal.rows import RUN, RUN_LENGTH, Place, Row, entries_of, entry_of, heard_in, part_of, rows_of
from agentsup.talk import events as ev
from tests.journal.kit import entries as some
from tests.journal.kit import entry, started, together

SIGHTINGS = st.one_of(st.none(), st.sampled_from(["a", "a\x00", "\xe9", "\ud800", ""]), st.text(max_size=5))
SIZES = st.one_of(st.integers(0, 50), st.sampled_from([LARGE // 8, LARGE // 2, LARGE - 1, LARGE, 2 * LARGE]))
SAID = st.builds(
    lambda sighting, size, as_text: ev.Said(
        id=sighting, raw='{"n":null}' * (size // 10) if as_text else {}, text="x" * size
    ),
    SIGHTINGS,
    SIZES,
    st.booleans(),
)
BODIES = st.one_of(SAID, SAID, SAID, st.just(started(1).body))
ENTRIES = st.lists(BODIES, min_size=1, max_size=20).map(
    lambda found: tuple(entry(place, body) for place, body in enumerate(found, 5))
)


def in_rows(entries) -> tuple[list[Row], Sequence[Place]]:
    """The entries' rows, each by itself, and their blobs."""
    values, blobs = rows_of(7, together(entries))
    width = len(Row._fields)
    return [Row(*values[start : start + width]) for start in range(0, len(values), width)], blobs


def back(row: Row, after: int = 0) -> list[ev.Entry]:
    """The entries of a row without blobs."""
    if row.kind == RUN:
        return entries_of(row.first, row.at, FORMAT, row.body, after)
    return [entry_of(row.seq, row.at, row.kind, FORMAT, row.body, None)]


@given(ENTRIES)
def test_rows_are_the_entries_in_order(entries):
    """None is missing, none is there twice, and whatever is large or remarkable has a row of its own."""
    rows, blobs = in_rows(entries)

    assert [seq for row in rows for seq in range(row.first, row.seq + 1)] == [each.cursor for each in entries]
    at_place = {each.cursor: each for each in entries}
    for row in rows:
        if row.blobs:
            assert row.first == row.seq
            assert row.seq in {seq for seq, _ in blobs}
        else:
            assert back(row) == [at_place[seq] for seq in range(row.first, row.seq + 1)]
        if row.kind == RUN:
            assert len(row.body) < LARGE
            heard = [(at_place[seq].body.sighting, seq) for seq in range(row.first, row.seq + 1)]
            assert heard_in(row.first, str(row.sighting)) == [each for each in heard if each[0] is not None]


@given(st.integers(2, 20), st.data())
def test_a_part_of_a_run_is_those_of_its_entries(count, data):
    """As if only they had been written: what was heard in it too."""
    entries = tuple(entry(cursor) for cursor in range(5, 5 + count))
    ((row,), _) = in_rows(entries)
    after = data.draw(st.integers(0, row.seq - 1))
    upto = data.draw(st.integers(max(after + 1, row.first), row.seq + 3))

    kept = tuple(each for each in entries if after < each.cursor <= upto)
    part = part_of(row, FORMAT, after, upto)
    assert back(part) == list(kept)
    assert (part.session, part.first, part.seq) == (7, kept[0].cursor, kept[-1].cursor)
    assert heard_in(part.first, str(part.sighting)) == [(each.body.sighting, each.cursor) for each in kept]
    assert back(row, after) == [each for each in entries if each.cursor > after]


def test_many_small_events_of_a_moment_are_few_rows():
    """What a stream brings with one read; an event of ours between them has a row of its own."""
    entries = (*some(1, 256), started(257), *some(258, 259))
    rows, blobs = in_rows(entries)

    assert [(row.first, row.seq, row.kind) for row in rows[-2:]] == [(257, 257, "request_started"), (258, 259, RUN)]
    assert max(row.seq + 1 - row.first for row in rows) <= RUN_LENGTH
    assert len(rows) <= 256 / (RUN_LENGTH / 4)
    assert not blobs
