"""One turn: the simulated agent performs a script, direction by direction.

A turn is a chain of model calls (`span.model_request_start` to `_end`): one from the start or from the answers to a batch of calls
to the next batch, and a further one at every second `@usage`. Nothing in a turn waits except `@sleep`, open calls, and `@deltas` for
those who listen to them, so what follows a `@cut` is published before anybody can have come back.

Threads work one after the other: the session's own first, then each child for its part of the script. A child can be stopped alone;
the next part then goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, assert_never

import attrs
import trio

from agentsup.sim import directions
from agentsup.sim.directions import Direction
from agentsup.sim.exchange import Json

from .calls import Batch, Call
from .content import text_block, text_of
from .definition import runs_built_in
from .inputs import RESULT_ID_FIELDS
from .session import Session
from .speech import Speech
from .thread import Child, Voice
from .usage import Tokens

_ERROR_FIELDS: dict[str, Json] = {
    "mcp_": {"mcp_server_name": "simulated"},
    "credential_host_": {"credential_id": "vcrd_simulated", "vault_id": "vlt_simulated"},
    "repository_": {"repository_url": None},
}
"""What some kinds of provider error carry besides, by the beginning of their type."""

_DENIED = "the user denied this call"


def _server_tool(name: str) -> tuple[str, Json]:
    """The event by which a tool of the provider's is called: `server/tool` is one of an MCP server's."""
    server, slash, tool = name.partition("/")
    return (
        ("agent.mcp_tool_use", {"mcp_server_name": server, "name": tool})
        if slash
        else ("agent.tool_use", {"name": name})
    )


def _permission(verdict: str) -> Json:
    """What a call of a provider's tool says about who may run it: `allow` or `ask`, and the policy behind that."""
    return {"evaluated_permission": verdict, "evaluation": {"type": f"always_{verdict}"}}


def parts_of(script: Sequence[Direction]) -> Iterator[tuple[str | None, list[Direction]]]:
    """What each thread is to do, in order: the session's own part first, under None, then each child's under its name."""
    name: str | None = None
    part: list[Direction] = []
    for direction in script:
        if isinstance(direction, directions.Thread):
            yield name, part
            name, part = direction.name, []
        else:
            part.append(direction)
    yield name, part


@attrs.frozen
class Ending:
    """How a turn ends."""

    stop_reason: Json | None
    """None for a session that is over."""
    stop_details: Json | None = None
    flush: bool = False
    """Whether what waits behind this turn is dropped."""


END_TURN_REASON = "end_turn"
END_TURN = Ending({"type": END_TURN_REASON})


