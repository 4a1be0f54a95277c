"""A runtime over a store on disk: what was running goes on in the next one, and what goes wrong with the disk is said."""

from __future__ import annotations

import sqlite3

import pytest
import structlog
import trio

import agentsup
from agentsup import telemetry
from agentsup.journal.entries import Entries
from agentsup.session.life import Life
from agentsup.session.services import Terminals
from agentsup.talk.events import Delivered, Noted, SessionStarted, TextDelta
from tests.kit.providers import at_claude


@agentsup.tool(effect="pure")
async def shout(text: str) -> str:
    """Say it loud."""
    return text.upper()


@pytest.fixture
def store(tmp_path):
    return tmp_path / "sessions.db"


def spec_for(provider, *tools, **options):
    return agentsup.SessionSpec(provider=provider, tools=tools, **options)


async def until(ref, count):
    """The results of so many requests, from the start."""
    results = []
    with trio.fail_after(120):
        async with ref.subscribe(after=0, overflow="block") as events:
            async for event in events:
                if event.result is not None:
                    results.append(event.result)
                    if len(results) == count:
                        break
    return results


async def test_what_was_running_goes_on_in_the_next_runtime(provider, store):
    """Left in the middle, the request ends in the next runtime by itself, and what was queued goes out once."""
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec_for(provider, shout))
        await ref.message('@sleep 0.3\n@tool shout {"text": "x"}\n@say {results}')
        await ref.message("@say queued")
        await trio.sleep(0.1)

    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec_for(provider, shout))
        results = await until(ref, 2)

        assert [result.text for result in results] == ["X", "queued"]
        info = await ref.info()
        assert (info.restarts, info.turns) == (0, 3)
        assert [turn.text for turn in await ref.history()] == ["", "X", "queued"]


async def test_sessions_come_back_by_themselves_where_they_can_be_described(provider, store):
    """`eager` brings back what has something to do; the others are known by their id and wake with the next word."""
    async with agentsup.open_runtime(store=store) as runtime:
        busy = await runtime.start_session("busy", spec_for(provider, metadata={"customer": 42}))
        await runtime.start_session("idle", spec_for(provider, metadata={"customer": 43}))
        await busy.message("@sleep 0.3\n@say done")
        await trio.sleep(0.1)
    asked = []

    def described(stored):
        asked.append((stored.session_id, stored.metadata["customer"]))
        return spec_for(provider)

    async with agentsup.open_runtime(store=store, spec_for=described) as runtime:
        (result,) = await until(runtime.session("busy"), 1)
        assert result.text == "done"
        assert (await runtime.session("idle").info()).state == "passivated"
        assert (await runtime.session("idle").submit("@say awake")).text == "awake"
    assert sorted(asked) == [("busy", 42), ("idle", 43)]


async def test_lazy_sessions_wait_for_a_word(provider, store):
    """Nothing runs until somebody asks; then all of it does. With `none`, only `start_session` takes them up."""
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec_for(provider))
        await ref.message("@sleep 0.3\n@say done")
        await trio.sleep(0.1)

    async with agentsup.open_runtime(store=store, spec_for=lambda _: spec_for(provider), recover="none") as runtime:
        with pytest.raises(agentsup.NoSuchSession):
            runtime.session("s")
    async with agentsup.open_runtime(store=store, spec_for=lambda _: spec_for(provider), recover="lazy") as runtime:
        await trio.sleep(0.1)
        assert (await runtime.session("s").info()).state == "passivated"
        assert (await runtime.session("s").submit("@say more")).text == "more"
        assert [result.text for result in await until(runtime.session("s"), 2)] == ["done", "more"]


async def test_sessions_of_the_store_begin_under_a_cap(provider, store):
    """None of them is asked to leave memory before whoever starts it has heard that it is open."""
    names = [f"s{number}" for number in range(6)]
    for _ in range(2):
        async with agentsup.open_runtime(store=store, max_resident=1) as runtime:
            with trio.fail_after(60):
                async with trio.open_nursery() as nursery:
                    for name in names:
                        nursery.start_soon(runtime.start_session, name, spec_for(provider))
                for name in names:
                    assert (await runtime.session(name).submit("@say here")).text == "here"


