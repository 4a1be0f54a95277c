"""Large texts are kept once, and gone when nobody has them any more."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup.journal import blobs
from agentsup.journal.blobs import LARGE, put_back, taken_out
from agentsup.journal.sqlite import SQLiteJournal
from agentsup.talk import events as ev
from tests.journal.kit import NOW, entries, entry, keep, register, state, writing
from tests.kit.values import WORDS

HUGE = "x" * LARGE
ODD = "\ud800y" * LARGE


def large(cursor: int, *texts: str) -> ev.Entry:
    raw = {"content": [{"text": text} for text in texts], "@blob": {"@blob": "00"}}
    return entry(cursor, ev.Said(id=f"event-{cursor}", raw=raw, text=texts[0]))


def stored(path) -> list[int]:
    """The sizes of the blobs in a store."""
    connection = sqlite3.connect(path)
    try:
        return sorted(size for (size,) in connection.execute("SELECT length(data) FROM blobs"))
    finally:
        connection.close()


async def test_a_large_text_comes_back_and_is_kept_once(tmp_path):
    """However many records of however many sessions have it, and however often."""
    path = tmp_path / "store.db"
    written = (large(1, HUGE, ODD), large(2, HUGE), *entries(3, 3), large(4, "z" * (LARGE - 1)))
    async with writing(SQLiteJournal(path)) as journal:
        keys = [(await register(journal, name)).key for name in "ab"]
        for key in keys:
            await keep(journal, key, written)
            journal.snapshot(key, 2, state(HUGE))
        await journal.flush()
        for key in keys:
            assert await journal.read(key, after=0, limit=9) == written
            assert (await journal.load(key)).state == state(HUGE)
        assert any(HUGE in line for line in [line async for line in journal.export(keys[0])])

    assert stored(path) == [LARGE, 4 * LARGE]


async def test_a_blob_goes_with_the_last_who_uses_it(tmp_path):
    """By compaction, by a later snapshot, by deletion; a fork uses it too."""
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        await keep(journal, key, (large(1, "a" * LARGE), large(2, "b" * LARGE, "c" * LARGE), large(3, "c" * LARGE)))
        journal.snapshot(key, 1, state("s" * LARGE))
        await journal.flush()
        fork = await journal.fork(key, "fork", upto=2, at=NOW)
        at_first = stored(path)
        journal.snapshot(key, 2, state("t" * LARGE))
        await journal.compact(key, 2)
        forked = stored(path)
        assert (await journal.load(fork.key)).state == state("s" * LARGE)
        assert (await journal.read(fork.key, after=0, limit=9))[1] == large(2, "b" * LARGE, "c" * LARGE)
        await journal.delete(fork.key)
        compacted = stored(path)
        assert await journal.read(key, after=0, limit=9) == (large(3, "c" * LARGE),)
        await journal.delete(key)

    assert [len(found) for found in (at_first, forked, compacted, stored(path))] == [4, 5, 2, 0]


ANY = st.recursive(
    st.none() | st.integers() | WORDS | st.sampled_from(["0123456789", "ab" * 9, "@blob"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.just("@blob"), inner, max_size=2)
        | st.fixed_dictionaries({"@blob": inner})
    ),
    max_leaves=10,
)


@given(ANY)
def test_nothing_is_taken_for_a_mark_that_is_none(value):
    """Somebody else's JSON may look like our marks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blobs, "LARGE", 10)
        small, found = taken_out(value)

    if found:
        assert put_back(small, {blob.hash: blob.data for blob in found}) == value
    else:
        assert small is value


def test_what_is_nested_too_deeply_is_left_as_it_is():
    """It is large, and kept whole."""
    value: dict[str, Any] = {"text": HUGE}
    for _ in range(100_000):
        value = {"a": value}

    whole, found = taken_out(value)

    assert whole is value
    assert found == ()


def test_no_content_in_a_repr():
    """Of a blob and of what is in a row."""
    _, (blob,) = taken_out({"a": HUGE})

    assert "xxx" not in repr(blob)