class Turn:
    """The performance of scripts in a session, until `close`."""

    def __init__(self, session: Session, write_file: Callable[[str, str, bytes], object]) -> None:
        self._session = session
        self._write_file = write_file
        """Puts a file into a session's outputs: session id, name, content."""
        self._voice: Voice = session
        self._speech = Speech(session)
        """The model calls of the thread at work."""
        self._results: list[str] = []
        self._part = trio.CancelScope()
        """Around what the thread at work does."""
        self._interrupts: list[Json] = []
        """Those that stop the child at work, and were not settled yet."""
        self._own_is_stopped: Callable[[], None] | None = None
        self.batch: Batch | None = None
        """The calls that wait for the client, if any do."""

    @property
    def thread_id(self) -> str:
        """The thread at work."""
        return self._voice.thread_id

    async def perform(self, script: Sequence[Direction]) -> Ending:
        """Performs a script; the session is running when this begins."""
        for name, part in parts_of(script):
            ending = await self._perform_part(name, part)
            if ending is not None:
                return ending
            if self._own_is_stopped is not None:
                self._own_is_stopped()
                await trio.lowlevel.checkpoint_if_cancelled()
        await self._await_funds()
        return END_TURN

    async def _perform_part(self, name: str | None, part: Sequence[Direction]) -> Ending | None:
        """What one thread does; a child that is stopped alone leaves the rest of its part undone."""
        ending = None
        with trio.CancelScope() as self._part:
            await self._await_funds()
            if name is not None:
                self._speak_as(self._session.begin_child(name))
            self._speech.begin()
            ending = await self._act_all(part)
            if ending is None:
                self.close()
        if self._part.cancelled_caught:
            self._abandon_child()
        return ending

    async def _act_all(self, part: Sequence[Direction]) -> Ending | None:
        for kind, group in groupby(part, key=type):
            if kind is directions.Tool:
                await self._call_tools([tool for tool in group if isinstance(tool, directions.Tool)])
                continue
            for direction in group:
                ending = await self._act(direction)
                if ending is not None:
                    return ending
        return None

    def close(self, ending: Ending | None = None) -> None:
        """Ends the model call and the child that are under way, if any are: the child with a reply, or, where one is given, as the ending says."""
        self._speech.end()
        for interrupt in self._interrupts:
            self._session.settle(interrupt)
        self._interrupts.clear()
        if isinstance(self._voice, Child):
            if ending is None:
                self._voice.finish()
            elif ending.stop_reason is None:
                self._voice.terminate()
            else:
                self._voice.stop(ending.stop_reason, ending.stop_details)
            self._speak_as(self._session)

    def _speak_as(self, voice: Voice) -> None:
        self._voice, self._speech = voice, Speech(voice)

    # Being stopped

    def drop_calls(self) -> None:
        """No answer is taken any more: what waited for them is being stopped."""
        self.batch = None

    def stop_child(self, interrupt: Json | None = None) -> None:
        """Stops the child at work at its next wait, and nothing else; `interrupt` is the waiting event that asked for it."""
        if interrupt is not None:
            self._interrupts.append(interrupt)
        self.drop_calls()
        self._part.cancel()

    def stop_behind_child(self, stop: Callable[[], None]) -> None:
        """Has `stop` called when the child at work is done, before anything else is begun."""
        self._own_is_stopped = stop

    def _abandon_child(self) -> None:
        if self._session.status != "running":
            self._session.run()
        self.close(END_TURN)

    async def _act(self, direction: Direction) -> Ending | None:  # noqa: C901 - one clause per direction
        match direction:
            case directions.Echo(text):
                self._speech.say(text)
            case directions.Say(text):
                self._speech.say(text.replace("{results}", ", ".join(self._results)))
            case directions.Misread(line):
                self._speech.say(f"unknown stage direction: {line}")
            case directions.Deltas():
                await self._speech.say_in_pieces(direction)
            case directions.Think():
                self._speech.think()
            case directions.Sleep(seconds):
                await trio.sleep(seconds)
            case directions.Usage(tokens_in, tokens_out):
                await self._count(Tokens(tokens_in, tokens_out))
            case directions.Cut():
                self._session.cut_streams()
            case directions.Eof():
                self._session.end_streams()
            case directions.Stale():
                self._repeat_action()
            case directions.Stop(reason):
                return await self._stop(reason)
            case directions.Fail(kind, status):
                return self._fail(kind, status)
            case directions.Frame(event, data):
                self._voice.feed.show_raw(event, data)
            case directions.Emit(event_object):
                self._speech.emit(event_object)
            case directions.Server(name, arguments, output):
                self._serve(name, arguments, output)
            case directions.Ask(name, arguments, output):
                await self._ask(name, arguments, output)
            case directions.WriteFile(name, text):
                self._write_file(self._session.id, name, text.encode("utf-8", "replace"))
            case directions.Tool() | directions.Thread() | directions.Verdict():
                pass  # tools are batched and threads begun above, verdicts belong to outcomes, which keep them to themselves
            case _:
                assert_never(direction)
        return None

    # Tools

    async def _call_tools(self, tools: list[directions.Tool]) -> None:
        answers = await self._await_answers([self._call_tool(tool) for tool in tools])
        self._results = [text_of(answer.get("content")) for answer in answers]
        await self._go_on()

    def _call_tool(self, tool: directions.Tool) -> Call:
        """A call of the client's: of a custom tool, or, where the client's workers run those, of one built in."""
        if self._session.self_hosted and runs_built_in(self._voice.agent, tool.name):
            about = _permission("allow")
            return self._request("user.tool_result", "agent.tool_use", name=tool.name, input=tool.input, **about)
        return self._request("user.custom_tool_result", "agent.custom_tool_use", name=tool.name, input=tool.input)

    def _serve(self, name: str, arguments: Json, output: str) -> None:
        kind, about = _server_tool(name)
        use = self._voice.post(kind, **about, input=arguments, **_permission("allow"))
        self._finish_tool(use, name, output)

    async def _ask(self, name: str, arguments: Json, output: str) -> None:
        kind, about = _server_tool(name)
        call = self._request("user.tool_confirmation", kind, **about, input=arguments, **_permission("ask"))
        (answer,) = await self._await_answers([call])
        if answer["result"] == "allow":
            self._finish_tool(call.use, name, output)
        else:
            self._finish_tool(call.use, name, answer.get("deny_message") or _DENIED, denied=True)
        await self._go_on()

    def _finish_tool(self, use: Json, name: str, output: str, *, denied: bool = False) -> None:
        by_mcp = use["type"] == "agent.mcp_tool_use"
        kind, field = ("agent.mcp_tool_result", "mcp_tool_use_id") if by_mcp else ("agent.tool_result", "tool_use_id")
        self._voice.post(kind, **{field: use["id"]}, content=[text_block(output)], is_error=denied)
        self._results = [output]
        if not denied:
            self._session.server_tools[name] = self._session.server_tools.get(name, 0) + 1

    def _request(self, answered_by: str, kind: str, /, **fields: Any) -> Call:
        use, asked = self._voice.request(kind, **fields)
        return Call(asked["id"], answered_by, use, asked.get("session_thread_id"))

    async def _await_answers(self, calls: list[Call]) -> list[Json]:
        """Rests until the client has answered every call; the desk has set the session running by then."""
        self._speech.end()
        batch = self.batch = Batch(calls)
        self.require_action()
        await batch.wait()
        await trio.lowlevel.checkpoint_if_cancelled()
        self.batch = None
        self._voice.go_on()
        return batch.answers

    def answer(self, batch: Batch, event: Json) -> Json:
        """Takes the answer to an open call, and answers how it was kept; the thread that made the call keeps it as well."""
        field = RESULT_ID_FIELDS[event["type"]]
        call = batch.call(event[field])
        about = {} if call.thread_id is None else {"session_thread_id": call.thread_id}
        kept = self._session.post_input({**event, **about})
        self._voice.hear({**event, field: call.use["id"]})
        batch.answer(call.id, kept)
        return kept

    def require_action(self) -> None:
        """Says which calls still wait."""
        if self.batch is not None:
            reason = {"type": "requires_action"}
            open_ids = self.batch.open_ids()
            self._voice.rest({**reason, "event_ids": open_ids}, {**reason, "event_ids": self.batch.open_use_ids()})
            self._session.idle({**reason, "event_ids": open_ids})

    async def _go_on(self) -> None:
        """The next model call after answers, as soon as there is money for it."""
        await self._await_funds()
        self._speech.begin()

    async def _await_funds(self) -> None:
        """Where the budget is spent, rests until there is money for another model call."""
        if self._session.over_budget:
            await self._session.await_funds()

    async def _count(self, tokens: Tokens) -> None:
        """The counts of the model call under way; where it has some, of the next one."""
        if self._speech.counted:
            self._speech.end()
            await self._go_on()
        self._speech.count(tokens)

    def _repeat_action(self) -> None:
        if self._session.last_action is not None:
            old = self._session.last_action
            self._session.post_usage()
            self._session.post("session.status_idle", stop_reason=old["stop_reason"], stop_details=None)

    # Ends

    async def _stop(self, reason: str) -> Ending:
        if reason in ("budget_reached", END_TURN_REASON):
            self.close()
            if reason == "budget_reached":
                await self._session.await_funds()
            return END_TURN
        if reason == "refusal":
            details = {"type": "refusal", "category": "general_harms", "explanation": "a stage direction asked for it"}
            return Ending({"type": reason}, details)
        if reason == "requires_action":
            return Ending({"type": reason, "event_ids": []})
        return Ending({"type": reason})

    def _fail(self, kind: str, status: str) -> Ending | None:
        error = {
            "type": kind,
            "message": "a stage direction asked for this error",
            "retry_status": {"type": status},
            **next((about for start, about in _ERROR_FIELDS.items() if kind.startswith(start)), {}),
        }
        if status != "retrying":
            self._speech.end(failed=True)
        self._session.post("session.error", error=error)
        if status == "retrying":
            self._voice.reschedule()
            return None
        return Ending(None if status == "terminal" else {"type": "retries_exhausted"}, flush=True)
