"""The journal in SQLite against the one in memory, whatever happens to its writer and its file's holder on the way."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import attrs
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentsup.errors import NotFound, SpecError
from agentsup.journal import places, scribe
from agentsup.journal.entries import Entries
from agentsup.journal.memory import MemoryJournal
from agentsup.journal.sqlite import SQLiteJournal
from agentsup.talk import events as ev
from tests.journal.kit import NOW, Told, check_index, ended, entry, everything, register, started, state
from tests.kit.strategies import KEPT

NAMES = st.sampled_from(["a", "b"])
PLACE = st.integers(0, 5)
"""Which of the sessions there are."""


@attrs.frozen
class Do:
    """A step: a method of `Play`, and what it is given."""

    name: str
    args: tuple[object, ...] = ()


OVER = ev.RequestEnded(request_id="r", terminal="end_turn")
BODIES = st.one_of(st.none(), st.sampled_from([started(1).body, OVER, ended(1).body]), KEPT)
FORKED = ev.Forked(source="a", cursor=1)
STEPS = st.one_of(
    st.builds(Do, st.just("register"), st.tuples(NAMES)),
    st.builds(Do, st.just("append"), st.tuples(PLACE, st.lists(BODIES, max_size=4))),
    st.builds(Do, st.just("append"), st.tuples(PLACE, st.lists(st.none(), max_size=8))),
    st.builds(Do, st.just("snapshot"), st.tuples(PLACE, st.integers(0, 8))),
    st.builds(Do, st.just("compact"), st.tuples(PLACE, st.integers(0, 12))),
    st.builds(Do, st.just("fork"), st.tuples(PLACE, NAMES, st.integers(0, 8), st.none() | st.just(FORKED))),
    st.builds(Do, st.just("delete"), st.tuples(PLACE)),
    st.builds(Do, st.sampled_from(["crash_before", "crash_after"])),
    st.builds(Do, st.sampled_from(["settle", "reopen", "compare"])),
)


class Bug(Exception):
    """What ends a writer."""


class Play:
    """Both journals, told the same."""

    def __init__(self, path: Path, nursery: trio.Nursery) -> None:
        self.path = path
        self.nursery = nursery
        self.model = MemoryJournal()
        self.keys: list[tuple[object, object]] = []
        self.told, self.model_told = Told(), Told()
        self.crashes: list[str] = []
        self.open_journal()

    def open_journal(self) -> None:
        self.journal = SQLiteJournal(self.path)
        self.writing = trio.CancelScope()

    async def begin(self) -> None:
        await self.journal.open()
        self.nursery.start_soon(self.supervise)

    async def supervise(self) -> None:
        """Start a writer again whenever one has died, as a supervisor does."""
        with self.writing as scope:
            while not scope.cancel_called:
                with suppress(Bug):
                    await self.journal.run_writer()

    def attempt(self, *args: object) -> None:
        """A writer's attempt, with the next crash in it, before or after the work of the thread."""
        crash = self.crashes.pop() if self.crashes else None
        if crash == "before":
            raise Bug
        ATTEMPT(*args)
        if crash == "after":
            raise Bug

    def session(self, place: int):
        return self.keys[place % len(self.keys)] if self.keys else None

    async def both(self, call) -> tuple[object, object]:
        """The same for both journals: they agree whether it can be done."""
        outcomes = []
        for journal, side in ((self.journal, 0), (self.model, 1)):
            try:
                outcomes.append(await call(journal, side))
            except (SpecError, NotFound) as exc:
                outcomes.append(type(exc))
        ours, theirs = outcomes
        assert isinstance(ours, type) == isinstance(theirs, type)
        if isinstance(ours, type):
            assert ours is theirs
        return ours, theirs

    async def register(self, name: str) -> None:
        ours, theirs = await self.both(lambda journal, _: register(journal, name))
        self.keys.append((ours.key, theirs.key))

    async def append(self, place: int, bodies) -> None:
        keys = self.session(place)
        if keys is None:
            return
        last = self.model._books[keys[1]].last if keys[1] in self.model._books else 0
        found = (entry(last + 1 + n, body).body for n, body in enumerate(bodies))
        entries = Entries(last + 1, NOW, tuple(found))  # also none at all

        async def call(journal, side):
            told = (self.told, self.model_told)[side]
            journal.append(keys[side], entries, committed=told.of(keys[side]))

        await self.both(call)

    async def snapshot(self, place: int, back: int) -> None:
        keys = self.session(place)
        if keys is None:
            return
        last = self.model._books[keys[1]].last if keys[1] in self.model._books else 0

        async def call(journal, side):
            journal.snapshot(keys[side], last - back, state(f"at {last - back}"))

        await self.both(call)

    async def compact(self, place: int, upto: int) -> None:
        keys = self.session(place)
        if keys is not None:
            ours, theirs = await self.both(lambda journal, side: journal.compact(keys[side], upto))
            assert ours == theirs

    async def fork(self, place: int, name: str, upto: int, body) -> None:
        keys = self.session(place)
        if keys is not None:

            async def call(journal, side):
                return await journal.fork(keys[side], name, upto=upto, at=NOW, body=body)

            ours, theirs = await self.both(call)
            if not isinstance(ours, type):
                self.keys.append((ours.key, theirs.key))

    async def delete(self, place: int) -> None:
        keys = self.session(place)
        if keys is not None:
            await self.both(lambda journal, side: journal.delete(keys[side]))

    async def crash_before(self) -> None:
        self.crashes.append("before")

    async def crash_after(self) -> None:
        self.crashes.append("after")

    async def settle(self) -> None:
        await self.journal.flush()

    async def reopen(self) -> None:
        self.crashes.clear()
        self.writing.cancel()
        await self.journal.aclose()
        self.open_journal()
        await self.begin()
        await self.journal.sessions(all_generations=True)  # as whoever opens a store asks what is in it

    async def compare(self) -> None:
        await self.journal.flush()
        check_index(self.path)
        assert await everything(self.journal) == await everything(self.model)
        for ours, theirs in self.keys:
            assert self.told.cursors.get(ours) == self.model_told.cursors.get(theirs)


ATTEMPT = scribe._attempt


async def play(steps: list[Do], new: int) -> None:
    usual = places.NEW
    with tempfile.TemporaryDirectory() as folder:
        async with trio.open_nursery() as nursery:
            game = Play(Path(folder) / "store.db", nursery)
            scribe._attempt = game.attempt
            places.NEW = new
            try:
                await game.begin()
                for step in steps:
                    await getattr(game, step.name)(*step.args)
                await game.compare()
                await game.reopen()
                await game.compare()
            finally:
                scribe._attempt = ATTEMPT
                places.NEW = usual
                game.writing.cancel()
                await game.journal.aclose()


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=25), st.sampled_from([1, 2, 5, places.NEW]))
@example(
    [
        Do("register", ("a",)),
        *(step for crash in ("crash_before", "crash_after") for step in (Do(crash), Do("append", (0, [None, None])))),
        Do("settle"),
        Do("snapshot", (0, 1)),
        Do("settle"),
        Do("snapshot", (0, 2)),
        Do("compare"),
    ],
    places.NEW,
)
def test_both_journals_say_the_same(steps, new):
    """Registering, appending, forking, compacting, deleting; with crashes of the writer before and after it wrote, and reopenings; and
    however seldom or often the small part of the index goes over into the large one.
    """
    trio.run(play, steps, new)
