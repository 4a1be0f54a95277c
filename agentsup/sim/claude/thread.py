"""One thread of a session: the session's own, or a child that works for it and speaks on a feed of its own.

Rules: API reference, "Session threads"; what a child asks of the client is cross-posted to the session under an id of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs
import trio

from agentsup.sim.exchange import Json

from .content import text_block
from .feed import Feed
from .usage import Stopwatch, Tokens

if TYPE_CHECKING:
    from .session import Session


class Voice(Protocol):
    """Who a turn speaks as: the session itself, or a child thread."""

    @property
    def feed(self) -> Feed:
        """Where what it says is published."""

    @property
    def thread_id(self) -> str:
        """Its thread."""

    @property
    def agent(self) -> Json:
        """The definition of the agent that speaks."""

    def event(self, kind: str, /, **fields: Any) -> Json:
        """A processed event with a new id, not yet published."""

    def post(self, kind: str, /, **fields: Any) -> Json:
        """Publishes a processed event."""

    def request(self, kind: str, /, **fields: Any) -> tuple[Json, Json]:
        """Publishes something the client is to answer: the event among the speaker's own, and the one whose id the client will name."""

    def count(self, tokens: Tokens) -> None:
        """Adds the tokens of a model call."""

    def hear(self, answer: Json) -> None:
        """Has the answer to a call of its own among its events; the session has it already."""

    def rest(self, stop_reason: Json, own_reason: Json) -> None:
        """Says that it waits, and why in the words of either feed; the session says so for itself."""

    def go_on(self) -> None:
        """Says that it works again; likewise."""

    def reschedule(self) -> None:
        """Says that the provider tries again, and that it works again with that."""


@attrs.define(eq=False)
class Thread:
    """A thread as the API shows it."""

    id: str
    place: int
    session_id: str
    agent: Json = attrs.field(repr=False)
    created_at: str
    feed: Feed
    parent_id: str | None = None
    """None for the session's own thread."""
    status: str = "idle"
    updated_at: str = ""
    archived_at: str | None = None
    tokens: Tokens = attrs.field(factory=Tokens)
    work: Stopwatch = attrs.field(factory=Stopwatch, repr=False)
    _began: float = attrs.field(factory=trio.current_time, repr=False)

    def view(self, session: Session) -> Json:
        """The thread as the API writes it; the session's own shares the session's state."""
        own = self.parent_id is None
        active_s = session.active_s if own else self.work.seconds
        return {
            "id": self.id,
            "type": "session_thread",
            "session_id": self.session_id,
            "parent_thread_id": self.parent_id,
            "agent": {key: value for key, value in self.agent.items() if key != "multiagent"},
            "status": session.status if own else self.status,
            "stats": {
                "active_seconds": round(active_s, 3),
                "duration_seconds": round(trio.current_time() - self._began, 3),
                "startup_seconds": 0.0,
            },
            "usage": self.tokens.snapshot(active_s=active_s, server_tools=session.server_tools if own else {}),
            "workflow_run_id": None,
            "created_at": self.created_at,
            "updated_at": session.updated_at if own else self.updated_at or self.created_at,
            "archived_at": self.archived_at,
        }


class Child:
    """The voice of a child thread."""

    def __init__(self, session: Session, thread: Thread) -> None:
        self._session = session
        self._thread = thread
        self._last_said: list[Json] = []

    @property
    def feed(self) -> Feed:
        """The child's own feed."""
        return self._thread.feed

    @property
    def thread_id(self) -> str:
        """The child's thread."""
        return self._thread.id

    @property
    def agent(self) -> Json:
        """The definition of the child's agent."""
        return self._thread.agent

    def event(self, kind: str, /, **fields: Any) -> Json:
        """A processed event with a new id, not yet published."""
        made = self._session.event(kind, **fields)
        if kind == "agent.message" and isinstance(made.get("content"), list):
            self._last_said = made["content"]
        return made

    def post(self, kind: str, /, **fields: Any) -> Json:
        """Publishes an event on the child's feed."""
        return self._thread.feed.publish(self.event(kind, **fields))

    def request(self, kind: str, /, **fields: Any) -> tuple[Json, Json]:
        """Publishes a call on the child's feed, and for the client on the session's, where it has an id of its own."""
        own = self.post(kind, **fields)
        return own, self._session.post(kind, **fields, session_thread_id=self._thread.id)

    def hear(self, answer: Json) -> None:
        """Has the answer among the child's events, under an id of its own there."""
        self.post(
            answer["type"], **{key: value for key, value in answer.items() if key not in ("id", "type", "processed_at")}
        )

    def count(self, tokens: Tokens) -> None:
        """Adds tokens to the child and to the session."""
        self._thread.tokens += tokens
        self._session.tokens += tokens

    def rest(self, stop_reason: Json, own_reason: Json, stop_details: Json | None = None) -> None:
        """Says on both feeds that the child waits, on each for what stands there."""
        self._turn_to("idle")
        for post, reason in ((self._session.post, stop_reason), (self.post, own_reason)):
            post("session.thread_status_idle", **self._about(), stop_reason=reason, stop_details=stop_details)

    def go_on(self) -> None:
        """Says on both feeds that the child works."""
        self._turn_to("running")
        self._both("session.thread_status_running")

    def begin(self, task: str) -> None:
        """The child exists, has its task, and works. The session's own agent is named in no message: that is how it is known."""
        name = self._thread.agent["name"]
        self._session.post(
            "session.thread_created", session_thread_id=self._thread.id, agent_name=name, workflow_run_id=None
        )
        self.go_on()
        content = [text_block(task)]
        self._session.post(
            "agent.thread_message_sent", to_session_thread_id=self._thread.id, to_agent_name=name, content=content
        )
        self.post("agent.thread_message_received", from_session_thread_id=self._session.thread_id, content=content)

    def reschedule(self) -> None:
        """Says on both feeds that the provider tries again, and has the session say it."""
        self._turn_to("rescheduling")
        self._both("session.thread_status_rescheduled")
        self._session.reschedule()
        self.go_on()

    def stop(self, stop_reason: Json, stop_details: Json | None) -> None:
        """The child rests without a reply; one that was archived meanwhile has said its last."""
        if self._thread.archived_at is None:
            self.rest(stop_reason, stop_reason, stop_details)

    def terminate(self) -> None:
        """The child is over: it says so on both feeds, and nothing after that."""
        self._turn_to("terminated")
        self._both("session.thread_status_terminated")

    def finish(self) -> None:
        """The child replies with the last thing it said, and rests."""
        name = self._thread.agent["name"]
        reply = self._last_said or [text_block("")]
        self.post("agent.thread_message_sent", to_session_thread_id=self._session.thread_id, content=reply)
        self._session.post(
            "agent.thread_message_received", from_session_thread_id=self._thread.id, from_agent_name=name, content=reply
        )
        end_turn = {"type": "end_turn"}
        self.rest(end_turn, end_turn)

    def _turn_to(self, status: str) -> None:
        self._thread.status = status
        self._thread.work.turn(on=status == "running")
        self._thread.updated_at = self._session.world.calendar.stamp()

    def _both(self, kind: str) -> None:
        self._session.post(kind, **self._about())
        self.post(kind, **self._about())

    def _about(self) -> Json:
        return {"session_thread_id": self._thread.id, "agent_name": self._thread.agent["name"]}