async def test_an_approval_still_waits_in_the_next_runtime(provider, store):
    """A person may take a night over it."""
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec_for(provider))
        await ref.message("@ask delete {}\n@say done")
        async with ref.subscribe(after=0) as events:
            async for event in events:
                if event.type == "approval_awaited":
                    break

    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec_for(provider))
        info = await ref.info()
        assert info.state == "awaiting_approval"
        await ref.confirm(info.pending_approvals[0].call_id, allow=True)
        assert [result.text for result in await until(ref, 1)] == ["done"]


async def test_a_call_in_doubt_waits_for_a_person_if_told_to(provider, store):
    """Cut off by the end of the process, an unsafe call is neither run again nor made up; a person says what came of it."""
    runs = []
    begun = trio.Event()

    @agentsup.tool
    async def pay(amount: int) -> str:
        """Cannot be taken back."""
        runs.append(amount)
        begun.set()
        if len(runs) == 1:
            await trio.sleep_forever()
        return f"paid {amount}"

    for doubt in (None, "paid after all"):
        runs.clear()
        begun = trio.Event()
        session_id = f"s-{doubt}"
        async with agentsup.open_runtime(store=store) as runtime:
            ref = await runtime.start_session(session_id, spec_for(provider, pay, in_doubt="wait"))
            await ref.message('@tool pay {"amount": 7}\n@say {results}')
            await begun.wait()

        async with agentsup.open_runtime(store=store) as runtime:
            ref = await runtime.start_session(session_id, spec_for(provider, pay, in_doubt="wait"))
            (use,) = await ref.doubts()
            assert use.name == "pay"
            await ref.resolve(use.call_id, doubt)
            (result,) = await until(ref, 1)

        assert result.text == (doubt or "paid 7")
        assert runs == ([7, 7] if doubt is None else [7])


async def test_a_subscriber_goes_on_from_its_cursor_in_the_next_runtime(provider, store):
    """Cursors mean the same in every runtime over one store."""
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec_for(provider))
        await ref.submit("@say one")
        seen = []
        async with ref.subscribe(after=0, overflow="block") as events:
            async for event in events:
                seen.append((event.cursor, event.type))
                if event.type == "said":
                    break

    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec_for(provider))
        await ref.submit("@say two")
        async with ref.subscribe(after=seen[-1][0], overflow="block") as events:
            async for event in events:
                if event.type != "text_delta":
                    seen.append((event.cursor, event.type))
                if event.result is not None and event.result.text == "two":
                    break

    assert [cursor for cursor, _ in seen] == list(range(1, len(seen) + 1))
    assert [kind for _, kind in seen].count("request_ended") == 2


async def test_a_fresh_session_under_an_old_id(provider, store):
    """The old one is ended and stays readable; without `fresh` it would go on."""
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec_for(provider))
        await ref.submit("@say old")
        old = (await ref.info()).provider_session_id
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec_for(provider), fresh=True)
        await ref.submit("@say new")

        assert (await ref.info()).provider_session_id != old
        assert [turn.text for turn in await ref.history()] == ["new"]
        past = await runtime.past("s", 1)
        assert [turn.text for turn in await past.history()] == ["old"]
        assert past.stored.ended
        lines = [line async for line in past.export()]
        assert len(lines) > 5


async def test_a_session_of_another_provider_is_not_taken_up(provider, store):
    """The kind of provider is part of what stands in the store."""
    async with agentsup.open_runtime(store=store) as runtime:
        await runtime.start_session("s", spec_for(provider))

    class Other(type(provider)):
        @property
        def kind(self):
            return "other"

    other = Other(agent="a", environment="e", api_key="k", base_url=provider.base_url, http=provider.http)
    async with agentsup.open_runtime(store=store) as runtime:
        with pytest.raises(agentsup.SpecError, match="lives at claude-managed-agents"):
            await runtime.start_session("s", spec_for(other))
        assert runtime.sessions() == ()


async def test_a_store_belongs_to_one_runtime(provider, store):
    """A second one is refused while the first lives, and is welcome afterwards."""
    async with agentsup.open_runtime(store=store):
        with pytest.raises(agentsup.StoreBusy):
            async with agentsup.open_runtime(store=store):
                pass
    async with agentsup.open_runtime(store=store):
        pass


