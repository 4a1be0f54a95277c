"""What every journal does, whatever it is made of."""

from __future__ import annotations

import json

import pytest

from agentsup.errors import NotFound, SpecError
from agentsup.ids import Cursor, RequestId
from agentsup.journal.entries import Entries
from agentsup.talk import events as ev
from tests.journal.kit import NOW, Told, append, ended, entries, entry, keep, register, started, state

# --- sessions ------------------------------------------------------------------------------------------------------------------------


def over(request, stop_reason=None):
    """A request's end."""
    return ev.RequestEnded(request_id=RequestId(request), terminal="end_turn", stop_reason=stop_reason)


async def test_a_session_is_found_as_it_was_registered(journal):
    """Its id, its provider, its labels, when; and nothing in it."""
    stored = await register(journal, "s", provider="claude", metadata={"team": ["a", None]}, at=NOW)

    assert stored == await journal.find("s")
    assert (stored.session_id, stored.generation, stored.provider, stored.metadata) == (
        "s",
        1,
        "claude",
        {"team": ["a", None]},
    )
    assert (stored.created_at, stored.changed_at, stored.first, stored.last, stored.ended) == (NOW, NOW, 1, 0, False)


async def test_nobody_is_found_under_a_new_id(journal):
    """None, and no error: asking is how one learns it."""
    assert await journal.find("nobody") is None
    assert await journal.sessions() == ()


async def test_a_second_session_of_an_id_is_a_generation(journal):
    """Both are there; the newest is who the id means."""
    first = await register(journal)
    second = await register(journal)

    assert (first.generation, second.generation) == (1, 2)
    assert first.key != second.key
    assert second == await journal.find("s")
    assert first == await journal.find("s", 1)
    assert await journal.find("s", 3) is None
    assert await journal.sessions() == (second,)
    assert await journal.sessions(all_generations=True) == (first, second)


async def test_sessions_come_in_the_order_they_were_registered_in(journal):
    """Whatever their ids."""
    for name in ("b", "a", "c"):
        await register(journal, name)

    assert [stored.session_id for stored in await journal.sessions()] == ["b", "a", "c"]


async def test_what_has_ended_is_not_unfinished(journal):
    """By its last record, and only in its newest generation."""
    one = await register(journal, "one")
    two = await register(journal, "two")
    await keep(journal, one.key, (*entries(1, 2), ended(3)))
    await keep(journal, two.key, entries(1, 2))

    assert [stored.session_id for stored in await journal.unfinished()] == ["two"]
    found = await journal.find("one")
    assert (found.ended, found.last, found.changed_at) == (True, 3, entry(3).at)


@pytest.mark.parametrize(
    ("session_id", "metadata", "path"),
    [
        ("", {}, "session_id"),
        ("\ud800", {}, "session_id"),
        ("s", {"a": [b""]}, r"metadata\.a\[0\]"),
        ("s", {"a": {1: 2}}, r"metadata\.a"),
    ],
)
async def test_what_cannot_be_kept_of_a_session_is_refused(journal, session_id, metadata, path):
    """With the place; and nothing was registered."""
    with pytest.raises(SpecError, match=path):
        await register(journal, session_id, metadata=metadata)

    assert await journal.sessions() == ()


# --- records -------------------------------------------------------------------------------------------------------------------------


async def test_what_was_appended_is_read_in_order(journal):
    """Bodies, cursors and times, whatever the pages."""
    key = (await register(journal)).key
    await keep(journal, key, entries(1, 3))
    await keep(journal, key, entries(4, 10))

    assert await journal.read(key, after=0, limit=100) == entries(1, 10)
    assert await journal.read(key, after=2, limit=3) == entries(3, 5)
    assert await journal.read(key, after=9, limit=3) == entries(10, 10)
    assert await journal.read(key, after=10, limit=3) == ()


async def test_committed_is_told_once_per_append_in_order(journal):
    """The last cursor of each, for each session by itself."""
    told = Told()
    keys = [(await register(journal, name)).key for name in "ab"]
    for first in (1, 3, 5):
        for key in keys:
            append(journal, key, entries(first, first + 1), committed=told.of(key))
    await journal.flush()

    assert told.cursors == {key: [2, 4, 6] for key in keys}
    assert journal.backlog == 0
    assert journal.trouble is None


async def test_sessions_do_not_see_one_another(journal):
    """Records belong to one generation of one session."""
    a, b = await register(journal), await register(journal)
    await keep(journal, a.key, entries(1, 2))

    assert await journal.read(b.key, after=0, limit=9) == ()
    assert (await journal.load(b.key)).entries == ()
    assert await journal.known(b.key, {"event-1"}) == set()


