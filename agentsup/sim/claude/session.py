"""One session: its record, its events, and how it speaks. What it does is `turn`, when it does it is `desk`."""

from __future__ import annotations

from typing import Any

import attrs
import trio

from agentsup.sim.exchange import Json
from agentsup.sim.world import World

from .feed import Feed
from .roster import member_named
from .thread import Child, Thread
from .usage import Stopwatch, Tokens


@attrs.define(eq=False)
class Session:
    """A session as the API shows it, and the feed of its events."""

    world: World = attrs.field(repr=False)
    id: str
    place: int
    agent: Json = attrs.field(repr=False)
    """The agent's definition at creation."""
    environment_id: str
    created_at: str
    updated_at: str
    title: str | None = attrs.field(default=None, repr=False)
    metadata: dict[str, str] = attrs.field(factory=dict, repr=False)
    resources: list[Json] = attrs.field(factory=list, repr=False)
    vault_ids: list[str] = attrs.field(factory=list)
    budget: Json | None = None
    deployment_id: str | None = None
    self_hosted: bool = False
    """Whether the customer's own workers run the agent's built-in tools."""
    threads: list[Thread] = attrs.field(init=False, repr=False)
    """The session's own thread first, then the children in the order they began."""
    status: str = "idle"
    archived_at: str | None = None
    outcomes: list[Json] = attrs.field(factory=list, repr=False)
    tokens: Tokens = attrs.field(factory=Tokens)
    server_tools: dict[str, int] = attrs.field(factory=dict)
    """How often each server-side tool ran."""
    spent: bool = False
    """The budget was reached: no message is taken until it is raised or removed."""
    feed: Feed = attrs.field(factory=Feed)
    last_action: Json | None = attrs.field(default=None, repr=False)
    """The newest requires_action idle, for `@stale`."""
    _began: float = attrs.field(factory=trio.current_time, repr=False)
    _ended: float | None = None
    _work: Stopwatch = attrs.field(factory=Stopwatch, repr=False)
    _funded: trio.Event = attrs.field(factory=trio.Event, repr=False)

    def __attrs_post_init__(self) -> None:
        thread_id = self.world.mint.id("sthr")
        self.threads = [Thread(thread_id, 1, self.id, self.agent, self.created_at, self.feed)]

    @property
    def thread_id(self) -> str:
        """The id of the session's own thread."""
        return self.threads[0].id

    def begin_child(self, name: str) -> Child:
        """A new child thread, at work."""
        now = self.world.calendar.stamp()
        agent = member_named(self.agent["multiagent"], name) or {**self.agent, "name": name, "multiagent": None}
        thread = Thread(
            self.world.mint.id("sthr"), len(self.threads) + 1, self.id, agent, now, Feed(), parent_id=self.thread_id
        )
        self.threads.append(thread)
        child = Child(self, thread)
        child.begin(f"a task for {name}")
        return child

    def post(self, kind: str, /, **fields: Any) -> Json:
        """Publishes a processed event of this session."""
        return self.feed.publish(self.event(kind, **fields))

    def event(self, kind: str, /, **fields: Any) -> Json:
        """A processed event with a new id."""
        return {"id": self.world.mint.id("sevt"), "type": kind, **fields, "processed_at": self.world.calendar.stamp()}

    def request(self, kind: str, /, **fields: Any) -> tuple[Json, Json]:
        """Publishes something the client is to answer; it has one id only."""
        event = self.post(kind, **fields)
        return event, event

    def post_input(self, event: Json) -> Json:
        """Publishes an event of the client's, which is processed with that."""
        return self.feed.publish({**event, "processed_at": self.world.calendar.stamp()})

    def settle(self, event: Json) -> None:
        """The turn of an event of the client's that had to wait has come."""
        self.feed.settle(event, self.world.calendar.stamp())

    def count(self, tokens: Tokens) -> None:
        """Adds the tokens of a model call of the session's own thread."""
        self.threads[0].tokens += tokens
        self.tokens += tokens

    def hear(self, answer: Json) -> None:
        """Nothing: the session has it."""

    def rest(self, stop_reason: Json, own_reason: Json) -> None:
        """Nothing: the session's idle says it already."""

    def go_on(self) -> None:
        """Nothing: the session's running says it already."""

    def run(self) -> None:
        """The agent goes to work."""
        self._turn_to("running")
        self.post("session.status_running")

    def reschedule(self) -> None:
        """The provider tries again: rescheduled, then running."""
        self._turn_to("rescheduling")
        self.post("session.status_rescheduled")
        self.run()

    def idle(self, stop_reason: Json, stop_details: Json | None = None) -> Json:
        """The agent rests; `session.usage` goes right before."""
        self._turn_to("idle")
        self.post_usage()
        event = self.post("session.status_idle", stop_reason=stop_reason, stop_details=stop_details)
        if stop_reason["type"] == "requires_action":
            self.last_action = event
        return event

    async def await_funds(self) -> None:
        """Rests because the budget is spent, until it is raised or removed."""
        self._spend()
        await self._funded.wait()

    def _spend(self) -> None:
        self.spent = True
        self._funded = trio.Event()
        reason = {"type": "budget_reached"}
        self.post(
            "session.thread_status_idle",
            session_thread_id=self.thread_id,
            agent_name=self.agent["name"],
            stop_reason=reason,
            stop_details=None,
        )
        self.idle(reason)

    def fund(self) -> None:
        """The budget was raised or removed: what stopped for it goes on by itself."""
        if self.spent:
            self.spent = False
            self._funded.set()
            self.run()

    def terminate(self) -> None:
        """The session is over; its streams end behind the event that says so."""
        self._turn_to("terminated")
        self._ended = trio.current_time()
        self.post("session.status_terminated")
        self.end_streams()

    def cut_streams(self) -> None:
        """Breaks every stream that is open on the session or one of its threads, in the middle of a frame."""
        for thread in self.threads:
            thread.feed.cut()

    def end_streams(self) -> None:
        """Ends every stream that is open on the session or one of its threads."""
        for thread in self.threads:
            thread.feed.end()

    def post_usage(self) -> None:
        """Publishes the snapshot of what was used."""
        self.post("session.usage", usage=self.usage(), budget=self.budget)

    @property
    def over_budget(self) -> bool:
        """Whether the list cost has reached the budget."""
        return self.budget is not None and self.tokens.cents >= int(self.budget["max_list_cost"]["amount"])

    @property
    def active_s(self) -> float:
        """Seconds at work."""
        return self._work.seconds

    def usage(self) -> Json:
        """The cumulative usage."""
        return self.tokens.snapshot(active_s=self.active_s, server_tools=self.server_tools)

    def _turn_to(self, status: str) -> None:
        self._work.turn(on=status == "running")
        self.status = status
        self.updated_at = self.world.calendar.stamp()

    def view(self) -> Json:
        """The session as the API writes it."""
        return {
            "id": self.id,
            "type": "session",
            "agent": self.agent,
            "environment_id": self.environment_id,
            "status": self.status,
            "title": self.title,
            "metadata": self.metadata,
            "resources": self.resources,
            "vault_ids": self.vault_ids,
            "outcome_evaluations": self.outcomes,
            "stats": {
                "active_seconds": round(self.active_s, 3),
                "duration_seconds": round((self._ended or trio.current_time()) - self._began, 3),
            },
            "usage": self.usage(),
            "budget": self.budget,
            "deployment_id": self.deployment_id,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "archived_at": self.archived_at,
        }
