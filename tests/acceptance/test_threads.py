"""A thread of a subagent ends while a tool runs for it, or while its result is on the way; real sockets, the provider refuses what is late."""

from __future__ import annotations

import trio

import agentsup

from .hostile import FAST, check_kept, envelope, hostile_provider

CHILD = "sthr_1"


async def use(c, n, **fields):
    return (await c.emit("agent.custom_tool_use", name="slow", input={"n": n}, **fields))["id"]


async def rest(c, text):
    await c.running()
    await c.say(text)
    await c.idle()


async def test_the_tool_of_an_ended_thread_is_cancelled_and_the_request_goes_on():
    """Nothing is posted for its call; the other call of the batch is answered, and the session is usable."""
    began, stopped = trio.Event(), []

    @agentsup.tool
    async def slow(n: int) -> str:
        if n == 2:
            return "mine"
        began.set()
        try:
            await trio.sleep_forever()
        finally:
            stopped.append(n)

    async def agent(c, text):
        await c.listened()
        await c.running()
        if text == "go":
            theirs, mine = await use(c, 1, session_thread_id=CHILD), await use(c, 2)
            await c.idle("requires_action", event_ids=[theirs, mine])
            await began.wait()
            await c.emit("session.thread_status_terminated", session_thread_id=CHILD, agent_name="helper")
            text = (await c.results([mine]))[0]
        await rest(c, f"it says {text}")

    with trio.fail_after(60):
        async with hostile_provider(agent) as server, agentsup.open_runtime() as runtime:
            spec = agentsup.SessionSpec(provider=server.provider, tools=[slow], reconnect=FAST)
            ref = await runtime.start_session("s", spec)

            result = await ref.submit("go")

            assert (result.terminal, result.text) == ("end_turn", "it says mine")
            assert stopped == [1]
            assert len(server.only.result_ids()) == 1
            assert (await ref.submit("again")).text == "it says again"
            await check_kept(ref, 2)
            async with ref.subscribe(after=0) as events:
                async for event in events:
                    if event.type == "thread_ended":
                        assert event.thread == CHILD
                        break


async def test_a_result_that_is_late_takes_no_other_with_it():
    """The provider refuses all of the POST for the one: the other result goes out again, alone."""
    refused = []

    @agentsup.tool(effect="pure")
    def slow(n: int) -> str:
        return f"result {n}"

    async def agent(c, text):
        await c.listened()
        await c.running()
        if text == "go":
            theirs, mine = await use(c, 1, session_thread_id=CHILD), await use(c, 2)
            await c.idle("requires_action", event_ids=[theirs, mine])
            text = (await c.results([mine]))[0]
        await rest(c, f"it says {text}")

    with trio.fail_after(60):
        async with hostile_provider(agent) as server, agentsup.open_runtime() as runtime:

            @server.hook("POST", r"/v1/sessions/[^/]+/events", times=10)
            async def late(request):
                results = [e for e in request.body["events"] if e["type"] == "user.custom_tool_result"]
                if len(results) < 2:
                    return False
                refused.append(len(results))
                await server.only.emit("session.thread_status_terminated", session_thread_id=CHILD, agent_name="helper")
                await server.answer(request, 400, envelope("invalid_request_error", "the thread takes no results"))
                return True

            spec = agentsup.SessionSpec(provider=server.provider, tools=[slow], reconnect=FAST)
            ref = await runtime.start_session("s", spec)

            result = await ref.submit("go")

            assert (result.terminal, result.text) == ("end_turn", "it says result 2")
            assert refused == [2]
            assert len(server.only.result_ids()) == 1
            await check_kept(ref, 1)
