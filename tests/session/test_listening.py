"""Whoever listens hears that nothing more will come, whatever became of the session or of the runtime."""

from __future__ import annotations

import attrs
import httpx
import pytest
import trio
import trio.testing

import agentsup


class Silent(httpx.AsyncBaseTransport):
    """A provider that never answers."""

    async def handle_async_request(self, request):
        await trio.sleep_forever()


async def test_whoever_subscribes_when_the_runtime_was_left_is_not_kept_waiting(autojump_clock):
    """Nothing will come."""
    async with agentsup.open_runtime() as runtime:
        pass

    with trio.fail_after(60):
        async with runtime.subscribe() as terminals:
            assert [event async for event in terminals] == []


async def test_a_start_that_is_called_off_leaves_nobody_listening_for_ever(provider, tmp_path):
    """Of a session of the store, which somebody found while it was about to be there: they hear that it is out of reach."""
    store = tmp_path / "sessions.db"
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
        await ref.submit("@say hi")
    heard, errors = [], []

    async def listen(ref):
        async with ref.subscribe(after=0) as events:
            heard.extend([event.type async for event in events])

    async def ask(ref):
        with pytest.raises(agentsup.SessionClosed, match="called off"):
            await ref.submit("@say more")
        errors.append(True)

    async with httpx.AsyncClient(transport=Silent(), base_url=provider.base_url) as http:
        spec = agentsup.SessionSpec(provider=attrs.evolve(provider, http=http))
        async with agentsup.open_runtime(store=store) as runtime, trio.open_nursery() as nursery:
            starting = trio.CancelScope()

            async def start():
                with starting:
                    await runtime.start_session("s", spec)

            nursery.start_soon(start)
            while not runtime.sessions():
                await trio.to_thread.run_sync(lambda: None)  # in the store's own time
            (ref,) = runtime.sessions()
            nursery.start_soon(listen, ref)
            nursery.start_soon(ask, ref)
            await trio.testing.wait_all_tasks_blocked(0.01)
            starting.cancel()

    assert "request_ended" in heard
    assert errors == [True]


async def test_a_subscriber_who_was_behind_is_told_what_a_deletion_took(world, autojump_clock):
    """Instead of an end without a word."""
    ref = await world.start()
    async with ref.subscribe(after=0, buffer=2, overflow="block") as events:
        for number in range(20):
            await ref.submit(f"@say {number}")
        await ref.close()
        last = (await world.runtime.stored())[0].last
        await world.runtime.delete("s1")
        got = [event async for event in events]

    assert [(event.type, event.dropped, event.cursor) for event in got] == [("dropped", last, last)]
    assert events.statistics().dropped == last
