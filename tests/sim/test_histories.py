"""Whatever clients do to a session, and in whatever order: its history stays one that the service could have written."""

from __future__ import annotations

from itertools import pairwise

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup import sim

from .kit import HEADERS, Listener, collect, history, message, of_type, send

SCRIPTS = (
    "@thread red\n@tool a {}\n@say {results}\n@thread blue\n@tool b {}",
    "hi",
    "@say a\n@sleep 5\n@say b",
    "@tool a {}\n@tool b {}\n@say {results}",
    "@ask q {}\n@say {results}",
    "@thread red\n@tool a {}\n@say {results}\n@thread blue\n@sleep 5\n@say b",
    "@tool bash {}\n@thread red\n@ask q {}\n@thread blue\n@tool bash {}\n@tool c {}",
    "@error x retrying\n@say a\n@error y exhausted",
    "@thread red\n@error x retrying\n@tool a {}\n@error y exhausted",
    "@deltas 5 3\n@thread red\n@stop refusal",
    "@usage 40000 10000\n@tool a {}\n@usage 40000 10000",
)
OUTCOME = {"type": "user.define_outcome", "rubric": {"type": "text", "content": "r"}, "max_iterations": 2}
SYSTEM = {"type": "system.message", "content": [{"type": "text", "text": "s"}]}
ANSWERS = {
    "agent.custom_tool_use": ("user.custom_tool_result", "custom_tool_use_id", {}),
    "agent.tool_use": ("user.tool_result", "tool_use_id", {}),
    "asked": ("user.tool_confirmation", "tool_use_id", {"result": "allow"}),
}
NUMBERS = st.integers(0, 5)
SPOKEN = st.integers(0, len(SCRIPTS) - 1)
FIRST = st.tuples(st.sampled_from(["say", "pursue"]), SPOKEN)
ACTIONS = st.one_of(
    FIRST,
    st.tuples(st.sampled_from(["answer", "answer wrongly", "interrupt", "archive a thread"]), NUMBERS),
    st.tuples(st.sampled_from(["interrupt everything", "interrupt what works", "archive what works"]), st.just(0)),
    st.tuples(st.sampled_from(["tell", "raise the budget"]), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 60])),
)


def answer_to(call):
    """The event that answers a call."""
    kind = "asked" if call.get("evaluated_permission") == "ask" else call["type"]
    event_type, field, fields = ANSWERS[kind]
    return {"type": event_type, field: call["id"], **fields}


def calls_of(events):
    """Every call that somebody was to answer, by id."""
    named = {key for idle in of_type(events, "session.status_idle") for key in idle["stop_reason"].get("event_ids", ())}
    return {event["id"]: event for event in events if event["id"] in named}


def open_calls(events):
    """Those that the newest idle names, if the session rests."""
    last = [event for event in events if event["type"].startswith("session.status_")][-1:]
    ids = last[0]["stop_reason"].get("event_ids", ()) if last and last[0]["type"] == "session.status_idle" else ()
    calls = calls_of(events)
    return [calls[key] for key in ids]


