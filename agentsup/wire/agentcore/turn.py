"""What one invoke's stream means in the common vocabulary: a fold over its events, from the first to the end of the stream.

A stream may carry several messages: the agent's, and between them the results of tools that ran over there. Which of its calls are ours
is known only when the stream has ended: the last `stopReason` decides, and it is `tool_use` only if the service waits for us. Then the
calls of the last message that no result came for in the stream are the ones it waits for.

Two rules come from streams that were seen live. Calls are told apart by their id and not by their block's index, because a stream was seen
to use one index for two calls; and a call that is announced twice is one call. A stream that ends without `messageStop` was cut, however
cleanly it closed.

Every event of the stream appears exactly once as a body's `raw`, in order. What is concluded from several of them has an empty one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from agentsup.ids import CallId
from agentsup.talk import events as ev
from agentsup.talk.result import Terminal
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage
from agentsup.wire.agentcore.frames import StreamEvent
from agentsup.wire.errors import RemoteProtocolError

Body = ev.Theirs | ev.TextDelta

ENDS: Final[Mapping[str, Terminal]] = {
    "end_turn": "end_turn",
    "stop_sequence": "end_turn",
    "tool_use": "requires_action",
}
"""Stop reason to terminal. Every other one, also one nobody has heard of yet, ends the turn as `terminated`."""

_NOTHING: Final[Mapping[str, Any]] = {}


@attrs.define(eq=False)
class _Call:
    """A call as it comes in."""

    name: str
    elsewhere: bool
    """It says itself that it runs over there."""

    pieces: list[str] = attrs.field(factory=list)
    use: ToolUse | None = None
    fault: RemoteProtocolError | None = None
    """Its arguments make no sense. Told at the end, so that nothing of the stream is lost to it."""


class TurnFold:
    """One stream on its way. `feed` each event, then `end` when the stream has ended."""

    def __init__(self, turn_id: str) -> None:
        self._turn_id = turn_id
        self._count = 0
        self._messages = 0
        self._texts: dict[int, list[str]] = {}
        self._active: dict[int, str] = {}
        self._calls: dict[str, _Call] = {}
        self._stop_reason: str | None = None

    def __repr__(self) -> str:
        return f"<TurnFold after {self._count} events>"

    def feed(self, event: StreamEvent) -> Iterator[Body]:
        """What the event means."""
        self._count += 1
        raw = event.raw
        match event.name:
            case "messageStart":
                yield from self._message_start(event.value, raw)
            case "contentBlockStart":
                yield from self._block_start(event.value, raw)
            case "contentBlockDelta":
                yield from self._delta(event.value, raw)
            case "contentBlockStop":
                yield self._block_stop(event.value, raw)
            case "messageStop":
                yield from self._finish_texts()
                reason = event.value.get("stopReason")
                self._stop_reason = reason if isinstance(reason, str) else "unknown"
                yield self._noted(raw)
            case "metadata":
                yield ev.Measured(id=self._id(), raw=raw, usage=_usage(event.value))
            case _:
                yield self._noted(raw)

    def end(self) -> Iterator[Body]:
        """The stream has ended.

        Raises:
            RemoteProtocolError: it was not at an end, or a call's arguments are not what they must be.
        """
        if self._stop_reason is None:
            raise RemoteProtocolError("the stream ended without the message's end")
        terminal = ENDS.get(self._stop_reason, "terminated")
        asked = []
        for call_id, call in self._calls.items():
            if call.use is None:
                raise call.fault or RemoteProtocolError("the stream ended in the middle of a tool call")
            if terminal == "requires_action" and not call.elsewhere:
                asked.append(CallId(call_id))
                yield ev.ToolAsked(id=None, raw=_NOTHING, use=call.use)
            else:
                yield ev.ServerToolUsed(id=None, raw=_NOTHING, use=call.use)
        yield ev.Waiting(id=None, raw=_NOTHING, terminal=terminal, stop_reason=self._stop_reason, asked=tuple(asked))

    # --- the events ----------------------------------------------------------------------------------------------------------

    def _message_start(self, value: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[Body]:
        self._stop_reason = None
        self._texts.clear()
        self._active.clear()
        if value.get("role") != "assistant":
            yield self._noted(raw)
            return
        # The agent goes on: calls without a result so far were the service's own, and their results are not shown.
        for call_id in tuple(self._calls):
            yield from self._ran_elsewhere(call_id)
        self._messages += 1
        yield ev.Working(id=self._id(), raw=raw)

    def _block_start(self, value: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[Body]:
        start = _mapping(value.get("start"))
        use, result = _mapping(start.get("toolUse")), _mapping(start.get("toolResult"))
        index = _index(value)
        self._active.pop(index, None)
        call_id = use.get("toolUseId")
        if isinstance(call_id, str) and call_id:
            elsewhere = use.get("type") in ("server_tool_use", "mcp_tool_use") or bool(use.get("serverName"))
            self._calls[call_id] = _Call(str(use.get("name", "")), elsewhere)
            self._active[index] = call_id
        call_id = result.get("toolUseId")
        if isinstance(call_id, str) and call_id in self._calls:
            yield from self._ran_elsewhere(call_id)
            failed = result.get("status") == "error"
            yield ev.ServerToolEnded(id=self._id(), raw=raw, call_id=CallId(call_id), is_error=failed)
        else:
            yield self._noted(raw)

    def _delta(self, value: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[Body]:
        index, delta = _index(value), _mapping(value.get("delta"))
        text, piece = delta.get("text"), _mapping(delta.get("toolUse")).get("input")
        active = self._calls.get(self._active.get(index, ""))
        if isinstance(piece, str) and active is not None:
            active.pieces.append(piece)
        yield ev.Noted(id=None, raw=raw)  # without an id: there is no history in which it could be seen again
        if isinstance(text, str):
            self._texts.setdefault(index, []).append(text)
            yield ev.TextDelta(message_id=self._text_id(index), text=text)

    def _block_stop(self, value: Mapping[str, Any], raw: Mapping[str, Any]) -> Body:
        index = _index(value)
        call_id = self._active.pop(index, None)
        if call_id is not None and (call := self._calls.get(call_id)) is not None:
            try:
                call.use = ToolUse(CallId(call_id), call.name, _arguments("".join(call.pieces)))
            except RemoteProtocolError as exc:
                call.fault = exc
        pieces = self._texts.pop(index, None)
        if pieces is None:
            return self._noted(raw)
        return ev.Said(id=self._text_id(index), raw=raw, text="".join(pieces))

    def _finish_texts(self) -> Iterator[Body]:
        """Blocks that were not ended by themselves end with their message."""
        for index, pieces in self._texts.items():
            yield ev.Said(id=self._text_id(index), raw=_NOTHING, text="".join(pieces))
        self._texts.clear()

    def _ran_elsewhere(self, call_id: str) -> Iterator[Body]:
        call = self._calls.pop(call_id)
        yield ev.ServerToolUsed(id=None, raw=_NOTHING, use=call.use or ToolUse(CallId(call_id), call.name, {}))

    # --- ids -----------------------------------------------------------------------------------------------------------------

    def _id(self) -> str:
        return f"{self._turn_id}.{self._count}"

    def _text_id(self, index: int) -> str:
        """The same for a block's pieces and its whole."""
        return f"{self._turn_id}.m{self._messages}.{index}"

    def _noted(self, raw: Mapping[str, Any]) -> ev.Noted:
        return ev.Noted(id=self._id(), raw=raw)


def _arguments(text: str) -> Mapping[str, Any]:
    """A call's arguments, put together; none at all are an empty object."""
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        raise RemoteProtocolError("the arguments of a tool call are not JSON") from None
    if not isinstance(value, dict):
        raise RemoteProtocolError(f"the arguments of a tool call are a JSON {type(value).__name__}, not an object")
    return value


def _usage(value: Mapping[str, Any]) -> Usage:
    usage = _mapping(value.get("usage"))
    if not usage:
        return Usage()
    return Usage(
        input_tokens=_count(usage, "inputTokens"),
        output_tokens=_count(usage, "outputTokens"),
        cache_read_tokens=_count(usage, "cacheReadInputTokens"),
        cache_write_tokens=_count(usage, "cacheWriteInputTokens"),
        raw=(usage,),
    )


def _count(usage: Mapping[str, Any], key: str) -> int:
    value = usage.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _index(value: Mapping[str, Any]) -> int:
    index = value.get("contentBlockIndex")
    return index if isinstance(index, int) else 0


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING
