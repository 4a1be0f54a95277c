"""One turn: the simulated agent performs a script, direction by direction, as messages on one event stream.

What is said stands in one message as blocks, until a `@server` or the end closes it. Nothing in a turn waits except `@sleep` and a
client that reads slowly; what follows a `@cut` or `@eof` happens while nobody listens.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import assert_never

import attrs
import trio

from agentsup.sim import directions
from agentsup.sim.directions import Direction
from agentsup.sim.exchange import Json, encode_json

from . import frames
from .messages import Call
from .session import Session, new_call
from .stream import Stream

_EXCEPTIONS = ("internalServerException", "validationException", "runtimeClientError")
"""The members of the stream's union that are exceptions; any other error arrives as the last one."""


class Ending(Enum):
    """What becomes of the session after a turn."""

    REST = auto()
    OVER = auto()


@attrs.frozen
class Limits:
    """What one invoke may use at most; each ends the turn with a stop reason of its own."""

    iterations: int
    """Messages of the agent."""
    tokens: int | None
    """Output tokens."""
    seconds: float


class Turn:
    """The performance of one script on one stream."""

    def __init__(self, session: Session, stream: Stream, limits: Limits) -> None:
        self._session = session
        self._stream = stream
        self._limits = limits
        self._began = trio.current_time()
        self._messages = 0
        self._speaking = False
        self._block_open = False
        self._index = 0
        self._usage: directions.Usage | None = None
        self._spent_tokens = 0

    async def perform(self, script: Sequence[Direction]) -> Ending:
        """Performs the script to its end, its first open calls, or one of the limits."""
        with trio.move_on_after(self._limits.seconds) as scope:
            return await self._perform(script)
        if scope.cancelled_caught:
            self._session.suspend((), ())
            self._close_now("timeout_exceeded")
        return Ending.REST

    async def _perform(self, script: Sequence[Direction]) -> Ending:
        rest = tuple(script)
        while rest:
            tools = _leading_tools(rest)
            if tools:
                await self._call(tools, rest[len(tools) :])
                return Ending.REST
            direction, *others = rest
            rest = tuple(others)
            ending = await self._act(direction)
            if ending is not None:
                return ending
            over = self._spent()
            if over is not None:
                await self._close(over)
                return Ending.REST
        await self._close("end_turn")
        return Ending.REST

    async def _act(self, direction: Direction) -> Ending | None:  # noqa: C901 - one clause per direction
        match direction:
            case directions.Echo(text):
                await self._say(text)
            case directions.Say(text):
                await self._say(text.replace("{results}", ", ".join(self._session.results)))
            case directions.Deltas():
                await self._say_in_pieces(direction)
            case directions.Think(text):
                await self._think(text)
            case directions.Sleep(seconds):
                await trio.sleep(seconds)
            case directions.Usage():
                await self._count(direction)
            case directions.Cut():
                self._stream.cut(mid_frame=True)
            case directions.Eof():
                self._stream.end()
            case directions.Stop(reason):
                await self._close(reason)
                return Ending.REST
            case directions.Fail(kind, status):
                return await self._fail(kind, status)
            case directions.Frame(event, data):
                await self._stream.send(frames.event(event, data.encode("utf-8", "replace")))
            case directions.Emit(event_object):
                payload = {name: value for name, value in event_object.items() if name != "type"}
                await self._send(event_object["type"], payload)
            case directions.Server(name, arguments, output):
                await self._serve(name, arguments, output)
            case directions.WriteFile(name, text):
                return await self._write(name, text)
            case (
                directions.Tool()
                | directions.Verdict()
                | directions.Misread()
                | directions.Ask()
                | directions.Stale()
                | directions.Thread()
            ):
                pass  # tools are batched by `perform`, the others never get past the door
            case _:
                assert_never(direction)
        return None

    # Messages

    async def _send(self, name: str, payload: Json) -> None:
        await self._stream.send(frames.event(name, payload))

    async def _speak(self) -> None:
        """Begins a message where none is open."""
        if not self._speaking:
            self._speaking = True
            self._messages += 1
            self._index = 0
            await self._send("messageStart", {"role": "assistant"})

    async def _close(self, reason: str) -> None:
        """Ends the message, one that is begun for it where none is open."""
        await self._speak()
        await self._send("messageStop", {"stopReason": reason})
        self._speaking = False
        await self._send("metadata", self._metadata())

    def _close_now(self, reason: str) -> None:
        """The same without waiting, wherever the turn has got to."""
        if self._block_open:
            self._stream.push(frames.event("contentBlockStop", {"contentBlockIndex": self._index}))
        if not self._speaking:
            self._stream.push(frames.event("messageStart", {"role": "assistant"}))
        self._stream.push(frames.event("messageStop", {"stopReason": reason}))
        self._stream.push(frames.event("metadata", self._metadata()))

    def _metadata(self) -> Json:
        usage, self._usage = self._usage or directions.Usage(0, 0), None
        began, self._began = self._began, trio.current_time()
        return {
            "usage": {
                "inputTokens": usage.input_tokens,
                "outputTokens": usage.output_tokens,
                "totalTokens": usage.input_tokens + usage.output_tokens,
            },
            "metrics": {"latencyMs": round((self._began - began) * 1000)},
        }

    async def _count(self, usage: directions.Usage) -> None:
        """The tokens of this model call; a second count in one message is a call of its own, whose numbers go out at once."""
        if self._usage is not None:
            await self._send("metadata", self._metadata())
        self._usage = usage
        self._spent_tokens += usage.output_tokens

    def _spent(self) -> str | None:
        """The limit that has been reached, as a stop reason."""
        if self._limits.tokens is not None and self._spent_tokens > self._limits.tokens:
            return "max_output_tokens_exceeded"
        if not self._speaking and self._messages >= self._limits.iterations:
            return "max_iterations_exceeded"
        return None

    # Blocks

    async def _block(self, deltas: Sequence[Json], start: Json | None = None) -> None:
        """A block of the message; text and reasoning come without a start, as on the service."""
        await self._open_block(start)
        for delta in deltas:
            await self._delta(delta)
        await self._close_block()

    async def _open_block(self, start: Json | None = None) -> None:
        await self._speak()
        if start is not None:
            await self._send("contentBlockStart", {"contentBlockIndex": self._index, "start": start})
        self._block_open = True

    async def _delta(self, delta: Json) -> None:
        await self._send("contentBlockDelta", {"contentBlockIndex": self._index, "delta": delta})

    async def _close_block(self) -> None:
        await self._send("contentBlockStop", {"contentBlockIndex": self._index})
        self._block_open = False
        self._index += 1

    async def _say(self, text: str) -> None:
        if text:
            await self._block([{"text": text}])

    async def _say_in_pieces(self, deltas: directions.Deltas) -> None:
        await self._open_block()
        for index in range(deltas.count):
            if not self._stream.open:
                break
            await self._delta({"text": deltas.piece(index)})
        await self._close_block()

    async def _think(self, text: str) -> None:
        if text:
            await self._block([{"reasoningContent": {"text": text}}, {"reasoningContent": {"signature": "simulated"}}])

    # Tools

    async def _call(self, tools: Sequence[directions.Tool], rest: tuple[Direction, ...]) -> None:
        """Calls of the client's tools: the session waits for them before the stream says so."""
        calls = tuple(new_call(tool.name, tool.input) for tool in tools)
        for call in calls:
            await self._use(call, "tool_use")
        self._session.suspend(calls, rest)
        await self._close("tool_use")

    async def _use(self, call: Call, kind: str) -> None:
        start = {"toolUse": {"toolUseId": call.id, "name": call.name, "type": kind}}
        await self._block([{"toolUse": {"input": piece}} for piece in _fragments(call.input)], start)

    async def _serve(self, name: str, arguments: Json, output: str) -> None:
        call = new_call(name, arguments)
        await self._use(call, "server_tool_use")
        start = {"toolResult": {"toolUseId": call.id, "status": "success"}}
        await self._block([{"toolResult": [{"text": output}]}], start)
        self._session.results = (output,)
        await self._close("tool_result")

    async def _write(self, name: str, text: str) -> Ending | None:
        try:
            self._session.folder.write(name, text)
        except OSError as error:
            return await self._fail(f"cannot write {name}: {error.strerror or error}", "exhausted")
        return None

    # Failing

    async def _fail(self, kind: str, status: str) -> Ending | None:
        if status == "retrying":
            return None
        name = kind if kind in _EXCEPTIONS else "runtimeClientError"
        message = "a stage direction asked for this error" if name == kind else kind
        payload: Json = {"message": message}
        if name == "validationException":
            payload["reason"] = "FieldValidationFailed"
        await self._stream.send(frames.exception(name, payload))
        self._stream.end()
        return Ending.OVER if status == "terminal" else Ending.REST


def _leading_tools(script: Sequence[Direction]) -> list[directions.Tool]:
    """The batch of calls that a script begins with."""
    found: list[directions.Tool] = []
    for direction in script:
        if not isinstance(direction, directions.Tool):
            break
        found.append(direction)
    return found


def _fragments(arguments: Json) -> list[str]:
    """The input as the stream carries it: JSON in pieces; of an empty object, nothing at all."""
    if not arguments:
        return []
    written = encode_json(arguments).decode()
    middle = len(written) // 2
    return [written[:middle], written[middle:]]