class Client:
    """Somebody who does things to one session, and looks whether all is well after each."""

    def __init__(self, http, session):
        self._http = http
        self._session = session
        self._budget = 100

    async def do(self, action, number):
        """One thing; whether it was right is answered with 200, else with 400."""
        events = await history(self._http, self._session)
        match action:
            case "say":
                await self._send(message(SCRIPTS[number]))
            case "pursue":
                await self._send({**OUTCOME, "description": SCRIPTS[number]})
            case "tell":
                await self._send(SYSTEM)
            case "answer":
                waiting = open_calls(events)
                if waiting and not self._spent(events):
                    answer = await self._send(answer_to(waiting[number % len(waiting)]))
                    assert answer.status_code == 200, answer.text
            case "answer wrongly":
                closed = [call for key, call in calls_of(events).items() if call not in open_calls(events)]
                if closed:
                    assert (await self._send(answer_to(closed[number % len(closed)]))).status_code == 400
            case "wait":
                await trio.sleep(number)
            case "raise the budget":
                self._budget += 1000
                body = {"budget": {"type": "limit", "max_list_cost": {"amount": str(self._budget), "currency": "USD"}}}
                assert (await self._http.post(f"/v1/sessions/{self._session}", json=body)).status_code == 200
            case _:
                await self._do_to_a_thread(action, number)

    async def _do_to_a_thread(self, action, number):
        match action:
            case "interrupt everything":
                await self._send({"type": "user.interrupt"})
            case "interrupt" | "interrupt what works":
                thread = await self._thread(number if action == "interrupt" else -1)
                await self._send({"type": "user.interrupt", "session_thread_id": thread["id"]})
            case "archive a thread" | "archive what works":
                thread = await self._thread(number if action == "archive a thread" else -1)
                answer = await self._http.post(f"/v1/sessions/{self._session}/threads/{thread['id']}/archive")
                assert answer.status_code == (
                    200 if thread["status"] != "running" and thread["parent_thread_id"] else 400
                )

    async def come_to_an_end(self):
        """Answers what waits and pays what is spent, until the session rests with nothing to do."""
        for _ in range(200):
            await trio.sleep(100)
            events = await history(self._http, self._session)
            if self._spent(events):
                await self.do("raise the budget", 0)
            elif open_calls(events):
                await self.do("answer", 0)
            else:
                return events
        raise AssertionError("the session never came to an end")

    async def look(self):
        """The state agrees with the history, and the history with itself."""
        await trio.testing.wait_all_tasks_blocked()
        events = await history(self._http, self._session)
        shown = (await self._http.get(f"/v1/sessions/{self._session}")).json()
        states = [event["type"] for event in events if event["type"].startswith("session.status_")]
        assert shown["status"] == (states[-1].removeprefix("session.status_") if states else "idle")
        processed = [event["processed_at"] for event in events if event["processed_at"]]
        assert processed == sorted(processed)
        assert all(event["processed_at"] is None for event in events[len(processed) :])
        assert len({event["id"] for event in events}) == len(events)
        for before, event in pairwise(events):
            assert event["type"] != "session.status_idle" or before["type"] == "session.usage"
        at_work = False
        for event in events:
            if event["type"].startswith("session.status_"):
                at_work = event["type"] in ("session.status_running", "session.status_rescheduled")
            assert at_work or not event["type"].startswith(("agent.", "span.")), event
        for thread in await self._threads():
            await self._look_at(thread, events)

    async def _look_at(self, thread, events):
        if thread["parent_thread_id"] is None:
            return
        path = f"/v1/sessions/{self._session}/threads/{thread['id']}/events"
        trace = (await self._http.get(path)).json()["data"]
        for feed in (trace, events):
            told = [
                event["type"].removeprefix("session.thread_status_")
                for event in feed
                if event["type"].startswith("session.thread_status_") and event["session_thread_id"] == thread["id"]
            ]
            assert told[-1] == thread["status"]
            assert "terminated" not in told[:-1]

    async def _send(self, event):
        answer = await send(self._http, self._session, event)
        assert answer.status_code in (200, 400), answer.text
        return answer

    async def _threads(self):
        return (await self._http.get(f"/v1/sessions/{self._session}/threads")).json()["data"]

    async def _thread(self, number):
        """One of them; the newest is the one that works, if a child does."""
        threads = await self._threads()
        return threads[-1] if number < 0 else threads[number % len(threads)]

    def _spent(self, events):
        last = [event for event in events if event["type"].startswith("session.status_")][-1:]
        return bool(last) and last[0].get("stop_reason") == {"type": "budget_reached"}


async def new_session(client):
    """A session in which everything can happen: its own workers, a budget, a toolset."""
    tools = [{"type": "agent_toolset_20260401"}]
    agent = (await client.post("/v1/agents", json={"name": "a", "model": "m", "tools": tools})).json()["id"]
    home = {"name": "e", "config": {"type": "self_hosted"}}
    environment = (await client.post("/v1/environments", json=home)).json()["id"]
    budget = {"type": "limit", "max_list_cost": {"amount": "100", "currency": "USD"}}
    body = {"agent": agent, "environment_id": environment, "budget": budget}
    return (await client.post("/v1/sessions", json=body)).json()["id"]


@settings(max_examples=100, deadline=None)
@given(FIRST, st.lists(ACTIONS, max_size=10))
def test_histories(first, actions):
    """After every step state and history agree; in the end nothing is left open, and a stream heard all there is."""

    async def main():
        async with (
            sim.open_simulator() as simulator,
            simulator.client(headers=HEADERS) as http,
            trio.open_nursery() as nursery,
        ):
            session = await new_session(http)
            client, listener = Client(http, session), Listener()

            async def listen(*, task_status):
                await collect(http, f"/v1/sessions/{session}/events/stream", {}, listener, task_status)

            await nursery.start(listen)
            for action, number in (first, *actions):
                await client.do(action, number)
                await client.look()
            events = await client.come_to_an_end()
            await client.look()
            nursery.cancel_scope.cancel()
        return events, listener.events

    events, heard = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))

    kinds = [event["type"] for event in events]
    assert all(event["processed_at"] for event in events)
    assert kinds.count("span.model_request_start") == kinds.count("span.model_request_end")
    assert kinds.count("span.outcome_evaluation_start") == kinds.count("span.outcome_evaluation_end")
    assert [event for event in heard if event["processed_at"]] == events
    assert {event["id"] for event in heard} == {event["id"] for event in events}