async def test_a_gap_is_refused(journal):
    """Cursors follow one another and on what is there; nothing of the append is kept."""
    key = (await register(journal)).key
    await keep(journal, key, entries(1, 2))

    for wrong in (entries(4, 5), entries(2, 3), entries(1, 3)):
        with pytest.raises(SpecError, match="does not follow"):
            append(journal, key, wrong, committed=lambda _: None)
    await journal.flush()

    assert await journal.read(key, after=0, limit=9) == entries(1, 2)


async def test_nothing_is_told_of_nothing(journal):
    """An append of no entries is none."""
    key = (await register(journal)).key
    told = Told()
    journal.append(key, Entries(Cursor(1), NOW, ()), committed=told.of(key))
    await journal.flush()

    assert told.cursors == {key: []}


async def test_an_unknown_key_has_no_records(journal):
    """Reading finds nothing; writing to what was deleted is an error."""
    stored = await register(journal)
    await journal.delete(stored.key)

    assert await journal.read(stored.key, after=0, limit=9) == ()
    assert (await journal.load(stored.key)).state is None
    with pytest.raises(NotFound):
        append(journal, stored.key, entries(1, 1), committed=lambda _: None)
    with pytest.raises(NotFound):
        journal.snapshot(stored.key, 1, state())


async def test_the_last_start_of_a_request_is_found(journal):
    """At or before a cursor; 0 if there is none."""
    key = (await register(journal)).key
    await keep(journal, key, (entry(1), started(2), entry(3), started(4), entry(5)))

    assert [await journal.last_started(key, cursor) for cursor in range(7)] == [0, 0, 2, 2, 4, 4, 4]


async def test_known_sightings_are_told_from_new_ones(journal):
    """By the provider's ids; a message that waits over there is seen twice under one id."""
    key = (await register(journal)).key
    queued = ev.Echoed(id="echo", raw={}, kind="message", queued=True)
    await keep(journal, key, (entry(1), entry(2, queued), entry(3, ev.Noted(id=None, raw={}))))

    assert await journal.known(key, {"event-1", "event-2", "echo", "echo queued"}) == {"event-1", "echo queued"}
    assert await journal.known(key, set()) == set()
    assert await journal.known(key, {f"event-{n}" for n in range(3000)}) == {"event-1"}


# --- snapshots and compaction --------------------------------------------------------------------------------------------------------


async def test_load_begins_at_the_newest_snapshot(journal):
    """What is behind it, and no more; without one, everything."""
    key = (await register(journal)).key
    append(journal, key, entries(1, 6), committed=lambda _: None)
    everything = await journal.load(key)
    journal.snapshot(key, 2, state("two"))
    journal.snapshot(key, 4, state("four"))
    journal.snapshot(key, 3, state("three"))
    await journal.flush()
    loaded = await journal.load(key)

    assert (everything.state, everything.cursor, everything.entries) == (None, 0, entries(1, 6))
    assert (loaded.state, loaded.cursor, loaded.entries) == (state("four"), 4, entries(5, 6))


async def test_an_older_snapshot_does_not_replace_a_newer_one(journal):
    """Also when the newer one is durable already."""
    key = (await register(journal)).key
    await keep(journal, key, entries(1, 3))
    for cursor in (3, 2):
        journal.snapshot(key, cursor, state(f"at {cursor}"))
        await journal.flush()

    loaded = await journal.load(key)
    assert (loaded.state, loaded.cursor) == (state("at 3"), 3)


async def test_a_snapshot_is_never_ahead_of_its_records(journal):
    """There is no account of what was not kept."""
    key = (await register(journal)).key
    append(journal, key, entries(1, 2), committed=lambda _: None)

    for cursor in (0, 3):
        with pytest.raises(SpecError, match="cursor"):
            journal.snapshot(key, cursor, state())


async def test_compaction_lets_go_of_what_a_snapshot_covers(journal):
    """Up to the cursor and never past the snapshot; the session stands where it stood, and goes on."""
    key = (await register(journal)).key
    await keep(journal, key, entries(1, 6))
    untouched = await journal.compact(key, 6)
    journal.snapshot(key, 4, state())
    few, rest, none = [await journal.compact(key, upto) for upto in (2, 6, 6)]
    stored = await journal.find("s")
    await keep(journal, key, entries(7, 7))
    loaded = await journal.load(key)

    assert (untouched, few, rest, none) == (0, 2, 2, 0)
    assert (stored.first, stored.last, stored.changed_at) == (5, 6, entry(6).at)
    assert (loaded.state, loaded.cursor, loaded.entries) == (state(), 4, entries(5, 7))
    assert await journal.read(key, after=0, limit=9) == entries(5, 7)