@pytest.mark.parametrize("given", ["", 7, object(), b"bytes"])
async def test_a_store_that_is_none_is_refused_at_the_door(given):
    """Before anything is opened."""
    with pytest.raises(agentsup.SpecError):
        async with agentsup.open_runtime(store=given):
            pass


async def test_a_file_that_is_no_store_is_told(tmp_path):
    """A text file, or another program's database: neither is touched."""
    text = tmp_path / "notes.txt"
    text.write_text("these are no sessions " * 100)
    with pytest.raises(agentsup.StoreCorrupt):
        async with agentsup.open_runtime(store=text):
            pass
    assert text.read_text().startswith("these are no sessions")


async def test_a_locked_store_delays_and_loses_nothing(provider, store):
    """While another program holds the file, what was said waits; nothing new is taken on; then all of it goes on."""
    async with agentsup.open_runtime(store=agentsup.SQLiteStore(store, synchronous="normal")) as runtime:
        ref = await runtime.start_session("s", spec_for(provider))
        other = sqlite3.connect(store, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answers = []
        async with trio.open_nursery() as nursery:

            async def ask():
                answers.append((await ref.submit("@say kept")).text)

            nursery.start_soon(ask)
            with trio.fail_after(20):
                while runtime.journal.trouble is None:  # noqa: ASYNC110  -- it is told in the log, and to nobody who waits
                    await trio.sleep(0.02)
            with pytest.raises(agentsup.StoreError):
                await ref.message("@say not taken")
            assert (await ref.info()).state == "running"
            other.execute("ROLLBACK")
            other.close()

        assert answers == ["kept"]
        assert [turn.text for turn in await ref.history()] == ["kept"]


async def test_nothing_is_shown_before_it_is_durable(provider, store):
    """Nor what is kept nowhere, if it came behind; then all of it is, in order, and whoever waits is told."""
    journal = agentsup.SQLiteStore(store).journal()
    await journal.open()
    seen, told = [], []

    async def watch(*, task_status):
        async with life.subscribe(after=None, buffer=99, overflow="block") as events:
            task_status.started()
            async for event in events:
                seen.append((event.cursor, event.type))  # noqa: PERF401  -- it is looked at while it grows

    async def wait():
        await waiting.wait()
        told.append("delivered")

    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as writing:
            writing.start_soon(journal.run_writer)
            stored = await journal.register("s", provider=provider.kind, metadata={}, at=0.0)
            life = Life(stored, spec_for(provider), journal=journal, listener=Terminals())
            await life.take_up()
            writing.cancel_scope.cancel()
        await nursery.start(watch)
        waiting = life.awaited.delivery("k")
        nursery.start_soon(wait)
        life.record((SessionStarted(token="t"),), life.resident.state)
        life.show(TextDelta(message_id="m", text="a"))
        life.record((Delivered(keys=("k",)), Noted(id=None, raw={})), life.resident.state)
        await trio.testing.wait_all_tasks_blocked()
        assert (seen, told, life.published) == ([], [], 0)

        nursery.start_soon(journal.run_writer)
        await journal.flush()
        await trio.testing.wait_all_tasks_blocked()
        assert seen == [(1, "session_started"), (1, "text_delta"), (2, "delivered"), (3, "noted")]
        assert (told, life.published) == (["delivered"], 3)
        nursery.cancel_scope.cancel()
    await journal.aclose()


async def test_what_is_taken_up_before_it_is_durable_is_shown_and_acted_on_when_it_is(provider, store):
    """A task in a tree of the user's own begins a session anew while the store cannot be written: it waits for what the one before left."""
    journal = agentsup.SQLiteStore(store).journal()
    await journal.open()
    taken_up = trio.Event()
    async with trio.open_nursery() as writing:
        writing.start_soon(journal.run_writer)
        stored = await journal.register("s", provider=provider.kind, metadata={}, at=0.0)
        writing.cancel_scope.cancel()
    entries = Entries(1, 0.0, (SessionStarted(token="t"),))
    journal.append(stored.key, entries, committed=lambda _: None)
    life = Life(stored, spec_for(provider), journal=journal, listener=Terminals())

    async def take_up():
        await life.take_up()
        taken_up.set()

    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as beginning:
            beginning.start_soon(take_up)
            for _ in range(3):  # as often as it takes a journal to have answered the other one
                assert (await life.peek()).token == "t"
            assert not taken_up.is_set()
            nursery.start_soon(journal.run_writer)
        nursery.cancel_scope.cancel()
    await journal.aclose()

    assert (life.published, [entry.cursor async for entry in life.entries()]) == (1, [1])


async def test_a_store_that_is_lost_for_good_ends_the_runtime(provider, store):
    """Somebody takes the store over: this runtime ends with that error, and tells whoever waits."""
    ended = []

    async def ask(ref):
        with pytest.raises(agentsup.SessionClosed):
            await ref.submit("@sleep 100\n@say never")
        ended.append(True)

    async with trio.open_nursery() as nursery:
        with pytest.raises(agentsup.Fenced):
            async with agentsup.open_runtime(store=store) as runtime:
                ref = await runtime.start_session("s", spec_for(provider))
                nursery.start_soon(ask, ref)
                await trio.sleep(0.2)
                with sqlite3.connect(store) as other:
                    other.execute("UPDATE lease SET epoch = epoch + 1")
                other.close()
                await ref.message("@say one more")
                await trio.sleep_forever()
    assert ended == [True]


async def test_what_is_logged_says_whose_it_is(provider, store):
    """A tool's own log lines carry the session's and the request's ids, without its doing."""
    bound = []

    @agentsup.tool(effect="pure")
    async def look() -> str:
        """Look at what is bound."""
        bound.append(dict(structlog.contextvars.get_contextvars()))
        return ""

    async with agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec_for(provider, look))
        result = await ref.submit("@tool look {}\n@say done")

    (context,) = bound
    assert result.text == "done"
    assert context["session_id"] == "s"
    assert context["turn"] == 2
    assert context["request_id"]


