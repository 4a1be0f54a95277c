"""The official client in both flavours, used in one way: what a test awaits and iterates, the sync client does in a thread."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial

import anthropic
import trio

from agentsup.sim.server import serve

FLAVOUR = "async"
"""Which one `official` opens; a fixture sets it."""

TOOL = {
    "type": "custom",
    "name": "count",
    "description": "Counts.",
    "input_schema": {"type": "object", "properties": {}},
}


@asynccontextmanager
async def official(**options):
    """The official client, pointed at a served simulator."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve)
        options = {"api_key": "any", "base_url": url, "timeout": 10, **options}
        if FLAVOUR == "async":
            async with anthropic.AsyncAnthropic(**options) as client:
                yield client
        else:
            with anthropic.Anthropic(**options) as client:
                yield InThread(client)
        nursery.cancel_scope.cancel()


class InThread:
    """Something of the sync client's: its methods are called in a thread when they are awaited or iterated."""

    def __init__(self, thing):
        self._thing = thing

    def __getattr__(self, name):
        found = getattr(self._thing, name)
        return Call(found) if callable(found) and not hasattr(found, "beta") else InThread(found)


class Call:
    """A method; also a group of methods, which the client hands out as a callable."""

    def __init__(self, method):
        self._method = method

    def __getattr__(self, name):
        return getattr(InThread(self._method), name)

    def __call__(self, *args, **kwargs):
        return Later(partial(self._method, *args, **kwargs))


class Later:
    """A call that is made when somebody wants its outcome."""

    def __init__(self, do):
        self._do = do

    def __await__(self):
        return self._outcome().__await__()

    async def _outcome(self):
        found = await trio.to_thread.run_sync(self._do)
        if isinstance(found, anthropic.Stream):
            return StreamInThread(found)
        return InThread(found) if hasattr(found, "read") and hasattr(found, "iter_bytes") else found

    async def __aiter__(self):
        for item in await trio.to_thread.run_sync(lambda: list(self._do())):
            yield item


class StreamInThread:
    """A stream, read event by event."""

    def __init__(self, stream):
        self._stream = stream

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await trio.to_thread.run_sync(self._stream.close)

    def __aiter__(self):
        return self

    async def __anext__(self):
        event = await trio.to_thread.run_sync(lambda: next(self._stream, None))
        if event is None:
            raise StopAsyncIteration
        return event


def message(text):
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


async def session_of(client):
    agent = await client.beta.agents.create(name="clerk", model="claude-x", tools=[TOOL])
    environment = await client.beta.environments.create(name="desk")
    return await client.beta.sessions.create(agent=agent.id, environment_id=environment.id)