async def test_a_session_compacted_to_its_end_still_knows_where_it_is(journal):
    """Its last cursor, when it changed, what it has heard; an append goes on behind it."""
    key = (await register(journal)).key
    await keep(journal, key, (*entries(1, 2), ended(3)))
    journal.snapshot(key, 3, state())
    await journal.compact(key, 3)
    stored = await journal.find("s")

    assert (stored.first, stored.last, stored.changed_at, stored.ended) == (4, 3, entry(3).at, True)
    assert await journal.known(key, {"event-2", "event-9"}) == {"event-2"}
    await keep(journal, key, entries(4, 4))
    assert (await journal.load(key)).entries == entries(4, 4)


async def test_the_ends_of_requests_outlive_a_compaction(journal):
    """Each in its place, also over further compactions, and page by page; a copy and an export have them as well."""
    key = (await register(journal)).key
    bodies = {3: over("one"), 6: over("two", "x" * 100_000), 8: over("three")}
    await keep(journal, key, tuple(entry(cursor, bodies.get(cursor)) for cursor in range(1, 12)))
    journal.snapshot(key, 10, state())
    went = [await journal.compact(key, upto) for upto in (4, 4, 6, 9)]
    stored = await journal.find("s")
    copy = await journal.fork(key, "copy", upto=10, at=NOW)
    ends = [entry(cursor, body) for cursor, body in bodies.items()]
    lines = [json.loads(line) async for line in journal.export(key)]

    assert went == [3, 0, 1, 2]
    assert (stored.first, stored.last) == (10, 11)
    assert await journal.read(key, after=0, limit=9) == (*ends, *entries(10, 11))
    assert await journal.read(key, after=3, limit=2) == tuple(ends[1:])
    assert await journal.read(key, after=6, limit=2) == (ends[2], entry(10))
    assert await journal.read(copy.key, after=0, limit=9) == (*ends, entry(10))
    assert [line.get("cursor") for line in lines] == [None, 10, 3, 6, 8, 10, 11]
    await journal.delete(key)
    assert await journal.read(key, after=0, limit=9) == ()


async def test_a_session_of_which_only_ends_of_requests_are_left_knows_where_it_is(journal):
    """They do not say what its last record was; a later append goes on behind all."""
    key = (await register(journal)).key
    await keep(journal, key, (entry(1), entry(2, over("one")), ended(3)))
    journal.snapshot(key, 3, state())
    went = [await journal.compact(key, 3), await journal.compact(key, 3)]
    stored = await journal.find("s")

    assert went == [2, 0]
    assert (stored.first, stored.last, stored.ended) == (4, 3, True)
    assert (await journal.load(key)).durable == 3
    await keep(journal, key, entries(4, 4))
    assert await journal.read(key, after=0, limit=9) == (entry(2, over("one")), entry(4))


# --- deleting, forking, exporting ----------------------------------------------------------------------------------------------------


async def test_a_deleted_session_leaves_its_other_generations(journal):
    """Nothing of it is left; asking again is no error."""
    one, two = await register(journal), await register(journal)
    await keep(journal, one.key, entries(1, 3))
    await keep(journal, two.key, entries(1, 2))
    journal.snapshot(two.key, 2, state())
    await journal.delete(two.key)
    await journal.delete(two.key)

    assert (await journal.find("s")).key == one.key
    assert await journal.read(one.key, after=0, limit=9) == entries(1, 3)
    assert await journal.read(two.key, after=0, limit=9) == ()
    assert await journal.known(two.key, {"event-1"}) == set()
    assert (await register(journal, "other")).key not in (one.key, two.key)


async def test_what_was_appended_before_a_deletion_goes_with_it(journal):
    """In order: it was durable, then it was gone."""
    told = Told()
    key = (await register(journal)).key
    append(journal, key, entries(1, 2), committed=told.of(key))
    await journal.delete(key)

    assert told.cursors == {key: [2]}
    assert await journal.sessions() == ()


async def test_a_fork_is_the_same_session_up_to_a_cursor(journal):
    """And then a life of its own, under an id of its own or as a generation."""
    one = await register(journal, "one", provider="p", metadata={"a": 1})
    await keep(journal, one.key, (*entries(1, 3), started(4), entry(5)))
    journal.snapshot(one.key, 3, state("three"))
    early = await journal.fork(one.key, "two", upto=2, at=NOW + 50)
    late = await journal.fork(one.key, "two", upto=4, at=NOW + 60)
    await keep(journal, early.key, entries(3, 3))

    assert (early.session_id, early.generation, early.last, early.created_at) == ("two", 1, 2, NOW + 50)
    assert (late.generation, late.provider, late.metadata, late.changed_at) == (2, "p", {"a": 1}, NOW + 60)
    assert (await journal.load(early.key)).state is None
    assert (await journal.load(early.key)).entries == entries(1, 3)
    loaded = await journal.load(late.key)
    assert (loaded.state, loaded.cursor, loaded.entries) == (state("three"), 3, (started(4),))
    assert await journal.known(early.key, {"event-2", "event-5"}) == {"event-2"}
    assert await journal.last_started(late.key, 9) == 4
    assert (await journal.find("one")).last == 5


