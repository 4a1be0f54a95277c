"""Commands in a runtime session's machine: what they write, as they write it, and how they end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import attrs
import httpx

from agentsup.agentcore.errors import class_for
from agentsup.agentcore.line import Line, refusal
from agentsup.control.errors import ApiError, UnreadableAnswer
from agentsup.errors import Problem, SpecError
from agentsup.providers.agentcore.commands import command_ask
from agentsup.providers.agentcore.provider import arn_of
from agentsup.providers.aws.sending import Ask
from agentsup.providers.body import unwinding
from agentsup.talk.content import hidden
from agentsup.wire.agentcore import names, requests
from agentsup.wire.agentcore.commands import CommandEvent, CommandFold, Exit, Output
from agentsup.wire.agentcore.frames import ErrorInStream, read_frame
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.eventstream import FrameDecoder

MAX_TIMEOUT: Final = 3600
"""Seconds a command may take at most; the service's bound."""


@attrs.frozen(kw_only=True)
class CommandResult:
    """What a command came to."""

    stdout: str = attrs.field(repr=hidden)
    stderr: str = attrs.field(repr=hidden)
    exit_code: int
    """0 is success, more is the command's own word, -1 is the platform's failure."""

    timed_out: bool = False
    """It took longer than it had, and was stopped."""


class Commands:
    """Runs commands where a harness's sessions work. They are the machine's root, and pass by what the harness allows its agent."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def __repr__(self) -> str:
        return f"<Commands of {self._line!r}>"

    @asynccontextmanager
    async def stream(
        self, harness: Any, runtime_session_id: str, command: str, *, timeout: int = 300, qualifier: str | None = None
    ) -> AsyncIterator[AsyncIterator[CommandEvent]]:
        """Run a command and go through what it writes, as it writes it; the last event is its `Exit`.

        Leaving the block early leaves the command running. It is sent again only if it has certainly not begun.

        Args:
            harness: the harness's ARN or handle: never the ARN of the runtime under it, which the harness owns.
            runtime_session_id: whose machine; a new one is made for an id that is not known.
            command: 1 to 65536 characters, for a shell of its own; nothing but files outlives it.
            timeout: seconds it may take, 1 to 3600.
            qualifier: the harness's endpoint; else `DEFAULT`.

        Raises:
            SpecError: one of these cannot be used; all of it is listed.
            ApiError: it cannot be run; in the loop: the stream broke off, and what became of the command is unknown (`ambiguous`).
        """
        ask = _ask(harness, runtime_session_id, command, timeout, qualifier)
        async with AsyncExitStack() as stack:

            async def opened() -> httpx.Response:
                async with AsyncExitStack() as attempt:
                    response = await attempt.enter_async_context(self._line.sender.answer(ask))
                    if not response.is_success:
                        raise refusal(ask, response, await self._line.sender.told(response))
                    stack.push_async_exit(attempt.pop_all())
                    return response

            response = await self._line.persist(ask, opened, again=False)
            pieces = await stack.enter_async_context(unwinding(response.aiter_bytes()))
            yield _Events(pieces, ask, self._line)

    async def run(
        self,
        harness: Any,
        runtime_session_id: str,
        command: str,
        *,
        timeout: int = 300,
        qualifier: str | None = None,
        on_output: Callable[[Output], None] | None = None,
    ) -> CommandResult:
        """Run a command to its end. An exit code other than 0 is a result and no error.

        Args: as for `stream`; `on_output` is called with each piece as it comes.

        Raises:
            SpecError: something cannot be used; all of it is listed.
            ApiError: it could not be run, or its end is not known.
        """
        written: dict[str, list[str]] = {"stdout": [], "stderr": []}
        async with self.stream(harness, runtime_session_id, command, timeout=timeout, qualifier=qualifier) as events:
            end = Exit(-1)
            async for event in events:
                match event:
                    case Output(stream=name, text=text):
                        written[name].append(text)
                        if on_output is not None:
                            on_output(event)
                    case Exit():
                        end = event
        return CommandResult(
            stdout="".join(written["stdout"]),
            stderr="".join(written["stderr"]),
            exit_code=end.code,
            timed_out=end.timed_out,
        )


class _Events:
    """A command's events, its breaks as our errors."""

    def __init__(self, pieces: AsyncIterator[bytes], ask: Ask, line: Line) -> None:
        self._pieces = pieces
        self._ask = ask
        self._line = line
        self._decoder = FrameDecoder()
        self._fold = CommandFold()
        self._told: list[CommandEvent] = []
        self._over = False

    def __aiter__(self) -> _Events:
        return self

    async def __anext__(self) -> CommandEvent:
        try:
            with self._line.translated(self._ask):
                while not self._told and not self._over:
                    await self._read()
        except ErrorInStream as exc:
            raise _broken(self._ask, exc) from exc
        except RemoteProtocolError as exc:
            raise UnreadableAnswer(f"{self._ask.what}: {exc}", ambiguous=True) from exc
        if not self._told:
            raise StopAsyncIteration
        return self._told.pop(0)

    async def _read(self) -> None:
        frame = self._decoder.next_frame()
        if frame is not None:
            self._told += self._fold.feed(read_frame(frame))
            return
        try:
            self._decoder.feed(await anext(self._pieces))
        except StopAsyncIteration:
            self._decoder.end()
            self._fold.end()
            self._over = True


def _broken(ask: Ask, exc: ErrorInStream) -> ApiError:
    return class_for(exc.code, None)(f"{ask.what}: {exc}", type=exc.code, ambiguous=True)


def _ask(harness: Any, session_id: str, command: str, timeout: int, qualifier: str | None) -> Ask:
    arn = arn_of(harness)
    problems = []
    if names.parse_arn(arn) is None:
        problems.append(Problem("harness", "must be a harness's ARN or handle"))
    if why := names.session_id_problem(session_id):
        problems.append(Problem("runtime_session_id", why))
    if not isinstance(command, str) or not 1 <= len(command) <= requests.MAX_COMMAND:
        problems.append(Problem("command", f"must be text of 1 to {requests.MAX_COMMAND} characters"))
    if type(timeout) is not int or not 1 <= timeout <= MAX_TIMEOUT:
        problems.append(Problem("timeout", f"must be a whole number of seconds from 1 to {MAX_TIMEOUT}"))
    if qualifier is not None and not (isinstance(qualifier, str) and names.ENDPOINT_NAME.fullmatch(qualifier)):
        problems.append(Problem("qualifier", "must be an endpoint's name"))
    if problems:
        raise SpecError(problems)
    return command_ask(arn, session_id, command, what="running a command", timeout=timeout, qualifier=qualifier)
