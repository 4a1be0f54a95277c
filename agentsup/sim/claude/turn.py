"""One turn: the simulated agent performs a script, direction by direction.

A turn is a chain of model calls (`span.model_request_start` to `_end`): one from the start or from the answers to a batch of calls
to the next batch, and a further one at every second `@usage`. Nothing in a turn waits except `@sleep` and open calls, so
what follows a `@cut` is published before anybody can have come back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import assert_never

import attrs
import trio

from agentsup.sim import directions
from agentsup.sim.directions import Direction
from agentsup.sim.exchange import Json

from .calls import Batch, Call
from .content import text_block, text_of
from .session import Session
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


@attrs.frozen
class Ending:
    """How a turn ends."""

    stop_reason: Json | None
    """None for a session that is over."""
    stop_details: Json | None = None
    flush: bool = False
    """Whether what waits behind this turn is dropped."""


END_TURN = Ending({"type": "end_turn"})


class Turn:
    """The performance of scripts in a session, until `close`."""

    def __init__(self, session: Session, write_file: Callable[[str, str, bytes], object]) -> None:
        self._session = session
        self._write_file = write_file
        """Puts a file into a session's outputs: session id, name, content."""
        self._voice: Voice = session
        self._span: str | None = None
        self._tokens: Tokens | None = None
        self._results: list[str] = []
        self.batch: Batch | None = None
        """The calls that wait for the client, if any do."""

    async def perform(self, script: Sequence[Direction]) -> Ending:
        """Performs a script; the session is running when this begins."""
        self._open_span()
        for kind, group in groupby(script, key=type):
            if kind is directions.Tool:
                await self._call_tools([tool for tool in group if isinstance(tool, directions.Tool)])
                continue
            for direction in group:
                ending = await self._act(direction)
                if ending is not None:
                    return ending
        self.close()
        if self._session.over_budget:
            await self._session.await_funds()
        return END_TURN

    def close(self) -> None:
        """Ends the model call and the child thread that are under way, if any are."""
        self._close_span()
        if isinstance(self._voice, Child):
            self._voice.finish()
            self._voice = self._session

    async def _act(self, direction: Direction) -> Ending | None:  # noqa: C901 - one clause per direction
        match direction:
            case directions.Echo(text):
                self._say([text])
            case directions.Say(text):
                self._say([text.replace("{results}", ", ".join(self._results))])
            case directions.Misread(line):
                self._say([f"unknown stage direction: {line}"])
            case directions.Deltas():
                self._say(direction.pieces(), preview=True)
            case directions.Think():
                self._think()
            case directions.Sleep(seconds):
                await trio.sleep(seconds)
            case directions.Usage(tokens_in, tokens_out):
                self._count(Tokens(tokens_in, tokens_out))
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
                self._emit(event_object)
            case directions.Server(name, arguments, output):
                self._serve(name, arguments, output)
            case directions.Ask(name, arguments, output):
                await self._ask(name, arguments, output)
            case directions.WriteFile(name, text):
                self._write_file(self._session.id, name, text.encode("utf-8", "replace"))
            case directions.Thread(name):
                self._begin_child(name)
            case directions.Tool() | directions.Verdict():
                pass  # tools are batched by `perform`, verdicts belong to outcomes, which keep them to themselves
            case _:
                assert_never(direction)
        return None

    # Model calls

    def _open_span(self) -> None:
        if self._span is None:
            self._span = self._voice.post("span.model_request_start")["id"]
            self._tokens = None

    def _close_span(self, *, failed: bool = False) -> None:
        if self._span is None:
            return
        tokens = self._tokens or Tokens()
        self._voice.count(tokens)
        self._voice.post(
            "span.model_request_end",
            model_request_start_id=self._span,
            is_error=True if failed else None,
            model_usage=tokens.model_usage(),
        )
        self._span = None

    def _count(self, tokens: Tokens) -> None:
        if self._tokens is not None:
            self._close_span()
        self._open_span()
        self._tokens = tokens

    def _begin_child(self, name: str) -> None:
        self.close()
        self._voice = self._session.begin_child(name)
        self._open_span()

    # Words

    def _say(self, pieces: list[str], *, preview: bool = False) -> None:
        message = self._voice.event("agent.message", content=[text_block("".join(pieces))])
        if preview:
            self._preview(message)
            for piece in pieces:
                delta = {"type": "content_delta", "index": 0, "content": text_block(piece)}
                shown = {"type": "event_delta", "event_id": message["id"], "delta": delta}
                self._voice.feed.preview("agent.message", shown)
        self._voice.feed.publish(message)

    def _think(self) -> None:
        thinking = self._voice.event("agent.thinking")
        self._preview(thinking)
        self._voice.feed.publish(thinking)

    def _preview(self, event: Json) -> None:
        started = {"type": event["type"], "id": event["id"]}
        self._voice.feed.preview(event["type"], {"type": "event_start", "event": started})

    def _emit(self, event: Json) -> None:
        made = self._voice.event(event["type"], **{key: value for key, value in event.items() if key != "type"})
        self._voice.feed.publish(made)

    # Tools

    async def _call_tools(self, tools: list[directions.Tool]) -> None:
        asked = [self._voice.request("agent.custom_tool_use", name=tool.name, input=tool.input)[1] for tool in tools]
        answers = await self._await_answers([self._call(use, "user.custom_tool_result") for use in asked])
        self._results = [text_of(answer.get("content")) for answer in answers]
        await self._go_on()

    def _serve(self, name: str, arguments: Json, output: str) -> None:
        kind, about = _server_tool(name)
        use = self._voice.post(kind, **about, input=arguments, evaluated_permission="allow")
        self._finish_tool(use, name, output)

    async def _ask(self, name: str, arguments: Json, output: str) -> None:
        kind, about = _server_tool(name)
        use, asked = self._voice.request(kind, **about, input=arguments, evaluated_permission="ask")
        (answer,) = await self._await_answers([self._call(asked, "user.tool_confirmation")])
        if answer["result"] == "allow":
            self._finish_tool(use, name, output)
        else:
            self._finish_tool(use, name, answer.get("deny_message") or _DENIED, denied=True)
        await self._go_on()

    def _finish_tool(self, use: Json, name: str, output: str, *, denied: bool = False) -> None:
        by_mcp = use["type"] == "agent.mcp_tool_use"
        kind, field = ("agent.mcp_tool_result", "mcp_tool_use_id") if by_mcp else ("agent.tool_result", "tool_use_id")
        self._voice.post(kind, **{field: use["id"]}, content=[text_block(output)], is_error=denied)
        self._results = [output]
        if not denied:
            self._session.server_tools[name] = self._session.server_tools.get(name, 0) + 1

    def _call(self, use: Json, answered_by: str) -> Call:
        return Call(use["id"], answered_by, use.get("session_thread_id"))

    async def _await_answers(self, calls: list[Call]) -> list[Json]:
        """Rests until the client has answered every call; the desk has set the session running by then."""
        self._close_span()
        self.batch = Batch(calls)
        self.require_action()
        await self.batch.wait()
        answers = self.batch.answers
        self.batch = None
        self._voice.go_on()
        return answers

    def require_action(self) -> None:
        """Says which calls still wait."""
        if self.batch is not None:
            reason = {"type": "requires_action", "event_ids": self.batch.open_ids()}
            self._voice.rest(reason)
            self._session.idle(reason)

    async def _go_on(self) -> None:
        """The next model call after answers, as soon as there is money for it."""
        if self._session.over_budget:
            await self._session.await_funds()
        self._open_span()

    def _repeat_action(self) -> None:
        if self._session.last_action is not None:
            old = self._session.last_action
            self._session.post_usage()
            self._session.post("session.status_idle", stop_reason=old["stop_reason"], stop_details=None)

    # Ends

    async def _stop(self, reason: str) -> Ending:
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
            self._close_span(failed=True)
        self._session.post("session.error", error=error)
        if status == "retrying":
            self._session.reschedule()
            return None
        return Ending(None if status == "terminal" else {"type": "retries_exhausted"}, flush=True)
