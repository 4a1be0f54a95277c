"""The data plane's other operations: commands in a session's own folder, and the end of a session."""

from __future__ import annotations

import uuid

from agentsup.errors import Problem
from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from . import frames
from .arn import arn_of
from .gate import check_signature, region_of
from .harness import Harness
from .harnesses import Harnesses
from .invocations import EVENT_STREAM
from .operations import INVOKE_COMMAND, STOP_RUNTIME_SESSION, read_input
from .refusal import invalid, invalid_fields, not_found
from .session import Session
from .sessions import Sessions, at_work
from .shapes import Integer
from .shell import PLATFORM_ERROR, run_command
from .stream import Stream
from .tokens import ClientTokens

SESSION_HEADER = "x-amzn-bedrock-agentcore-runtime-session-id"

_DEFAULT_TIMEOUT_S = 300
_TIMEOUT = Integer(1, 3600)


class Runtimes:
    """InvokeAgentRuntimeCommand and StopRuntimeSession, on harnesses."""

    def __init__(self, world: World, harnesses: Harnesses, sessions: Sessions) -> None:
        self._world = world
        self._harnesses = harnesses
        self._sessions = sessions
        self._tokens = ClientTokens()

    def routes(self) -> list[Route]:
        """The lines of the routing table."""
        return [
            Route("POST", "/runtimes/{agentRuntimeArn}/commands", self._command, check_signature),
            Route("POST", "/runtimes/{agentRuntimeArn}/stopruntimesession", self._stop, check_signature),
        ]

    async def _command(self, request: Request) -> Response:
        given = read_input(INVOKE_COMMAND, request)
        command, timeout_s = _checked(given["body"])
        arn = _full_arn(given, region_of(request))
        harness, definition = self._harnesses.usable(
            arn, given.get("qualifier"), region_of(request), "InvokeAgentRuntimeCommand"
        )
        session = self._sessions.named(harness, given.get("runtimeSessionId") or str(uuid.uuid4()))
        session.begin_command()
        stream = Stream()
        variables = definition.get("environmentVariables", {})
        self._world.nursery.start_soon(
            _work, session, stream, command, variables, timeout_s, name=f"a command of {session.id}"
        )
        return Response(200, (("content-type", EVENT_STREAM), (SESSION_HEADER, session.id)), stream)

    async def _stop(self, request: Request) -> Response:
        given = read_input(STOP_RUNTIME_SESSION, request)
        region = region_of(request)
        harness = self._harnesses.named(_full_arn(given, region), region, "StopRuntimeSession")
        response = self._tokens.once("StopRuntimeSession", given, lambda asked: self._end(harness, asked))
        await self._sessions.all_gone()
        return response

    def _end(self, harness: Harness, given: Json) -> Response:
        session = self._sessions.running(harness, given["runtimeSessionId"])
        if session is None:
            raise not_found("Runtime session", given["runtimeSessionId"])
        self._sessions.end(harness, session)
        return Response.json({}, headers=((SESSION_HEADER, session.id),))


def _full_arn(given: Json, region: str) -> str:
    """The ARN that is meant: itself, or of a bare harness id in the account that is named beside it."""
    named: str = given["agentRuntimeArn"]
    if named.startswith("arn:"):
        if "accountId" in given:
            raise invalid("accountId", "The account id must not be given with an ARN")
        return named
    if "accountId" not in given:
        raise invalid("agentRuntimeArn", "A bare id needs the accountId beside it; the ARN says both")
    return arn_of(region, "harness", named, given["accountId"])


def _checked(body: Json) -> tuple[str, float]:
    """The command and its time limit.

    Raises:
        AwsRefused: 400.
    """
    problems: list[Problem] = []
    timeout = body.get("timeout", _DEFAULT_TIMEOUT_S)
    _TIMEOUT.check(timeout, "body.timeout", problems)
    if problems:
        raise invalid_fields(problems)
    command: str = body["command"]
    if "\0" in command or command.encode("utf-8", "ignore").decode() != command:
        raise invalid("body.command", "The command must be text that a shell can be given")
    return command, float(timeout)


async def _work(session: Session, stream: Stream, command: str, variables: Json, timeout_s: float) -> None:
    """Runs the command; what it says and how it ends goes out in chunks."""

    async def say(name: str, text: str) -> None:
        await stream.send(frames.event("chunk", {"contentDelta": {name: text}}))

    try:
        with at_work(session, stream):
            await stream.send(frames.event("chunk", {"contentStart": {}}))
            ended = await run_command(command, session.folder, variables, timeout_s, say, session.groups)
            status = "TIMED_OUT" if ended.timed_out else "COMPLETED"
            stop = {"exitCode": PLATFORM_ERROR if ended.timed_out else ended.code, "status": status}
            await stream.send(frames.event("chunk", {"contentStop": stop}))
    finally:
        session.end_command()