@pytest.fixture
async def provider(sim_on_a_clock):
    async with sim_on_a_clock.client() as client:
        yield await at_claude(client)


@pytest.fixture
async def sim_on_a_clock():
    """In memory, but by the real clock: a disk does not wait for a mock one."""
    async with agentsup.testing.open_simulator() as simulator:
        yield simulator


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (lambda spec: {}["plan"], KeyError),
        (lambda spec: "no spec", agentsup.SpecError),
        (
            lambda spec: agentsup.SessionSpec(provider=agentsup.ClaudeManagedAgents(agent="", environment="e")),
            Exception,
        ),
    ],
    ids=["raises", "no-spec", "unfit"],
)
@pytest.mark.parametrize("recover", ["eager", "lazy"])
async def test_a_session_that_cannot_be_described_keeps_no_other_from_coming_back(provider, store, bad, kind, recover):
    """It is listed with its error, told to whoever measures, refused by its id, and taken up by `start_session` with a spec that is right."""
    async with agentsup.open_runtime(store=store) as runtime:
        for name in ("good", "bad", "other"):
            ref = await runtime.start_session(name, spec_for(provider, metadata={"name": name}))
            await ref.message("@sleep 0.3\n@say done")
        await trio.sleep(0.1)
    told = []

    def described(stored):
        return bad(None) if stored.session_id == "bad" else spec_for(provider)

    with telemetry.attached(told.append):
        async with agentsup.open_runtime(store=store, spec_for=described, recover=recover) as runtime:
            for name in ("good", "other"):
                assert (await runtime.session(name).submit("@say on")).text == "on"
            (unrecovered,) = runtime.unrecovered()
            assert unrecovered.stored.session_id == "bad"
            assert isinstance(unrecovered.error, kind)
            with pytest.raises(
                agentsup.NoSuchSession, match=r"could not be brought back \(\w+\): see Runtime.unrecovered"
            ):
                runtime.session("bad")
            (event,) = [event for event in told if event.name == "session.not_recovered"]
            assert event.metadata["error"] == type(unrecovered.error).__name__
            assert event.metadata["labels"] == {"name": "bad"}
            assert set(event.metadata) == set(telemetry.SESSION_NOT_RECOVERED.metadata)

            ref = await runtime.start_session("bad", spec_for(provider))
            assert runtime.unrecovered() == ()
            (result,) = await until(ref, 1)
            assert result.text == "done"