async def test_a_fork_of_what_is_not_kept_is_refused(journal):
    """Ahead of the last record, or behind what was let go; and of nobody."""
    one = await register(journal, "one")
    await keep(journal, one.key, entries(1, 6))
    journal.snapshot(one.key, 4, state())
    await journal.compact(one.key, 4)

    for upto in (3, 7):
        with pytest.raises(SpecError, match="upto"):
            await journal.fork(one.key, "two", upto=upto, at=NOW)
    with pytest.raises(NotFound):
        await journal.fork(one.key + 100, "two", upto=0, at=NOW)
    copy = await journal.fork(one.key, "two", upto=4, at=NOW)
    assert (copy.first, copy.last) == (5, 4)
    assert (await journal.load(copy.key)).state == state()
    assert [stored.session_id for stored in await journal.sessions()] == ["one", "two"]


async def test_a_fork_outlives_what_it_was_made_of(journal):
    """Nothing in it is borrowed."""
    one = await register(journal, "one")
    await keep(journal, one.key, entries(1, 3))
    two = await journal.fork(one.key, "two", upto=3, at=NOW)
    await journal.delete(one.key)

    assert (await journal.load(two.key)).entries == entries(1, 3)


async def test_a_fork_can_have_a_record_of_its_own(journal):
    """Behind the copied ones: that it is a copy, which is never found without it."""
    one = await register(journal, "one")
    await keep(journal, one.key, (*entries(1, 2), ended(3)))
    two = await journal.fork(one.key, "two", upto=3, at=NOW + 9, body=ev.Forked(source="one", cursor=3))
    await keep(journal, two.key, (entry(5),))

    assert (two.last, two.ended, two.changed_at) == (4, False, NOW + 9)
    *_, last, _ = await journal.read(two.key, after=0, limit=9)
    assert last == entry(4, ev.Forked(source="one", cursor=3), at=NOW + 9)
    assert (await journal.find("one")).ended


async def test_an_export_is_one_json_object_a_line(journal):
    """First what the session is, then each record, in order; all of it self-describing."""
    key = (await register(journal, metadata={"a": 1})).key
    await keep(journal, key, (entry(1), started(2)))
    first, *rest = [json.loads(line) async for line in journal.export(key)]

    assert (first["type"], first["session_id"], first["generation"], first["last"]) == ("session", "s", 1, 2)
    assert (first["metadata"], first["format"], first["ended"]) == ({"a": 1}, 1, False)
    assert [(line["type"], line["cursor"], line["at"]) for line in rest] == [
        ("said", 1, entry(1).at),
        ("request_started", 2, entry(2).at),
    ]
    assert rest[0]["body"] == {"id": "event-1", "raw": {"n": 1}, "text": "text 1"}


async def test_what_was_kept_as_text_is_exported_as_json(journal):
    """A provider's event is kept as it came; whoever reads the export finds an object."""
    key = (await register(journal)).key
    await keep(journal, key, (entry(1, ev.Noted(id="n", raw='{"a": [1, 2]}')),))
    _, line = [json.loads(line) async for line in journal.export(key)]
    (kept,) = await journal.read(key, after=0, limit=1)

    assert line["body"] == {"id": "n", "raw": {"a": [1, 2]}}
    assert kept.body.verbatim == '{"a": [1, 2]}'


async def test_an_export_of_a_compacted_session_says_what_came_before(journal):
    """The snapshot stands in for what is gone."""
    key = (await register(journal)).key
    await keep(journal, key, entries(1, 3))
    journal.snapshot(key, 2, state())
    await journal.compact(key, 2)
    lines = [json.loads(line) async for line in journal.export(key)]

    assert [(line["type"], line.get("cursor")) for line in lines] == [("session", None), ("snapshot", 2), ("said", 3)]


async def test_an_export_of_nobody_is_an_error(journal):
    """And not an empty file."""
    with pytest.raises(NotFound):
        async for _ in journal.export(7):
            pass


# --- figures -------------------------------------------------------------------------------------------------------------------------


async def test_a_journal_counts(journal):
    """Records and transactions, and the largest of these."""
    key = (await register(journal)).key
    await keep(journal, key, entries(1, 3))
    await keep(journal, key, entries(4, 5))
    told = journal.statistics()

    assert (told.rows, told.largest_batch, told.backlog, told.failures) == (5, 3, 0, 0)
    assert told.commits >= 2


async def test_no_content_in_a_repr(journal):
    """Neither of the journal nor of what it gives out."""
    stored = await register(journal, metadata={"k": "secret"})
    await keep(journal, stored.key, (entry(1, ev.Said(id="e", raw={"t": "secret"}, text="secret")),))

    assert "secret" not in repr(journal) + repr(stored) + repr(await journal.load(stored.key))
