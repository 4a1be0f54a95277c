"""One harness's wire: invokes go out through the lines of its sessions, interrupts as `StopRuntimeSession`."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import trio

from agentsup.providers.agentcore.line import Line
from agentsup.providers.agentcore.listing import list_files
from agentsup.providers.agentcore.stopping import stop_session
from agentsup.providers.agentcore.turn import Turn
from agentsup.providers.aws.credentials import CredentialSource, Fresh
from agentsup.providers.aws.sending import Ask, Sender
from agentsup.providers.aws.signing import Signer
from agentsup.providers.base import Hear, Rejected, Seen, Unavailable
from agentsup.providers.transport import own_client
from agentsup.talk.artifact import Artifact
from agentsup.talk.events import Failure
from agentsup.talk.outgoing import GiveResult, Outgoing, SayMessage, SayStop
from agentsup.wire import jsontext
from agentsup.wire.agentcore import requests
from agentsup.wire.errors import LocalProtocolError

PATIENCE: Final = 2.0
"""Seconds the session waits for an invoke's answer to begin before it goes on: what it is refused for afterwards is told like everything
that goes wrong later. A harness that starts cold is silent for longer, and an interrupt must not wait for it."""


class HarnessDriver:
    """One harness, as one owner of credentials sees it."""

    def __init__(
        self,
        *,
        base_url: str,
        region: str,
        credentials: CredentialSource,
        arn: str,
        qualifier: str | None = None,
        overrides: dict[str, Any] | None = None,
        idle_timeout: float = 300.0,
        http: Any = None,
    ) -> None:
        self._arn = arn
        self._qualifier = qualifier
        self._overrides = overrides or {}
        self._idle_timeout = idle_timeout
        self._owned = http is None
        self._http = own_client() if http is None else http
        signer = Signer(region=region, service=requests.SERVICE)
        self._sender = Sender(self._http, base_url, signer, Fresh(credentials))
        self._lines: dict[str, Line] = {}

    def __repr__(self) -> str:
        return f"<HarnessDriver {self._arn}>"

    async def attach(
        self,
        provider_session_id: str,
        *,
        hear: Hear,
        caught_up: Callable[[], Awaitable[None]],
        heartbeat: float,
        seen: Seen | None = None,
    ) -> None:
        """Hold the session's line, and follow each turn that is asked for through it; returns only by raising.

        There is no stream to open and no history to list, so it is caught up at once; and `heartbeat` says nothing here, because a harness
        says nothing while its model thinks: a turn has its own time of silence.
        """
        line = Line(self._sender, lambda turn: self._invoke(provider_session_id, turn), hear)
        self._lines[provider_session_id] = line
        try:
            await caught_up()
            await line.run()
        finally:
            if self._lines.get(provider_session_id) is line:
                del self._lines[provider_session_id]

    async def post(
        self,
        provider_session_id: str,
        items: Sequence[Outgoing],
        *,
        seconds: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Ask for a turn with all of these, and return when the service has begun to answer; what it answers is heard by who is attached.

        A stop among them stops the session over there, and nothing else of them goes out: it is what they would have gone to that ends. If the
        turn is known to have come to its own end meanwhile, nothing goes out.

        Args:
            provider_session_id: the runtime session.
            items: what is said.
            seconds: what is left of the request's time; the harness stops by itself when it is up.
            options: what was configured, in the service's words; it goes before the overrides that the provider was made with.
        """
        line = self._lines.get(provider_session_id)
        if any(isinstance(item, SayStop) for item in items):
            try:
                if line is not None and line.has_ended:
                    return  # while the stop was on its way here: it would end the conversation, and no turn
                await stop_session(self._sender, self._arn, self._qualifier, provider_session_id)
            finally:
                if line is not None:
                    await line.stop()
            return
        said = _messages(items)
        if line is None:
            raise Unavailable("the connection is not there at the moment")
        turn = Turn(items, said=said, seconds=seconds, options=options)
        await line.put(turn)
        with trio.move_on_after(PATIENCE):
            await turn.settled.wait()
        turn.take()
        if turn.refusal is not None:
            raise turn.refusal

    async def files(self, provider_session_id: str, folder: str) -> Sequence[Artifact]:
        """The files in a folder of the session's machine, which is started for that if it does not run."""
        return await list_files(self._sender, self._arn, self._qualifier, provider_session_id, folder)

    async def aclose(self) -> None:
        """Close our own client; one that was given stays open."""
        if self._owned:
            await self._http.aclose()

    def _invoke(self, session_id: str, turn: Turn) -> Ask:
        body = requests.invoke(turn.said, {**self._overrides, **turn.options}, turn.seconds)
        return Ask(
            what="invoking the harness",
            method="POST",
            segments=("harnesses", "invoke"),
            query=requests.arn_query(self._arn, self._qualifier),
            headers={
                "content-type": "application/json",
                "accept": "application/vnd.amazon.eventstream",
                requests.SESSION_HEADER: session_id,
            },
            body=jsontext.body_of(body),
            silence=self._idle_timeout,
            stream=True,
        )


def new_session_id(token: str | None = None) -> str:
    """A runtime session id; the same for the same token, so that a session that is opened twice is one."""
    return f"agentsup-{token or uuid.uuid4().hex}"


def _messages(items: Sequence[Outgoing]) -> list[dict[str, Any]]:
    strange = [type(item).__name__ for item in items if not isinstance(item, SayMessage | GiveResult)]
    if strange:
        raise _refusal(f"an AgentCore harness takes messages and results, and not {', '.join(strange)}")
    try:
        return requests.messages(items)
    except LocalProtocolError as exc:
        raise _refusal(str(exc)) from None


def _refusal(message: str) -> Rejected:
    return Rejected(Failure(kind="provider", message=message, code="unsupported"), fatal=False)
